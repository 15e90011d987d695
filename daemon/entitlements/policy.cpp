// SPDX-License-Identifier: Apache-2.0
#include "daemon/entitlements/policy.h"

#include <algorithm>

namespace opendext::daemon {
namespace {
constexpr std::string_view kAnyClient = "com.apple.developer.driverkit.allow-any-userclient-access";
constexpr std::string_view kClientAccess = "com.apple.developer.driverkit.userclient-access";
constexpr std::string_view kAdministrator = "com.apple.developer.driverkit.administrator";

bool names_bundle(const Value* access, std::string_view bundle_id) {
    if (access == nullptr) return false;
    if (access->string() != nullptr) return *access->string() == bundle_id;
    const Array* array = access->array();
    return array != nullptr && std::any_of(array->begin(), array->end(), [&](const Value& member) {
               return member.string() != nullptr && *member.string() == bundle_id;
           });
}
}  // namespace

std::string_view to_string(PolicyMode mode) {
    switch (mode) {
        case PolicyMode::strict:
            return "strict";
        case PolicyMode::dev:
            return "dev";
        case PolicyMode::off:
            return "off";
    }
    return "unknown";
}

std::optional<PolicyMode> policy_mode(std::string_view name) {
    for (const PolicyMode mode : {PolicyMode::strict, PolicyMode::dev, PolicyMode::off}) {
        if (to_string(mode) == name) return mode;
    }
    return std::nullopt;
}

Requirement Requirement::read(const Value& property) {
    Requirement requirement;
    if (const std::string* one = property.string()) {
        requirement.groups_.push_back({*one});
        return requirement;
    }
    const Array* any = property.array();
    if (any == nullptr) {
        requirement.malformed_ = true;
        return requirement;
    }
    for (const Value& member : *any) {
        if (const std::string* one = member.string()) {
            requirement.groups_.push_back({*one});
            continue;
        }
        const Array* all = member.array();
        std::vector<std::string> group;
        bool readable = all != nullptr;
        for (size_t i = 0; readable && i < all->size(); ++i) {
            readable = (*all)[i].string() != nullptr;
            if (readable) group.push_back(*(*all)[i].string());
        }
        if (readable) {
            requirement.groups_.push_back(std::move(group));
        } else {
            requirement.malformed_ = true;
        }
    }
    return requirement;
}

std::optional<std::string> Requirement::missing_from(const Dictionary& granted) const {
    std::string missing;
    for (const auto& group : groups_) {
        std::string absent;
        for (const std::string& name : group) {
            if (!granted.contains(name)) absent += (absent.empty() ? "" : " and ") + name;
        }
        if (absent.empty()) return std::nullopt;
        missing += (missing.empty() ? "" : ", or ") + absent;
    }
    if (!missing.empty()) return missing;
    return malformed_ ? "something that IOServiceDEXTEntitlements states in an unknown form"
                      : "any of an empty IOServiceDEXTEntitlements array";
}

std::optional<std::string> missing_entitlement(const Value* required, const Dictionary& granted) {
    if (required == nullptr) return std::nullopt;
    return Requirement::read(*required).missing_from(granted);
}

std::optional<std::string> refuse_client(const ClientAccess& access) {
    if (!access.dext.contains(kAnyClient) &&
        !names_bundle(find(access.program, kClientAccess), access.bundle_id)) {
        return "UC failed userclient-access check, needed bundle ID " +
               std::string(access.bundle_id);
    }
    Dictionary granted = access.program;
    if (access.administrator) granted.insert_or_assign(std::string(kAdministrator), true);
    if (const auto missing = missing_entitlement(access.user_client_required, granted)) {
        return "UC entitlements check failed: the program lacks " + *missing;
    }
    return std::nullopt;
}

}  // namespace opendext::daemon
