// SPDX-License-Identifier: Apache-2.0
// Classes: of the property list, of the sources, and of the families that they belong to.
#include <algorithm>
#include <set>

#include "bundle/plist.h"
#include "project/lint/subject.h"

namespace opendext::lint {
namespace {

// Providers of every realm that no interface file declares.
constexpr std::string_view kAlways[] = {"IOService", "IOResources", "IOUserResources",
                                        "IOUserService"};

// Always loaded: drivers of every family name it, and start (observed).
constexpr const char* kKernel = "com.apple.kpi.iokit";

/// What the nearest superclass with a row says; nullptr if none has one.
const ClassFact* family_of(const std::vector<std::string>& chain, const Facts& facts,
                           std::string_view role) {
    for (const auto& name : chain) {
        for (const ClassFact& fact : facts.classes) {
            if (fact.role == role && fact.name == name) return &fact;
        }
    }
    return nullptr;
}

class ClassChecker {
  public:
    ClassChecker(const Subject& subject, const Facts& facts, Findings& findings)
        : subject_(subject), facts_(facts), findings_(findings), info_(*subject.info) {}

    void run() {
        entries_ = entries(*info_.root.dictionary());
        for (const Entry& entry : entries_) {
            check_defined(entry);
            check_family(entry);
            if (entry.is_personality) check_provider(entry);
        }
        if (subject_.sources) {
            check_unused();
            check_creates();
        }
    }

  private:
    [[nodiscard]] Place place(const Entry& entry, const std::string& key) const {
        return place_of(info_, entry.path + "/" + key);
    }
    [[nodiscard]] std::vector<std::string> own_names() const {
        std::vector<std::string> names;
        if (subject_.sources) {
            for (const auto& declared : subject_.sources->classes) names.push_back(declared.name);
        }
        return names;
    }

    void check_defined(const Entry& entry) {
        const std::string* name = find_string(*entry.values, "IOUserClass");
        if (name == nullptr || !subject_.sources) return;
        if (subject_.declared(*name) != nullptr || facts_.superclasses.contains(*name)) return;
        if (!subject_.sources->complete && subject_.sources->classes.empty()) return;
        const std::string near = meant(*name, own_names());
        findings_.add("class-undefined", place(entry, "IOUserClass"),
                      "IOUserClass: no .iig file of this driver declares a class " + *name,
                      near.empty() ? "declare it: class " + *name + " : public IOService" : near);
    }

    void check_family(const Entry& entry) {
        const std::string* name = find_string(*entry.values, "IOUserClass");
        const std::string* ioclass = find_string(*entry.values, "IOClass");
        if (name == nullptr || ioclass == nullptr) return;
        const std::vector<std::string> chain = subject_.chain(facts_, *name);
        if (chain.size() < 2) return;  // nothing is known of it
        const ClassFact* family = family_of(chain, facts_, "superclass");
        // A driver may be its own user client; then its personality is that of a plain service.
        if (entry.is_personality && family != nullptr && family->ioclass == "IOUserUserClient")
            family = nullptr;
        const std::string wanted = family != nullptr ? family->ioclass : "IOUserService";
        const bool ioclass_is_known =
            *ioclass == "IOUserService" ||
            std::ranges::any_of(facts_.classes,
                                [&](const ClassFact& fact) { return fact.ioclass == *ioclass; });
        const bool is_service = std::ranges::find(chain, "IOService") != chain.end();
        if (!wanted.empty() && is_service && *ioclass != wanted &&
            (family != nullptr || ioclass_is_known)) {
            findings_.add("class-family", place(entry, "IOClass"),
                          "IOClass: " + *name +
                              (family != nullptr ? " derives from " + family->name
                                                 : " derives from no family's class") +
                              ", and \"" + *ioclass + "\" does not go with that",
                          "write <string>" + wanted + "</string>");
        }
        if (!entry.is_personality) return;
        check_kernel_bundle(entry, family);
    }

