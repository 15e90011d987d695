// SPDX-License-Identifier: Apache-2.0
#include "daemon/core/core_rules.h"

#include "daemon/matching/hints.h"
#include "daemon/matching/match.h"

namespace opendext::daemon {

std::vector<ClassDeclaration> core_classes() {
    constexpr const char* kBundle = "com.apple.kpi.iokit";
    const auto system = [](const char* name, const char* super) {
        return ClassDeclaration{name, super, {}, false, kBundle};
    };
    return {
        system("IORegistryEntry", ""),
        system("IOService", "IORegistryEntry"),
        system("IOPlatformExpertDevice", "IOService"),
        system("IOResources", "IOService"),
        system("IOUserResources", "IOService"),
        system("IOUserServer", "IOService"),
        system(kStateServiceClass, "IOService"),
        system("IOUserClient", "IOService"),
        ClassDeclaration{"IOUserUserClient", "IOUserClient", {}, true, kBundle},
        ClassDeclaration{"IOUserService", "IOService", {}, true, kBundle},
    };
}

FamilyVerdict match_resources(const Entry& nub, const Dictionary& table) {
    if (!nub.is_kind_of("IOResources") && !nub.is_kind_of("IOUserResources")) return {};
    const Value* wanted = find(table, "IOResourceMatch");
    if (wanted == nullptr) return {};
    Array names;
    if (wanted->string() != nullptr) {
        names.push_back(*wanted);
    } else if (wanted->array() != nullptr) {
        names = *wanted->array();
    } else if (wanted->set() != nullptr) {
        names = wanted->set()->members;
    } else {
        return {
            false, 0,
            "IOResourceMatch must be a string or an array of strings, it is " + describe(*wanted)};
    }
    for (const Value& name : names) {
        if (name.string() == nullptr) {
            return {false, 0,
                    "IOResourceMatch: each member must be a string, one is " + describe(name)};
        }
        if (nub.property(*name.string()) == nullptr) {
            const std::string hint = hint_for_key(nub, *name.string());
            return {false, 0,
                    "IOResourceMatch: resource " + *name.string() + " is not published" +
                        (hint.empty() ? "" : "; " + hint)};
        }
    }
    return {};
}

}  // namespace opendext::daemon
