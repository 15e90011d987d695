// SPDX-License-Identifier: Apache-2.0
#include "daemon/registry/registry.h"

#include <algorithm>
#include <utility>

namespace opendext::daemon {
namespace {
/// Ids start where their readers expect them: above 32 bits, so that truncation shows.
constexpr EntryId kFirstId = 0x100000100;
constexpr EntryId kIdsOfGeneration = EntryId{1} << 32;
constexpr size_t kDepartedKept = 256;
}  // namespace

std::string_view to_string(Event event) {
    switch (event) {
        case Event::attached:
            return "attached";
        case Event::published:
            return "published";
        case Event::registered_again:
            return "registered again";
        case Event::first_matched:
            return "first matched";
        case Event::matched:
            return "matched";
        case Event::property_changed:
            return "property changed";
        case Event::inactive:
            return "inactive";
        case Event::detached:
            return "detached";
        case Event::busy_changed:
            return "busy changed";
    }
    return "unknown";
}

Registry::Registry() : next_(kFirstId) {}

void Registry::start_ids(uint64_t generation) {
    next_ = kFirstId + generation * kIdsOfGeneration;
}

Entry& Registry::add(Spec spec) {
    auto entry = std::make_unique<Entry>();
    entry->id = next_++;
    entry->name = spec.name.empty() ? spec.classes.front() : std::move(spec.name);
    entry->location = std::move(spec.location);
    entry->classes = std::move(spec.classes);
    entry->properties = std::move(spec.properties);
    entry->service = spec.service;
    if (Entry* provider = find(spec.provider)) {
        entry->providers.push_back(provider->id);
        provider->clients.push_back(entry->id);
    } else if (root_ == kNoEntry) {
        root_ = entry->id;
    }
    Entry& added = *entry;
    entries_.emplace(added.id, std::move(entry));
    ++generation_;
    announce(Event::attached, added.id);
    return added;
}

Entry* Registry::find(EntryId id) {
    const auto entry = entries_.find(id);
    return entry == entries_.end() ? nullptr : entry->second.get();
}

const Entry* Registry::find(EntryId id) const {
    return const_cast<Registry*>(this)->find(id);
}

const Entry* Registry::find_departed(EntryId id) const {
    const auto entry = std::find_if(departed_.begin(), departed_.end(),
                                    [&](const auto& e) { return e->id == id; });
    return entry == departed_.end() ? nullptr : entry->get();
}

std::vector<EntryId> Registry::all() const {
    std::vector<EntryId> ids;
    ids.reserve(entries_.size());
    for (const auto& [id, entry] : entries_) ids.push_back(id);
    return ids;
}

std::string Registry::path(EntryId id) const {
    std::string path;
    for (const Entry* entry = find(id); entry != nullptr && entry->id != root_;
         entry = find(entry->provider())) {
        std::string part = "/" + entry->name;
        if (!entry->location.empty()) part += "@" + entry->location;
        path.insert(0, part);
    }
    return std::string(kServicePlane) + ":" + (path.empty() ? "/" : path);
}

void Registry::announce(Event event, EntryId id) {
    // An observer may end the entry: the following ones are not told about something that is gone.
    for (size_t i = 0; i < observers_.size(); ++i) {
        const Entry* entry = find(id);
        if (entry == nullptr) return;
        observers_[i](event, *entry);
    }
}

void Registry::register_service(EntryId id) {
    Entry* entry = find(id);
    if (entry == nullptr || entry->activity != Activity::active) return;
    const bool first = !std::exchange(entry->registered, true);
    ++generation_;
    announce(first ? Event::published : Event::registered_again, id);
}

void Registry::set_matched(EntryId id) {
    Entry* entry = find(id);
    if (entry == nullptr || entry->activity != Activity::active) return;
    const bool first = !std::exchange(entry->matched, true);
    if (first) announce(Event::first_matched, id);
    announce(Event::matched, id);
}

void Registry::set_name(EntryId id, std::string name) {
    if (Entry* entry = find(id)) {
        entry->name = std::move(name);
        ++generation_;
    }
}

void Registry::set_user_classes(EntryId id, std::vector<std::string> classes) {
    if (Entry* entry = find(id)) entry->user_classes = std::move(classes);
}

void Registry::set_property(EntryId id, std::string key, Value value) {
    if (Entry* entry = find(id)) {
        entry->properties.insert_or_assign(std::move(key), std::move(value));
        announce(Event::property_changed, id);
    }
}

void Registry::remove_property(EntryId id, std::string_view key) {
    Entry* entry = find(id);
    if (entry == nullptr) return;
    const auto property = entry->properties.find(key);
    if (property == entry->properties.end()) return;
    entry->properties.erase(property);
    announce(Event::property_changed, id);
}

void Registry::merge_user_properties(EntryId id, const Dictionary& properties) {
    if (Entry* entry = find(id)) {
        for (const auto& [key, value] : properties)
            entry->user_properties.insert_or_assign(key, value);
        announce(Event::property_changed, id);
    }
}

void Registry::remove_user_property(EntryId id, std::string_view key) {
    Entry* entry = find(id);
    if (entry == nullptr) return;
    const auto property = entry->user_properties.find(key);
    if (property == entry->user_properties.end()) return;
    entry->user_properties.erase(property);
    announce(Event::property_changed, id);
}

void Registry::set_inactive(EntryId id) {
    Entry* entry = find(id);
    if (entry == nullptr || entry->activity != Activity::active) return;
    entry->activity = Activity::terminating;
    ++generation_;
    announce(Event::inactive, id);
}

void Registry::detach(EntryId id) {
    Entry* entry = find(id);
    if (entry == nullptr) return;
    if (entry->busy > 0) adjust_busy(id, -static_cast<int>(entry->busy));
    for (const EntryId provider_id : entry->providers) {
        if (Entry* provider = find(provider_id)) std::erase(provider->clients, id);
    }
    entry->activity = Activity::detached;
    ++generation_;
    announce(Event::detached, id);
    const auto place = entries_.find(id);
    if (place == entries_.end()) return;
    departed_.push_back(std::move(place->second));
    entries_.erase(place);
    if (departed_.size() > kDepartedKept) departed_.pop_front();
}

void Registry::adjust_busy(EntryId id, int delta) {
    Entry* entry = find(id);
    if (entry == nullptr || delta == 0) return;
    const uint32_t before = entry->busy;
    const int64_t after = std::max<int64_t>(0, int64_t{before} + delta);
    if (before > 0 && after == 0) entry->busy_before = entry->busy_time();
    if (before == 0 && after > 0) entry->busy_since = std::chrono::steady_clock::now();
    entry->busy = static_cast<uint32_t>(after);
    if ((before == 0) == (entry->busy == 0)) return;
    const std::vector<EntryId> providers = entry->providers;
    const int change = entry->busy == 0 ? -1 : 1;
    announce(Event::busy_changed, id);
    for (const EntryId provider : providers) adjust_busy(provider, change);
}

}  // namespace opendext::daemon
