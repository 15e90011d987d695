// SPDX-License-Identifier: Apache-2.0
#include "daemon/matching/index.h"

#include <algorithm>

namespace opendext::daemon {

void PersonalityIndex::add(PersonalityPtr personality) {
    auto& list = by_class_[personality->provider_class];
    list.push_back({next_++, std::move(personality)});
}

std::vector<PersonalityPtr> PersonalityIndex::remove(const std::string& bundle_id) {
    std::vector<PersonalityPtr> removed;
    for (auto list = by_class_.begin(); list != by_class_.end();) {
        std::erase_if(list->second, [&](const Numbered& numbered) {
            const bool mine = numbered.personality->bundle_id == bundle_id;
            if (mine) removed.push_back(numbered.personality);
            return mine;
        });
        list = list->second.empty() ? by_class_.erase(list) : std::next(list);
    }
    return removed;
}

std::vector<PersonalityPtr> PersonalityIndex::for_nub(const Entry& nub) const {
    std::vector<Numbered> found;
    for (const auto* chain : {&nub.user_classes, &nub.classes}) {
        for (const std::string& name : *chain) {
            const auto list = by_class_.find(name);
            if (list != by_class_.end())
                found.insert(found.end(), list->second.begin(), list->second.end());
        }
    }
    std::sort(found.begin(), found.end(),
              [](const Numbered& a, const Numbered& b) { return a.order < b.order; });
    std::vector<PersonalityPtr> personalities;
    for (const Numbered& numbered : found) {
        // A class name may stand in both chains.
        if (personalities.empty() || personalities.back() != numbered.personality) {
            personalities.push_back(numbered.personality);
        }
    }
    return personalities;
}

bool PersonalityIndex::contains(const PersonalityPtr& personality) const {
    const auto list = by_class_.find(personality->provider_class);
    return list != by_class_.end() &&
           std::any_of(list->second.begin(), list->second.end(), [&](const Numbered& numbered) {
               return numbered.personality == personality;
           });
}

}  // namespace opendext::daemon
