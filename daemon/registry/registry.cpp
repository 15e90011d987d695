// SPDX-License-Identifier: Apache-2.0
#include "daemon/registry/registry.h"

#include <algorithm>
#include <utility>

#include "daemon/adoption/recorder.h"

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
    Entry& added = insert(std::move(entry));
    changed(added.id);
    tree_changed();
    announce(Event::attached, added.id);
    return added;
}

Entry& Registry::insert(std::unique_ptr<Entry> entry) {
    Entry& added = *entry;
    Held& held =
        entries_.emplace_hint(entries_.end(), added.id, Held{std::move(entry), {}})->second;
    add_to_kind(held);
    names_.emplace(added.name, added.id);
    for (const std::string_view key : kNameProperties) property_changed(added, key);
    return added;
}

void Registry::record(Recorder& recorder) {
    recorder_ = &recorder;
    recorder.describe(Record::entry, [this](uint64_t id, uint64_t) -> std::vector<uint8_t> {
        Entry* entry = find(id);
        if (entry == nullptr) return {};
        std::vector<records::Place> places;
        for (const auto& [plane, links] : entry->planes) {
            if (!links.parents.empty()) places.push_back({plane, links.parents});
        }
        Writer writer;
        FieldWriter io(writer);
        records::entry_fields(io, *entry, places);
        return writer.take();
    });
}

void Registry::restore(EntryId id, records::Entry record) {
    auto entry = std::make_unique<Entry>();
    entry->id = id;
    entry->name = std::move(record.name);
    entry->location = std::move(record.location);
    entry->classes = std::move(record.classes);
    entry->user_classes = std::move(record.user_classes);
    entry->properties = std::move(record.properties);
    entry->user_properties = std::move(record.user_properties);
    entry->service = record.service;
    entry->registered = record.registered;
    entry->matched = record.matched;
    entry->activity = record.activity;
    for (const EntryId above : record.providers) {
        Entry* provider = find(above);
        if (provider == nullptr) continue;
        entry->providers.push_back(above);
        provider->clients.push_back(id);
    }
    for (const records::Place& place : record.places) {
        for (const EntryId above : place.parents) {
            Entry* parent = find(above);
            if (parent == nullptr) continue;
            entry->planes[place.plane].parents.push_back(above);
            parent->planes[place.plane].children.push_back(id);
        }
    }
    if (root_ == kNoEntry) root_ = id;
    next_ = std::max(next_, id + 1);
    insert(std::move(entry));
    tree_changed();
}

void Registry::touch(EntryId id) {
    if (recorder_ != nullptr) recorder_->touch(Record::entry, id);
}

Registry::Held* Registry::held(EntryId id) {
    const auto entry = entries_.find(id);
    return entry == entries_.end() ? nullptr : &entry->second;
}

Entry* Registry::find(EntryId id) {
    Held* found = held(id);
    return found == nullptr ? nullptr : found->entry.get();
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
    for (const auto& [id, held] : entries_) ids.push_back(id);
    return ids;
}

void Registry::add_to_kind(Held& held) {
    const Entry& entry = *held.entry;
    held.kind = kinds_.try_emplace(KindKey{entry.classes, entry.user_classes}).first;
    auto& entries = held.kind->second.entries;
    entries.emplace_hint(entries.end(), entry.id, &entry);
}

void Registry::remove_from_kind(Held& held) {
    held.kind->second.entries.erase(held.entry->id);
    if (held.kind->second.entries.empty()) kinds_.erase(held.kind);
}

std::vector<const Entry*> Registry::of_class(std::string_view class_name) const {
    std::vector<const Entry*> found;
    size_t kinds = 0;
    for (const auto& [key, kind] : kinds_) {
        if (!kind.entries.begin()->second->is_kind_of(class_name)) continue;
        ++kinds;
        for (const auto& [id, entry] : kind.entries) found.push_back(entry);
    }
    if (kinds > 1) {
        std::sort(found.begin(), found.end(),
                  [](const Entry* a, const Entry* b) { return a->id < b->id; });
    }
    return found;
}

bool Registry::has_plane(std::string_view plane) const {
    return plane == kServicePlane || planes_.contains(plane);
}

bool Registry::in_plane(const Entry& entry, std::string_view plane) const {
    if (entry.id == root_) return has_plane(plane);
    return !relatives(entry, plane, true).empty();
}

const std::vector<EntryId>& Registry::relatives(const Entry& entry, std::string_view plane,
                                                bool parents) const {
    static const std::vector<EntryId> kNone;
    if (plane == kServicePlane) return parents ? entry.providers : entry.clients;
    const auto links = entry.planes.find(plane);
    if (links == entry.planes.end()) return kNone;
    return parents ? links->second.parents : links->second.children;
}

std::string Registry::path_component(const Entry& entry) {
    return entry.location.empty() ? entry.name : entry.name + "@" + entry.location;
}

std::string Registry::path(EntryId id, std::string_view plane) const {
    std::string path;
    for (const Entry* entry = find(id); entry != nullptr && entry->id != root_;) {
        path.insert(0, "/" + path_component(*entry));
        const std::vector<EntryId>& parents = relatives(*entry, plane, true);
        entry = parents.empty() ? nullptr : find(parents.front());
    }
    return std::string(plane) + ":" + (path.empty() ? "/" : path);
}

void Registry::declare_plane(std::string plane) {
    planes_.insert(std::move(plane));
}