    void check_kernel_bundle(const Entry& entry, const ClassFact* family) {
        const std::string wanted = family != nullptr ? family->kernel_bundle : kKernel;
        const std::string* kernel = find_string(*entry.values, "CFBundleIdentifierKernel");
        if (find(*entry.values, "CFBundleIdentifierKernel") == nullptr) {
            findings_.add("kernel-bundle", place(entry, "IOClass"),
                          "personality " + entry.personality +
                              ": CFBundleIdentifierKernel is missing: macOS loads IOClass from it",
                          "add <key>CFBundleIdentifierKernel</key><string>" +
                              (wanted.empty() ? "BUNDLE" : wanted) + "</string>");
        } else if (!wanted.empty() && kernel != nullptr && *kernel != wanted &&
                   *kernel != kKernel) {
            findings_.add("kernel-bundle", place(entry, "CFBundleIdentifierKernel"),
                          "personality " + entry.personality + ": " + *kernel +
                              " does not hold the class of IOClass",
                          "write <string>" + wanted + "</string>");
        }
    }

    void check_provider(const Entry& entry) {
        const std::string* name = find_string(*entry.values, "IOProviderClass");
        if (name == nullptr || std::ranges::find(kAlways, *name) != std::end(kAlways)) return;
        if (facts_.superclasses.contains(*name) || subject_.declared(*name) != nullptr) return;
        if (!subject_.sources && !subject_.entitlements_known)
            return;  // a property list alone: sources may declare it
        std::vector<std::string> names = own_names();
        names.insert(names.end(), std::begin(kAlways), std::end(kAlways));
        for (const auto& [known, super] : facts_.superclasses) names.push_back(known);
        const std::string near = meant(*name, names);
        findings_.add("provider-unknown", place(entry, "IOProviderClass"),
                      "IOProviderClass: nobody knows a class " + *name +
                          ", so the driver starts only if another driver publishes one",
                      near.empty() ? "name a class of the SDK or of a driver" : near);
    }

    void check_unused() {
        std::set<std::string> used;
        for (const Entry& entry : entries_) {
            if (const std::string* name = find_string(*entry.values, "IOUserClass");
                name != nullptr)
                used.insert(*name);
        }
        for (const auto& declared : subject_.sources->classes) used.insert(declared.superclass);
        for (const auto& declared : subject_.sources->classes) {
            if (used.contains(declared.name)) continue;
            const std::vector<std::string> chain = subject_.chain(facts_, declared.name);
            if (std::ranges::find(chain, "IOService") == chain.end()) continue;
            if (std::ranges::find(chain, "IOUserClient") != chain.end()) {
                findings_.add(
                    "user-client-entry", declared.place,
                    "user client " + declared.name + " has no entry in " + info_.file +
                        ", so no program can open it",
                    "add to a personality: <key>UserClientProperties</key><dict><key>IOClass</key>"
                    "<string>IOUserUserClient</string><key>IOUserClass</key><string>" +
                        declared.name + "</string></dict>, and name that key in Create()");
            } else {
                findings_.add(
                    "class-unused", declared.place,
                    "class " + declared.name + " is named nowhere in " + info_.file +
                        ", so it is never instantiated",
                    "name it as IOUserClass of a personality, or of a dictionary for Create()");
            }
        }
    }

    void check_creates() {
        std::vector<std::string> names;
        for (const Entry& entry : entries_) {
            if (!entry.is_personality)
                names.push_back(entry.path.substr(entry.path.rfind('/') + 1));
        }
        for (const CreateCall& call : subject_.sources->creates) {
            if (std::ranges::find(names, call.key) != names.end()) continue;
            const std::string near = meant(call.key, names);
            findings_.add(
                "create-key", call.place,
                "Create(): no personality of " + info_.file + " has a dictionary \"" + call.key +
                    "\" with an IOUserClass",
                near.empty()
                    ? "add <key>" + call.key +
                          "</key><dict>…</dict> with IOClass and IOUserClass to the personality"
                    : near);
        }
    }

