// SPDX-License-Identifier: Apache-2.0
#include "daemon/matching/index.h"

#include <algorithm>
#include <functional>

#include "daemon/matching/names.h"

namespace opendext::daemon {
namespace {

/// A value whose equal can be looked up.
bool can_be_key(const Value& value) {
    return value.string() != nullptr || value.number() != nullptr || value.boolean() != nullptr;
}

/// In the order of installation, none twice: a personality may have been found in two ways.
template <typename List>
std::vector<PersonalityPtr> in_order(List& found) {
    std::sort(found.begin(), found.end(),
              [](const auto* a, const auto* b) { return a->order < b->order; });
    std::vector<PersonalityPtr> personalities;
    personalities.reserve(found.size());
    for (const auto* numbered : found) {
        if (personalities.empty() || personalities.back() != numbered->personality)
            personalities.push_back(numbered->personality);
    }
    return personalities;
}

}  // namespace

size_t PersonalityIndex::ValueHash::operator()(const Value& value) const {
    const auto kind = static_cast<size_t>(value.kind());
    size_t hash = 0;
    if (value.string() != nullptr) hash = std::hash<std::string>{}(*value.string());
    if (value.number() != nullptr) hash = std::hash<uint64_t>{}(value.number()->raw);
    if (value.boolean() != nullptr) hash = *value.boolean() ? 1 : 0;
    return hash * 8 + kind;
}

void PersonalityIndex::add(PersonalityPtr personality) {
    Class& of_class = by_class_[personality->provider_class];
    const Numbered numbered{next_++, std::move(personality)};
    of_class.all.push_back(numbered);
    file(of_class, numbered);
}

void PersonalityIndex::file(Class& of_class, const Numbered& numbered) {
    const Dictionary& table = numbered.personality->table;
    const Value* name = find(table, "IONameMatch");
    if (name != nullptr && name->string() != nullptr) {
        of_class.by_name[*name->string()].push_back(numbered);
        return;
    }
    const Array* names = name == nullptr ? nullptr : name->array();
    if (names != nullptr && std::all_of(names->begin(), names->end(),
                                        [](const Value& one) { return one.string() != nullptr; })) {
        for (const Value& one : *names) of_class.by_name[*one.string()].push_back(numbered);
        return;
    }
    if (!file_by_property(of_class, numbered)) of_class.anything.push_back(numbered);
}

bool PersonalityIndex::file_by_property(Class& of_class, const Numbered& numbered) {
    const Value* properties = find(numbered.personality->table, "IOPropertyMatch");
    if (properties == nullptr) return false;
    std::vector<const Dictionary*> alternatives;
    if (properties->dictionary() != nullptr) alternatives.push_back(properties->dictionary());
    if (properties->array() != nullptr) {
        for (const Value& member : *properties->array())
            alternatives.push_back(member.dictionary());
    }
    // Of each alternative the value that the fewest ask for: it rules most out.
    std::vector<Dictionary::const_iterator> chosen;
    for (const Dictionary* alternative : alternatives) {
        if (alternative == nullptr) return false;
        auto best = alternative->end();
        size_t fewest = 0;
        for (auto pair = alternative->begin(); pair != alternative->end(); ++pair) {
            if (!can_be_key(pair->second)) continue;
            size_t others = 1;  // a key more to look up for every nub
            if (const auto by_value = of_class.by_property.find(pair->first);
                by_value != of_class.by_property.end()) {
                const auto list = by_value->second.find(pair->second);
                others = list == by_value->second.end() ? 0 : list->second.size();
            }
            if (best != alternative->end() && others >= fewest) continue;
            best = pair;
            fewest = others;
        }
        if (best == alternative->end()) return false;
        chosen.push_back(best);
    }
    for (const auto& pair : chosen)
        of_class.by_property[pair->first][pair->second].push_back(numbered);
    return !chosen.empty();
}

std::vector<PersonalityPtr> PersonalityIndex::remove(const std::string& bundle_id) {
    std::vector<PersonalityPtr> removed;
    for (auto place = by_class_.begin(); place != by_class_.end();) {
        List rest;
        for (const Numbered& numbered : place->second.all) {
            if (numbered.personality->bundle_id == bundle_id) {
                removed.push_back(numbered.personality);
            } else {
                rest.push_back(numbered);
            }
        }
        if (rest.size() != place->second.all.size()) {
            place->second = Class{};
            place->second.all = std::move(rest);
            for (const Numbered& numbered : place->second.all) file(place->second, numbered);
        }
        place = place->second.all.empty() ? by_class_.erase(place) : std::next(place);
    }
    return removed;
}

template <typename Collect>
void PersonalityIndex::visit_classes(const Entry& nub, Collect collect) const {
    for (const auto* chain : {&nub.user_classes, &nub.classes}) {
        for (const std::string& name : *chain) {
            const auto place = by_class_.find(name);
            if (place != by_class_.end()) collect(place->second);
        }
    }
}

std::vector<PersonalityPtr> PersonalityIndex::for_nub(const Entry& nub) const {
    std::vector<const Numbered*> found;
    const auto take = [&](const List& list) {
        for (const Numbered& numbered : list) found.push_back(&numbered);
    };
    visit_classes(nub, [&](const Class& of_class) {
        take(of_class.anything);
        if (!of_class.by_name.empty()) {
            visit_names(nub, [&](std::string_view name) {
                const auto list = of_class.by_name.find(name);
                if (list != of_class.by_name.end()) take(list->second);
                return false;
            });
        }
        for (const auto& [key, by_value] : of_class.by_property) {
            const Value* value = nub.property(key);
            if (value == nullptr) continue;
            const auto list = by_value.find(*value);
            if (list != by_value.end()) take(list->second);
        }
    });
    return in_order(found);
}

std::vector<PersonalityPtr> PersonalityIndex::of_classes(const Entry& nub) const {
    std::vector<const Numbered*> found;
    visit_classes(nub, [&](const Class& of_class) {
        for (const Numbered& numbered : of_class.all) found.push_back(&numbered);
    });
    return in_order(found);
}

std::vector<PersonalityPtr> PersonalityIndex::all() const {
    std::vector<const Numbered*> found;
    for (const auto& [name, of_class] : by_class_) {
        for (const Numbered& numbered : of_class.all) found.push_back(&numbered);
    }
    return in_order(found);
}

bool PersonalityIndex::contains(const PersonalityPtr& personality) const {
    const auto place = by_class_.find(personality->provider_class);
    return place != by_class_.end() &&
           std::any_of(
               place->second.all.begin(), place->second.all.end(),
               [&](const Numbered& numbered) { return numbered.personality == personality; });
}

}  // namespace opendext::daemon
