// SPDX-License-Identifier: Apache-2.0
// Keys of Info.plist and of entitlements: there, known, of the right type.
#include <algorithm>
#include <cctype>
#include <set>

#include "bundle/rules.h"
#include "project/lint/subject.h"

namespace opendext::lint {
namespace {

/// Which rule one of the bundle's own problems belongs to.
std::string_view rule_of(const std::string& text) {
    if (text.find("belongs to kernel extensions") != std::string::npos)
        return "plist-forbidden-key";
    if (text.find("is missing") != std::string::npos) return "plist-missing-key";
    if (text.find(", must be a") != std::string::npos) return "plist-type";
    return "plist-value";
}

/// Types and near-misses of the keys of one dictionary. `told` are paths that have been told of.
class KeyChecker {
  public:
    KeyChecker(const bundle::Plist& plist, const Facts& facts, Findings& findings,
               std::set<std::string> told)
        : plist_(plist), facts_(facts), findings_(findings), told_(std::move(told)) {}

    /// `place` is what the `where` column says of such a dictionary.
    void check(const Dictionary& values, const std::string& path, std::string_view place,
               std::string_view type_rule, std::string_view unknown_rule) {
        std::vector<std::string> names;
        for (const KeyFact& fact : facts_.keys) {
            if (fact.in(place) && fact.key.find(' ') == std::string::npos)
                names.push_back(fact.key);
        }
        for (const auto& [key, value] : values) {
            const std::string below = path.empty() ? key : path + "/" + key;
            if (told_.contains(below)) continue;
            const KeyFact* fact = facts_.key(key, place);
            if (fact != nullptr) {
                const TypeFact type(fact->type);
                if (type.fits(value)) continue;
                findings_.add(type_rule, place_of(plist_, below),
                              key + ": " + bundle::describe(value) + ", must be " + type.words(),
                              "write " + type.example());
            } else if (!facts_.knows_key(key) && !is_object(value)) {
                const std::string near = meant(key, names);
                if (near.empty()) continue;
                findings_.add(unknown_rule, place_of(plist_, below),
                              "key " + key + " has no meaning", near);
            }
        }
    }

  private:
    /// The names of dictionaries for Create() are free.
    static bool is_object(const Value& value) {
        return value.dictionary() != nullptr && find(*value.dictionary(), "IOUserClass") != nullptr;
    }