void Registry::attach(EntryId id, EntryId parent, std::string_view plane) {
    Entry* entry = find(id);
    Entry* above = find(parent);
    const auto known = planes_.find(plane);
    if (entry == nullptr || above == nullptr || known == planes_.end()) return;
    std::vector<EntryId>& parents = entry->planes[*known].parents;
    if (std::find(parents.begin(), parents.end(), parent) != parents.end()) return;
    parents.push_back(parent);
    above->planes[*known].children.push_back(id);
    changed(id);
    changed(parent);
    tree_changed();
}

void Registry::changed(EntryId id) {
    touch(id);
    if (board_ != nullptr) board_->entry_changed(id);
}

void Registry::changed(const Entry& entry) {
    entry.traits.clear();
    changed(entry.id);
}

void Registry::property_changed(const Entry& entry, std::string_view key) {
    if (std::find(kNameProperties.begin(), kNameProperties.end(), key) == kNameProperties.end())
        return;
    const bool more = std::any_of(kNameProperties.begin(), kNameProperties.end(),
                                  [&](std::string_view name) { return entry.property(name); });
    if (more) {
        with_more_names_.insert(entry.id);
    } else {
        with_more_names_.erase(entry.id);
    }
}

void Registry::tree_changed() {
    ++generation_;
    if (board_ != nullptr) board_->tree_changed();
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
    touch(id);
    announce(first ? Event::published : Event::registered_again, id);
}

void Registry::set_matched(EntryId id) {
    Entry* entry = find(id);
    if (entry == nullptr || entry->activity != Activity::active) return;
    const bool first = !std::exchange(entry->matched, true);
    touch(id);
    if (first) announce(Event::first_matched, id);
    announce(Event::matched, id);
}

void Registry::set_name(EntryId id, std::string name) {
    Entry* entry = find(id);
    if (entry == nullptr || entry->name == name) return;
    names_.erase({entry->name, id});
    entry->name = std::move(name);
    names_.emplace(entry->name, id);
    changed(*entry);
    tree_changed();
    // The paths of others begin with it.
    if (board_ != nullptr && !entry->clients.empty()) board_->names_changed();
}

void Registry::set_user_classes(EntryId id, std::vector<std::string> classes) {
    Held* found = held(id);
    if (found == nullptr) return;
    remove_from_kind(*found);
    found->entry->user_classes = std::move(classes);
    add_to_kind(*found);
    changed(*found->entry);
}

void Registry::set_property(EntryId id, std::string key, Value value) {
    if (Entry* entry = find(id)) {
        const auto place = entry->properties.insert_or_assign(std::move(key), std::move(value));
        property_changed(*entry, place.first->first);
        changed(*entry);
        announce(Event::property_changed, id);
    }
}

void Registry::remove_property(EntryId id, std::string_view key) {
    Entry* entry = find(id);
    if (entry == nullptr) return;
    const auto property = entry->properties.find(key);
    if (property == entry->properties.end()) return;
    entry->properties.erase(property);
    property_changed(*entry, key);
    changed(*entry);
    announce(Event::property_changed, id);
}

void Registry::merge_user_properties(EntryId id, const Dictionary& properties) {
    if (Entry* entry = find(id)) {
        for (const auto& [key, value] : properties) {
            entry->user_properties.insert_or_assign(key, value);
            property_changed(*entry, key);
        }
        changed(*entry);
        announce(Event::property_changed, id);
    }
}

void Registry::remove_user_property(EntryId id, std::string_view key) {
    Entry* entry = find(id);
    if (entry == nullptr) return;
    const auto property = entry->user_properties.find(key);
    if (property == entry->user_properties.end()) return;
    entry->user_properties.erase(property);
    property_changed(*entry, key);
    changed(*entry);
    announce(Event::property_changed, id);
}

void Registry::set_inactive(EntryId id) {
    Entry* entry = find(id);
    if (entry == nullptr || entry->activity != Activity::active) return;
    entry->activity = Activity::terminating;
    touch(id);
    announce(Event::inactive, id);
}

namespace {
/// Takes `id` out of `ids`, looking from the end: what came last mostly goes first.
void take_out(std::vector<EntryId>& ids, EntryId id) {
    const auto place = std::find(ids.rbegin(), ids.rend(), id);
    if (place != ids.rend()) ids.erase(std::next(place).base());
}
}  // namespace

void Registry::detach(EntryId id) {
    Entry* entry = find(id);
    if (entry == nullptr) return;
    if (entry->busy > 0) adjust_busy(id, -static_cast<int>(entry->busy));
    for (const EntryId provider_id : entry->providers) {
        if (Entry* provider = find(provider_id)) take_out(provider->clients, id);
    }
    for (const auto& [plane, links] : entry->planes) {
        for (const EntryId parent : links.parents) {
            if (Entry* above = find(parent)) take_out(above->planes[plane].children, id);
        }
        for (const EntryId child : links.children) {
            if (Entry* below = find(child)) take_out(below->planes[plane].parents, id);
        }
    }
    entry->activity = Activity::detached;
    changed(id);
    tree_changed();
    announce(Event::detached, id);
    const auto place = entries_.find(id);
    if (place == entries_.end()) return;
    remove_from_kind(place->second);
    names_.erase({place->second.entry->name, id});
    with_more_names_.erase(id);
    departed_.push_back(std::move(place->second.entry));
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
