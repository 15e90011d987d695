// SPDX-License-Identifier: Apache-2.0
#include "daemon/matching/personality.h"

#include <algorithm>
#include <utility>

namespace opendext::daemon {
namespace {

constexpr std::string_view kDefaultCategory = "IODefaultMatchCategory";

Error bad_key(const Personality& personality, std::string_view key, std::string_view text) {
    return Error{Errc::invalid, 0,
                 "IOKitPersonalities/" + personality.name + "/" + std::string(key) + ": " +
                     std::string(text)};
}

Status read_string(Personality& personality, std::string_view key, std::string& into,
                   std::string_view fix) {
    const Value* value = find(personality.table, key);
    if (value == nullptr) return bad_key(personality, key, "is missing; " + std::string(fix));
    if (value->string() == nullptr || value->string()->empty()) {
        return bad_key(personality, key, "is " + describe(*value) + "; " + std::string(fix));
    }
    into = *value->string();
    return success();
}

}  // namespace

Result<Personality> Personality::read(std::string bundle_id, std::string name, Dictionary table) {
    Personality personality;
    personality.bundle_id = std::move(bundle_id);
    personality.name = std::move(name);
    personality.table = std::move(table);
    OD_TRY(read_string(personality, "IOProviderClass", personality.provider_class,
                       "write the class of the provider, e.g. IOUserResources"));
    OD_TRY(read_string(personality, "IOClass", personality.kernel_class,
                       "write IOUserService or a family's class"));
    OD_TRY(read_string(personality, "IOUserClass", personality.user_class,
                       "write the name of the driver's class"));
    OD_TRY(read_string(personality, "IOUserServerName", personality.server_name,
                       "write a process name, normally the bundle identifier"));
    if (personality.provider_class == "IOResources") {
        return bad_key(personality, "IOProviderClass",
                       "IOResources starts no driver extension; write IOUserResources (with "
                       "IOResourceMatch IOKit)");
    }
    personality.category = std::string(kDefaultCategory);
    if (find(personality.table, "IOMatchCategory") != nullptr) {
        OD_TRY(read_string(personality, "IOMatchCategory", personality.category, "write a string"));
    }
    personality.one_process = find(personality.table, "IOUserServerOneProcess") != nullptr;
    return personality;
}

const MatchQuery& Personality::query() const {
    if (query_.made == nullptr) query_.made = std::make_unique<const MatchQuery>(table);
    return *query_.made;
}

CandidateList find_candidates(const Entry& nub, const std::vector<PersonalityPtr>& personalities,
                              const MatchContext& context) {
    CandidateList list;
    for (const PersonalityPtr& personality : personalities) {
        Verdict verdict = personality->query().verdict(nub, context);
        if (verdict.matches) {
            auto category = std::find_if(
                list.categories.begin(), list.categories.end(),
                [&](const CandidateList::Category& c) { return c.name == personality->category; });
            if (category == list.categories.end()) {
                category = list.categories.insert(category, {personality->category, {}});
            }
            // Best first; among equals the one installed earlier.
            auto& candidates = category->candidates;
            const auto place =
                std::upper_bound(candidates.begin(), candidates.end(), verdict.score,
                                 [](int64_t score, const Candidate& c) { return score > c.score; });
            candidates.insert(place, {personality, verdict.score, verdict.name_matched});
        }
        list.trace.push_back({personality, std::move(verdict)});
    }
    return list;
}

}  // namespace opendext::daemon
