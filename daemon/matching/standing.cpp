// SPDX-License-Identifier: Apache-2.0
#include "daemon/matching/standing.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "daemon/matching/hints.h"
#include "rpc/nearest_name.h"

namespace opendext::daemon {

namespace client = protocol::client;
using client::StandingState;

namespace {

constexpr const char* kDriverKit = "com.apple.developer.driverkit";

/// Keys that a personality may have and that somebody reads, the families' own aside.
const std::set<std::string> kPersonalityKeys{"IOProviderClass",
                                             "IOProbeScore",
                                             "IONameMatch",
                                             "IOLocationMatch",
                                             "IOPropertyMatch",
                                             "IOPropertyExistsMatch",
                                             "IOPathMatch",
                                             "IORegistryEntryID",
                                             "IOMatchedServiceCountMatch",
                                             "IOParentMatch",
                                             "IOResourceMatch",
                                             "IOMatchCategory",
                                             "IOMatchDefer",
                                             "IOClass",
                                             "IOUserClass",
                                             "IOUserServerName",
                                             "IOUserServerOneProcess",
                                             "IOServiceDEXTEntitlements",
                                             "CFBundleIdentifier",
                                             "CFBundleIdentifierKernel"};

void note_misspelt_keys(client::Standing& standing, const Dictionary& table) {
    for (const auto& [key, value] : table) {
        if (kPersonalityKeys.contains(key)) continue;
        const std::string near = nearest_name(key, kPersonalityKeys);
        if (!near.empty())
            standing.notes.push_back("nobody reads the key " + key + "; is " + near + " meant?");
    }
}

void break_at(client::Standing& standing, StandingState state, std::string reason,
              std::string fix) {
    standing.state = state;
    standing.reason = std::move(reason);
    standing.fix = std::move(fix);
}

/// Whether the classes that a start needs are there.
bool check_classes(client::Standing& standing, const Personality& personality,
                   const ClassTable& classes) {
    const ClassTable::Known* known = classes.find(personality.kernel_class);
    if (known == nullptr || !known->declaration.for_drivers) {
        const std::string hint =
            hint_for_text(personality.kernel_class, classes.names_for_drivers());
        break_at(standing, StandingState::refused,
                 "IOClass " + in_quotes(personality.kernel_class) +
                     (known == nullptr ? " is no class of this system"
                                       : " is a class that no driver can have"),
                 hint.empty() ? "write IOUserService, or install the family that brings the class"
                              : hint);
        return false;
    }
    const auto& own = personality.classes;
    if (own.empty() || std::find(own.begin(), own.end(), personality.user_class) != own.end())
        return true;
    const std::string hint = hint_for_text(personality.user_class, own);
    std::string has;
    for (const std::string& name : own) has += (has.empty() ? "" : ", ") + name;
    break_at(standing, StandingState::refused,
             "IOUserClass " + in_quotes(personality.user_class) +
                 ": the executable has no such class, it has " + has,
             hint.empty() ? "name one of these, or define the class in an .iig file" : hint);
    return false;
}

}  // namespace

std::vector<client::EntitlementCheck> entitlement_checks(const Entry& nub,
                                                         const Personality& personality,
                                                         const ClassTable& classes) {
    std::vector<client::EntitlementCheck> checks;
    const auto ask = [&](std::string who, const Value* required) {
        if (required == nullptr) return;
        client::EntitlementCheck check{std::move(who), *required, {}};
        if (const auto missing = missing_entitlement(required, personality.entitlements))
            check.missing = *missing;
        checks.push_back(std::move(check));
    };
    const Value of_every_driver(kDriverKit);
    ask("every driver", &of_every_driver);
    ask("the provider " + nub.name, nub.property("IOServiceDEXTEntitlements"));
    const Dictionary defaults = classes.default_properties(classes.chain(personality.kernel_class));
    const Value* of_object = find(personality.table, "IOServiceDEXTEntitlements");
    if (of_object == nullptr) of_object = find(defaults, "IOServiceDEXTEntitlements");
    ask("the class " + personality.kernel_class, of_object);
    return checks;
}

client::Standing stand(const Entry& nub, const Personality& personality,
                       const StandingContext& context) {
    client::Standing standing;
    standing.provider = nub.id;
    standing.provider_name = nub.name;
    standing.provider_class = nub.class_name();
    standing.bundle_id = personality.bundle_id;
    standing.personality = personality.name;
    standing.user_class = personality.user_class;
    standing.category = personality.category;
    note_misspelt_keys(standing, personality.table);

    Verdict verdict = personality.query().examine(nub, context.match);
    standing.score = verdict.score;
    for (Check& check : verdict.checks) {
        standing.checks.push_back({std::move(check.key), check.fits, std::move(check.wanted),
                                   check.found.has_value(), check.found.value_or(Value()),
                                   std::move(check.text), std::move(check.hint)});
    }
    standing.entitlements = entitlement_checks(nub, personality, context.classes);
    if (!verdict.matches) {
        const auto first = std::find_if(standing.checks.begin(), standing.checks.end(),
                                        [](const client::MatchCheck& c) { return !c.fits; });
        break_at(standing, StandingState::mismatched, verdict.reason,
                 first == standing.checks.end() || first->hint.empty()
                     ? "correct it in Info.plist, or attach the device that is meant"
                     : first->hint);
        return standing;
    }
    if (!nub.registered) {
        break_at(standing, StandingState::mismatched,
                 nub.name + " is not registered, so nothing is matched with it",
                 "its driver has to call RegisterService");
        return standing;
    }
    standing.state = StandingState::fits;
    if (!check_classes(standing, personality, context.classes)) return standing;
    for (const client::EntitlementCheck& check : standing.entitlements) {
        if (check.missing.empty() || context.policy == PolicyMode::off) continue;
        const std::string text = check.asked_by + " asks for the entitlement " + check.missing +
                                 ", which the dext lacks";
        const std::string fix = "add <key>" + check.missing +
                                "</key><true/> to the dext's .entitlements and build again";
        if (context.policy != PolicyMode::strict) {
            standing.notes.push_back(text + ": allowed in " +
                                     std::string(to_string(context.policy)) +
                                     " mode, refused in strict; " + fix);
            continue;
        }
        break_at(standing, StandingState::refused, text, fix);
        return standing;
    }
    return standing;
}

Result<Personality> read_loose(const client::LoosePersonality& loose) {
    Personality personality = OD_TRY(Personality::read(loose.bundle_id, loose.name, loose.table));
    personality.entitlements = loose.entitlements;
    personality.classes = loose.classes;
    return personality;
}

client::Standing unreadable(const client::LoosePersonality& loose, const Error& error) {
    client::Standing standing;
    standing.bundle_id = loose.bundle_id;
    standing.personality = loose.name;
    note_misspelt_keys(standing, loose.table);
    break_at(standing, StandingState::refused, error.text(), "correct it in Info.plist");
    return standing;
}

void rank(std::vector<client::Standing>& standings) {
    const auto fits = [](const client::Standing& standing) {
        return standing.state != StandingState::mismatched;
    };
    // By provider, fitting before not, best first; among equals the one installed earlier, as in a
    // round of matching.
    using Place = std::tuple<size_t, bool, int64_t, size_t>;
    std::map<uint64_t, size_t> providers;
    std::vector<Place> places;
    for (size_t i = 0; i < standings.size(); ++i) {
        const client::Standing& one = standings[i];
        const auto wrong = std::count_if(one.checks.begin(), one.checks.end(),
                                         [](const client::MatchCheck& c) { return !c.fits; });
        places.emplace_back(providers.emplace(one.provider, providers.size()).first->second,
                            !fits(one), fits(one) ? -one.score : int64_t{wrong}, i);
    }
    std::sort(places.begin(), places.end());
    std::vector<client::Standing> ordered;
    std::map<std::pair<uint64_t, std::string>, uint32_t> ranks;
    for (const Place& place : places) {
        client::Standing& one = ordered.emplace_back(std::move(standings[std::get<3>(place)]));
        if (fits(one)) one.rank = ++ranks[{one.provider, one.category}];
    }
    standings = std::move(ordered);
}

std::vector<const Entry*> providers_for(const Personality& personality, const MatchContext& context,
                                        size_t nearest) {
    std::vector<const Entry*> found;
    personality.query().visit(context, [&](const Entry& entry) {
        found.push_back(&entry);
        return true;
    });
    if (!found.empty()) return found;
    // Of those that differ in as many keys, one of the class that is meant is nearer, and one that
    // is registered; then the older.
    std::set<std::string> classes;
    context.registry.visit([&](const Entry& entry) {
        classes.insert(entry.classes.begin(), entry.classes.end());
        classes.insert(entry.user_classes.begin(), entry.user_classes.end());
        return true;
    });
    const std::string meant = nearest_name(personality.provider_class, classes);
    struct Near {
        size_t mismatches;
        bool other_class;
        bool unregistered;
        const Entry* entry;
        [[nodiscard]] auto key() const {
            return std::tuple(mismatches, other_class, unregistered, entry->id);
        }
    };
    std::vector<Near> by_mismatches;
    context.registry.visit([&](const Entry& entry) {
        if (entry.service && entry.activity == Activity::active) {
            by_mismatches.push_back({personality.query().mismatches(entry, context),
                                     meant.empty() || !entry.is_kind_of(meant), !entry.registered,
                                     &entry});
        }
        return true;
    });
    const auto nearer = [](const Near& a, const Near& b) { return a.key() < b.key(); };
    const size_t count = std::min(nearest, by_mismatches.size());
    std::partial_sort(by_mismatches.begin(), by_mismatches.begin() + static_cast<ptrdiff_t>(count),
                      by_mismatches.end(), nearer);
    for (size_t i = 0; i < count; ++i) found.push_back(by_mismatches[i].entry);
    return found;
}

}  // namespace opendext::daemon