    const bundle::Plist& plist_;
    const Facts& facts_;
    Findings& findings_;
    std::set<std::string> told_;
};

bool is_version(const std::string& text) {
    return !text.empty() && std::isdigit(static_cast<unsigned char>(text.front())) != 0 &&
           std::ranges::all_of(text,
                               [](unsigned char c) { return std::isalnum(c) != 0 || c == '.'; });
}

/// Its value comes from elsewhere.
bool has_variable(const Dictionary& as_written, const char* key) {
    const std::string* text = find_string(as_written, key);
    return text != nullptr &&
           (text->find("$(") != std::string::npos || text->find("${") != std::string::npos);
}

}  // namespace

void check_info_keys(const bundle::Plist& info, const Dictionary& as_written, const Facts& facts,
                     Findings& findings) {
    std::set<std::string> told;
    for (const bundle::Problem& problem : bundle::check_info(info)) {
        told.insert(problem.path);
        if (problem.path == "CFBundleShortVersionString") continue;  // below, with its own rule
        // "FILE:LINE:COLUMN: KEY: what is wrong: way out"
        const std::string prefix = info.where(problem.path) + ": ";
        std::string text = problem.message.starts_with(prefix)
                               ? problem.message.substr(prefix.size())
                               : problem.message;
        const size_t colon = text.rfind(": ");
        const std::string fix = colon == std::string::npos ? "" : text.substr(colon + 2);
        if (colon != std::string::npos) text.resize(colon);
        findings.add(rule_of(text), place_of(info, problem.path), text, fix);
    }
    const Dictionary* root = info.root.dictionary();
    if (root == nullptr) return;

    KeyChecker checker(info, facts, findings, std::move(told));
    checker.check(*root, "", "Info.plist", "plist-type", "plist-unknown-key");
    for (const Entry& entry : entries(*root)) {
        checker.check(*entry.values, entry.path,
                      entry.is_personality ? "personality" : "user-client dictionary", "plist-type",
                      "plist-unknown-key");
    }

    for (const char* key : {"CFBundleVersion", "CFBundleShortVersionString"}) {
        const std::string* version = find_string(*root, key);
        if (find(as_written, key) == nullptr) {
            findings.add(
                "plist-version", place_of(info, key),
                std::string(key) + " is missing: a new version is told from an old one by it",
                "add <key>" + std::string(key) + "</key><string>" +
                    (std::string_view(key) == "CFBundleVersion" ? "$(CURRENT_PROJECT_VERSION)"
                                                                : "$(MARKETING_VERSION)") +
                    "</string>");
        } else if (version != nullptr && !is_version(*version) && !has_variable(as_written, key)) {
            findings.add(
                "plist-version", place_of(info, key),
                std::string(key) + ": " + bundle::describe(Value(*version)) + " is no version",
                "write numbers with dots, such as <string>1.0.2</string>");
        }
    }
    const std::string* description = find_string(*root, "OSBundleUsageDescription");
    if (find(*root, "OSBundleUsageDescription") == nullptr ||
        (description != nullptr && description->empty())) {
        findings.add(
            "plist-usage-description", place_of(info, "OSBundleUsageDescription"),
            "OSBundleUsageDescription is missing or empty: users are asked with its text whether "
            "the driver "
            "may run",
            "add <key>OSBundleUsageDescription</key><string>what the driver does</string>");
    }
}

void check_entitlement_keys(const bundle::Plist& entitlements, const Facts& facts,
                            Findings& findings) {
    const Dictionary* root = entitlements.root.dictionary();
    if (root == nullptr) {
        findings.add("entitlement-type", {entitlements.file, 0, 0},
                     bundle::describe(entitlements.root) + " is the root, must be a dictionary",
                     "put it into <dict>");
        return;
    }
    KeyChecker checker(entitlements, facts, findings, {});
    checker.check(*root, "", "entitlement (", "entitlement-type", "entitlement-unknown");
    for (const auto& [key, value] : *root) {
        const Place place = place_of(entitlements, key);
        const KeyFact* fact = facts.key(key, "entitlement (");
        if (fact == nullptr) {
            std::vector<std::string> names;
            for (const KeyFact& known : facts.keys) {
                if (known.in("entitlement (")) names.push_back(known.key);
            }
            // Near-misses have been told of; those of DriverKit are all known.
            if (key.starts_with("com.apple.developer.driverkit") && meant(key, names).empty())
                findings.add("entitlement-unknown", place, key + " does not exist", "remove it");
            continue;
        }
        if (fact->in("vendor only")) {
            findings.add("entitlement-not-for-drivers", place,
                         key + " is given to drivers of the platform's vendor only", "remove it");
        } else if (!fact->in("(driver")) {
            findings.add("entitlement-not-for-drivers", place,
                         key + " belongs to the app, not to the driver",
                         "move it to the app's entitlements");
        } else if (value.boolean() != nullptr && !*value.boolean()) {
            findings.add(
                "entitlement-value", place,
                key + " is false: some checks take the key's presence for a grant, others do not",
                "write <true/>, or remove the key");
        }
        if (value.array() == nullptr) continue;
        for (size_t i = 0; i < value.array()->size(); ++i) {
            const Dictionary* member = (*value.array())[i].dictionary();
            if (member != nullptr) {
                checker.check(*member, key + "/" + std::to_string(i), "transport entitlement",
                              "entitlement-type", "entitlement-unknown");
            }
        }
    }
}

}  // namespace opendext::lint
