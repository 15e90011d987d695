// SPDX-License-Identifier: Apache-2.0
#include "project/lint/finding.h"

#include <algorithm>
#include <cstdlib>
#include <tuple>

namespace opendext::lint {

std::string_view to_string(Severity severity) {
    return severity == Severity::error ? "error" : "warning";
}

const std::vector<Rule>& rules() {
    using enum Severity;
    static const std::vector<Rule> kRules = {
        {"bundle-invalid", error, "a built bundle that cannot be installed"},
        {"class-family", error, "IOClass does not go with the superclass of IOUserClass"},
        {"class-undefined", error, "the property list names a class that no source defines"},
        {"class-unused", warning, "no property list names a class derived from IOService"},
        {"create-key", error, "Create() names a dictionary that no personality has"},
        {"cxx-exceptions", error, "try, throw or catch: drivers are built without exceptions"},
        {"cxx-header", error, "a header for what a driver process does not have"},
        {"cxx-rtti", error, "dynamic_cast or typeid: drivers are built without RTTI"},
        {"entitlement-missing", error, "an entitlement that a personality or class needs"},
        {"entitlement-not-for-drivers", warning,
         "an entitlement that only apps or the platform's vendor have"},
        {"entitlement-transport", error,
         "the transport entitlement does not cover what a personality matches"},
        {"entitlement-type", error, "an entitlement with a value of the wrong type"},
        {"entitlement-unknown", warning, "an entitlement that does not exist"},
        {"entitlement-value", warning, "an entitlement that is false"},
        {"interface-refused", error, "something else that iig does not take"},
        {"ivars-object", error, "an OS object held by value in an ivars struct"},
        {"kernel-bundle", warning,
         "CFBundleIdentifierKernel is absent or does not go with IOClass"},
        {"match-category", warning,
         "a driver on a shared provider without an IOMatchCategory of its own"},
        {"match-ignored-key", warning, "a match key that the provider does not look at"},
        {"match-never", error, "a set of match keys that never matches"},
        {"match-probe-score", warning, "an IOProbeScore that is cut"},
        {"match-resource", warning, "IOResourceMatch left over, or missing"},
        {"match-value", error, "a match value that no device can have"},
        {"message-type", error, "a parameter that cannot be sent in a message"},
        {"message-unbounded", error, "a string or array without a bound in a message"},
        {"plist-forbidden-key", error, "a key that makes a dext invalid"},
        {"plist-missing-key", error, "a key that has to be there"},
        {"plist-syntax", error, "a property list that is not well formed"},
        {"plist-type", error, "a key with a value of the wrong type"},
        {"plist-unknown-key", warning, "a key that looks like a misspelt one"},
        {"plist-usage-description", warning, "OSBundleUsageDescription is missing"},
        {"plist-value", error, "a value that is not allowed"},
        {"plist-variable", warning, "a build variable without a value"},
        {"plist-version", warning,
         "CFBundleVersion or CFBundleShortVersionString is missing or no version"},
        {"provider-unknown", warning, "IOProviderClass is a class that nobody knows"},
        {"source-incomplete", warning, "a source that could not be read to its end"},
        {"user-client-entry", error, "a user client class without an entry in the property list"},
    };
    return kRules;
}

const Rule* find_rule(std::string_view id) {
    const auto found = std::ranges::find(rules(), id, &Rule::id);
    return found == rules().end() ? nullptr : &*found;
}

Place place_of(const bundle::Plist& plist, std::string_view path) {
    for (std::string_view rest = path; !rest.empty();) {
        const auto found = plist.positions.find(rest);
        if (found != plist.positions.end())
            return {plist.file, found->second.line, found->second.column};
        const size_t slash = rest.rfind('/');
        if (slash == std::string_view::npos) break;
        rest = rest.substr(0, slash);
    }
    return {plist.file, 0, 0};
}

void Findings::add(std::string_view rule, Place place, std::string message, std::string fix) {
    const Rule* known = find_rule(rule);
    if (known == nullptr) std::abort();  // a rule without an entry in rules()
    if (ignored_.contains(std::string(rule))) return;
    const bool there = std::ranges::any_of(findings_, [&](const Finding& f) {
        return f.rule == known && f.message == message && f.place.file == place.file &&
               f.place.line == place.line && f.place.column == place.column;
    });
    if (!there) findings_.push_back({known, std::move(place), std::move(message), std::move(fix)});
}

std::vector<Finding> Findings::sorted() const {
    std::vector<Finding> result = findings_;
    std::ranges::sort(result, [](const Finding& a, const Finding& b) {
        return std::tie(a.place.file, a.place.line, a.place.column, a.rule->id, a.message) <
               std::tie(b.place.file, b.place.line, b.place.column, b.rule->id, b.message);
    });
    return result;
}

}  // namespace opendext::lint