    const Subject& subject_;
    const Facts& facts_;
    Findings& findings_;
    const bundle::Plist& info_;
    std::vector<Entry> entries_;
};

/// Whether a personality and a dictionary of a transport entitlement can mean the same device: no
/// key of both differs.
bool agree(const Dictionary& personality, const Dictionary& granted) {
    return std::ranges::all_of(granted, [&](const auto& entry) {
        const Value* wanted = find(personality, entry.first);
        if (wanted == nullptr) return true;
        const std::string* text = entry.second.string();
        const std::string* other = wanted->string();
        if ((text != nullptr && *text == "*") || (other != nullptr && *other == "*")) return true;
        // Words with masks and the like are left to the family.
        if (text != nullptr && other != nullptr &&
            (text->find_first_of(" &") != std::string::npos ||
             other->find_first_of(" &") != std::string::npos))
            return true;
        return bundle::describe(entry.second) == bundle::describe(*wanted);
    });
}

}  // namespace

void check_classes(const Subject& subject, const Facts& facts, Findings& findings) {
    if (subject.info && subject.info->root.dictionary() != nullptr)
        ClassChecker(subject, facts, findings).run();
}

void check_needed_entitlements(const Subject& subject, const Facts& facts, Findings& findings) {
    if (!subject.info || subject.info->root.dictionary() == nullptr || !subject.entitlements_known)
        return;
    const bundle::Plist& info = *subject.info;
    static const Dictionary kNone;
    const Dictionary* granted =
        subject.entitlements ? subject.entitlements->root.dictionary() : &kNone;
    if (granted == nullptr) return;
    const std::string where = subject.entitlements
                                  ? "which " + subject.entitlements->file + " lacks"
                                  : "and this one has no .entitlements file";

    const auto need = [&](const std::string& entitlement, const Place& place,
                          const std::string& who) {
        if (entitlement.empty() || granted->contains(entitlement)) return;
        const KeyFact* fact = facts.key(entitlement, "entitlement (");
        findings.add("entitlement-missing", place,
                     who + " needs the entitlement " + entitlement + ", " + where,
                     "add <key>" + entitlement + "</key>" +
                         (fact != nullptr ? TypeFact(fact->type).example() : "<true/>"));
    };
    const Place file =
        subject.entitlements ? Place{subject.entitlements->file, 0, 0} : Place{info.file, 0, 0};
    need("com.apple.developer.driverkit", file, "every driver");

    for (const Entry& entry : entries(*info.root.dictionary())) {
        if (const std::string* name = find_string(*entry.values, "IOUserClass"); name != nullptr) {
            const ClassFact* family = family_of(subject.chain(facts, *name), facts, "superclass");
            if (family != nullptr)
                need(family->entitlement, place_of(info, entry.path + "/IOUserClass"),
                     *name + ", an " + family->name + ",");
        }
        const std::string* provider = find_string(*entry.values, "IOProviderClass");
        if (!entry.is_personality || provider == nullptr) continue;
        const ClassFact* transport = family_of(subject.chain(facts, *provider), facts, "provider");
        if (transport == nullptr) continue;
        const Place place = place_of(info, entry.path + "/IOProviderClass");
        need(transport->entitlement, place, "a driver of an " + *provider);
        const Value* value = find(*granted, transport->entitlement);
        if (value == nullptr || value->array() == nullptr) continue;
        const bool covered = std::ranges::any_of(*value->array(), [&](const Value& member) {
            return member.dictionary() != nullptr && agree(*entry.values, *member.dictionary());
        });
        if (!covered) {
            findings.add("entitlement-transport",
                         place_of(*subject.entitlements, transport->entitlement),
                         transport->entitlement + " covers no device that the personality " +
                             entry.personality + " matches, so the driver is not started for any",
                         "add a dictionary with the keys and values of the personality");
        }
    }
}

}  // namespace opendext::lint
