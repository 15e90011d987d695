// SPDX-License-Identifier: Apache-2.0
#include "daemon/matching/index.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "daemon/matching/names.h"

namespace opendext::daemon {
namespace {

const std::vector<Trait>& traits_of(const Entry& entry) {
    constexpr auto& kNames = Registry::kNameProperties;
    std::vector<Trait>& traits = entry.traits;
    if (!traits.empty()) return traits;  // every entry has a class
    traits.reserve(entry.classes.size() + entry.user_classes.size() + entry.properties.size() +
                   entry.user_properties.size() + 2);
    for (const auto* chain : {&entry.classes, &entry.user_classes}) {
        for (const std::string& name : *chain) traits.push_back(trait_of_class(name));
    }
    traits.push_back(trait_of_name(entry.name));
    for (const auto* properties : {&entry.user_properties, &entry.properties}) {
        for (const auto& [key, value] : *properties) {
            const bool hidden =
                properties == &entry.properties && entry.user_properties.contains(key);
            if (hidden) continue;
            if (const auto trait = trait_of_property(key, value)) traits.push_back(*trait);
            if (std::find(kNames.begin(), kNames.end(), key) == kNames.end()) continue;
            visit_names_in(value, [&](std::string_view name) {
                traits.push_back(trait_of_name(name));
                return false;
            });
        }
    }
    return traits;
}

bool has(const std::vector<Trait>& traits, Trait trait) {
    return std::find(traits.begin(), traits.end(), trait) != traits.end();
}

}  // namespace

size_t PersonalityIndex::number_below(Trait trait) const {
    const auto place = by_trait_.find(trait);
    return place == by_trait_.end() ? 0 : place->second.size();
}

std::vector<PersonalityIndex::Alternatives> PersonalityIndex::wanted(
    const Dictionary& table) const {
    std::vector<Alternatives> lists{{trait_of_class(*find_string(table, "IOProviderClass"))}};
    if (const Value* name = find(table, "IONameMatch")) {
        Alternatives names;
        visit_strings(*name, [&](std::string_view one) {
            names.push_back(trait_of_name(one));
            return false;
        });
        if (!names.empty()) lists.push_back(std::move(names));
    }
    const Value* properties = find(table, "IOPropertyMatch");
    if (properties == nullptr) return lists;
    if (const Dictionary* all = properties->dictionary()) {
        for (const auto& [key, value] : *all) {
            if (const auto trait = trait_of_property(key, value)) lists.push_back({*trait});
        }
    } else if (const Array* any = properties->array()) {
        // Of each dictionary the value that the fewest ask for: it rules most out.
        Alternatives rarest;
        for (const Value& member : *any) {
            std::optional<Trait> best;
            if (member.dictionary() == nullptr) return lists;
            for (const auto& [key, value] : *member.dictionary()) {
                const auto trait = trait_of_property(key, value);
                if (trait && (!best || number_below(*trait) < number_below(*best))) best = trait;
            }
            if (!best) return lists;
            rarest.push_back(*best);
        }
        if (!rarest.empty()) lists.push_back(std::move(rarest));
    }
    return lists;
}

void PersonalityIndex::add(PersonalityPtr personality) {
    const uint64_t order = next_++;
    Filed& filed = filed_[order];
    std::vector<Alternatives> lists = wanted(personality->table);
    filed.order = order;
    filed.personality = std::move(personality);
    const auto cost = [this](const Alternatives& list) {
        size_t sum = 0;
        for (const Trait trait : list)
            sum += number_below(trait) + (keys_.test(key_of(trait)) ? 0 : 1);
        return sum;
    };
    const auto best =
        std::min_element(lists.begin(), lists.end(),
                         [&](const auto& a, const auto& b) { return cost(a) < cost(b); });
    filed.below = std::move(*best);
    lists.erase(best);
    for (const Alternatives& list : lists) {
        if (list.size() == 1) filed.required.push_back(list.front());
    }
    for (const Trait trait : filed.below) {
        by_trait_[trait].push_back(&filed);
        keys_.set(key_of(trait));
    }
}

std::vector<PersonalityPtr> PersonalityIndex::remove(const std::string& bundle_id) {
    std::vector<PersonalityPtr> removed;
    for (auto place = filed_.begin(); place != filed_.end();) {
        Filed& filed = place->second;
        if (filed.personality->bundle_id != bundle_id) {
            ++place;
            continue;
        }
        for (const Trait trait : filed.below) {
            const auto list = by_trait_.find(trait);
            if (list == by_trait_.end()) continue;  // one trait twice
            std::erase(list->second, &filed);
            if (list->second.empty()) by_trait_.erase(list);
        }
        removed.push_back(std::move(filed.personality));
        place = filed_.erase(place);
    }
    return removed;
}

std::vector<PersonalityPtr> PersonalityIndex::for_nub(const Entry& nub) const {
    const std::vector<Trait>& traits = traits_of(nub);
    std::vector<const Filed*> found;
    for (const Trait trait : traits) {
        if (!keys_.test(key_of(trait))) continue;
        const auto list = by_trait_.find(trait);
        if (list == by_trait_.end()) continue;
        for (const Filed* filed : list->second) {
            if (std::all_of(filed->required.begin(), filed->required.end(),
                            [&](Trait required) { return has(traits, required); }))
                found.push_back(filed);
        }
    }
    // In the order of installation, none twice: it may have been found in two ways.
    std::sort(found.begin(), found.end(),
              [](const Filed* a, const Filed* b) { return a->order < b->order; });
    found.erase(std::unique(found.begin(), found.end()), found.end());
    std::vector<PersonalityPtr> personalities;
    personalities.reserve(found.size());
    for (const Filed* filed : found) personalities.push_back(filed->personality);
    return personalities;
}

std::vector<PersonalityPtr> PersonalityIndex::of_classes(const Entry& nub) const {
    std::vector<PersonalityPtr> personalities;
    for (const auto& [order, filed] : filed_) {
        if (nub.is_kind_of(filed.personality->provider_class))
            personalities.push_back(filed.personality);
    }
    return personalities;
}

std::vector<PersonalityPtr> PersonalityIndex::all() const {
    std::vector<PersonalityPtr> personalities;
    personalities.reserve(filed_.size());
    for (const auto& [order, filed] : filed_) personalities.push_back(filed.personality);
    return personalities;
}

bool PersonalityIndex::contains(const PersonalityPtr& personality) const {
    return std::any_of(filed_.begin(), filed_.end(),
                       [&](const auto& filed) { return filed.second.personality == personality; });
}

}  // namespace opendext::daemon
