// SPDX-License-Identifier: Apache-2.0
#include "daemon/clients/queries.h"

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "daemon/io_return.h"

namespace opendext::daemon {

namespace client = protocol::client;

namespace {

constexpr const char* kNoSuchEntry = "there is no such entry";

/// Numbers what the entries of one message have in common. Most entries have the chain and the
/// parent of the one before.
class CommonParts {
  public:
    CommonParts(const Registry& registry, client::SnapshotWriter& writer)
        : registry_(registry), writer_(writer) {}

    uint32_t chain(const Entry& entry) {
        if (last_chain_ == nullptr || *last_chain_ != entry.classes) {
            const auto [place, added] = chains_.try_emplace(entry.classes, 0);
            if (added) place->second = writer_.chain(entry.classes);
            last_chain_ = &place->first;
            chain_ = place->second;
        }
        return chain_;
    }
    uint32_t parent(const Entry& entry) {
        const EntryId id = entry.provider();
        if (!any_parent_ || last_parent_ != id) {
            const auto [place, added] = parents_.try_emplace(id, 0);
            if (added)
                place->second = writer_.parent(id == kNoEntry ? std::string() : registry_.path(id));
            any_parent_ = true;
            last_parent_ = id;
            parent_ = place->second;
        }
        return parent_;
    }

  private:
    const Registry& registry_;
    client::SnapshotWriter& writer_;
    std::map<std::vector<std::string>, uint32_t> chains_;
    std::map<EntryId, uint32_t> parents_;
    const std::vector<std::string>* last_chain_ = nullptr;
    uint32_t chain_ = 0;
    bool any_parent_ = false;
    EntryId last_parent_ = kNoEntry;
    uint32_t parent_ = 0;
};

}  // namespace

bool RegistryQueries::known_plane(const std::string& plane, protocol::Outcome& outcome) const {
    if (context_.registry.has_plane(plane)) return true;
    outcome = {kIOReturnBadArgument, "there is no plane '" + plane.substr(0, 128) + "'"};
    return false;
}

client::Entries RegistryQueries::match(const client::Match& request) const {
    client::Entries entries;
    entries.generation = context_.registry.generation();
    const MatchContext context = matcher_.match_context();
    MatchQuery(request.matching).visit(context, [&](const Entry& entry) {
        entries.ids.push_back(entry.id);
        return request.limit == 0 || entries.ids.size() < request.limit;
    });
    return entries;
}

client::MatchVerdict RegistryQueries::match_one(const client::MatchOne& request) const {
    client::MatchVerdict answer;
    const Entry* entry = context_.registry.find(request.entry);
    if (entry == nullptr) {
        answer.outcome = {kIOReturnNotFound, kNoSuchEntry};
    } else if (!entry->service) {
        answer.reason = "the entry is no service";
    } else {
        Verdict verdict =
            opendext::daemon::match(*entry, request.matching, matcher_.match_context());
        answer.matches = verdict.matches;
        answer.reason = std::move(verdict.reason);
    }
    return answer;
}

client::Entry RegistryQueries::entry(const client::GetEntry& request) const {
    client::Entry answer;
    answer.id = request.id;
    const Entry* entry = context_.registry.find(request.id);
    const bool gone = entry == nullptr;
    if (gone) entry = context_.registry.find_departed(request.id);
    if (entry == nullptr) {
        answer.outcome = {kIOReturnNotFound, kNoSuchEntry};
        return answer;
    }
    answer.name = entry->name;
    answer.location = entry->location;
    answer.class_name = entry->class_name();
    answer.classes = entry->classes;
    if (entry->registered) answer.flags |= client::kEntryRegistered;
    if (entry->matched) answer.flags |= client::kEntryMatched;
    if (entry->activity == Activity::active) answer.flags |= client::kEntryActive;
    if (entry->service) answer.flags |= client::kEntryService;
    answer.busy = entry->busy;
    answer.busy_ns = static_cast<uint64_t>(entry->busy_time().count());
    // Who holds the entry: the tree, its clients, its driver process.
    const Instance* instance = gone ? nullptr : lifecycle_.find(entry->id);
    answer.retain_count =
        static_cast<uint32_t>(1 + entry->clients.size() + (instance != nullptr ? 1 : 0));
    answer.generation = context_.registry.generation();
    if (request.with_properties) answer.properties = entry->merged_properties();
    answer.state =
        gone ? std::string(to_string(Activity::detached)) : lifecycle_.state_text(*entry);
    if (instance != nullptr && instance->process) answer.server_pid = instance->process->pid();
    for (const auto& [number, process] : lifecycle_.processes().all()) {
        if (process->server == entry->id) answer.server_pid = process->pid();
    }
    return answer;
}

client::Entries RegistryQueries::relatives(const client::GetRelatives& request) const {
    client::Entries entries;
    entries.generation = context_.registry.generation();
    const Entry* entry = context_.registry.find(request.id);
    if (!known_plane(request.plane, entries.outcome)) return entries;
    if (entry == nullptr) {
        entries.outcome = {kIOReturnNotFound, kNoSuchEntry};
    } else {
        entries.ids = context_.registry.relatives(*entry, request.plane, request.parents);
    }
    return entries;
}

client::EntriesRead RegistryQueries::read_entries(const client::ReadEntries& request) const {
    client::EntriesRead answer;
    size_t bytes = 0;
    for (const uint64_t id : request.ids) {
        ++answer.looked_at;
        const Entry* entry = context_.registry.find(id);
        if (entry == nullptr) continue;
        client::EntryInPlane& read = answer.entries.emplace_back();
        read.entry = this->entry({id, true});
        read.children = context_.registry.relatives(*entry, request.plane, false);
        Writer writer;
        FieldWriter io(writer);
        read.fields(io);
        bytes += writer.bytes().size();
        if (bytes >= kMaxSnapshotBytes) break;
    }
    return answer;
}

Message RegistryQueries::snapshots(const client::GetSnapshots& request, uint64_t serial) const {
    const size_t limit = std::min<size_t>(request.max_bytes, kMaxSnapshotBytes);
    client::SnapshotWriter writer;
    CommonParts common(context_.registry, writer);
    for (const uint64_t id : request.ids) {
        const Entry* entry = context_.registry.find(id);
        if (entry == nullptr) continue;
        const uint32_t chain = common.chain(*entry);
        const uint32_t parent = common.parent(*entry);
        writer.begin(id, chain, parent, entry->name, entry->location);
        entry->visit_properties(
            [&](std::string_view key, const Value& value) { writer.property(key, value); });
        writer.end();
        if (writer.size() >= limit) break;
    }
    return writer.finish(serial);
}

template <typename Visit>
void RegistryQueries::walk_from(const Entry& start, const std::string& plane, bool parents,
                                Visit visit) const {
    struct Level {
        const std::vector<EntryId>* ids;
        size_t next = 0;
    };
    const Registry& registry = context_.registry;
    std::vector<Level> levels{{&registry.relatives(start, plane, parents)}};
    std::unordered_set<EntryId> seen{start.id};
    while (!levels.empty()) {
        Level& level = levels.back();
        if (level.next == level.ids->size()) {
            levels.pop_back();
            continue;
        }
        const Entry* entry = registry.find((*level.ids)[level.next++]);
        // Several ways lead only to an entry with several neighbours on the side that one came
        // from.
        if (entry == nullptr || (registry.relatives(*entry, plane, !parents).size() > 1 &&
                                 !seen.insert(entry->id).second))
            continue;
        if (!visit(*entry, levels.size())) return;
        if (levels.size() < kMaxDepth)
            levels.push_back({&registry.relatives(*entry, plane, parents)});
    }
}

client::Walked RegistryQueries::walk(const client::Walk& request) const {
    client::Walked answer;
    answer.generation = context_.registry.generation();
    if (!known_plane(request.plane, answer.outcome)) return answer;
    const Entry* start = context_.registry.find(request.id);
    if (start == nullptr) {
        answer.outcome = {kIOReturnNotFound, kNoSuchEntry};
        return answer;
    }
    walk_from(*start, request.plane, request.parents, [&](const Entry& entry, size_t depth) {
        answer.ids.push_back(entry.id);
        answer.depths.push_back(static_cast<uint16_t>(depth));
        return true;
    });
    return answer;
}

client::Found RegistryQueries::search(const client::Search& request) const {
    client::Found answer;
    const Entry* start = context_.registry.find(request.id);
    if (start == nullptr) {
        answer.outcome = {kIOReturnNotFound, kNoSuchEntry};
        return answer;
    }
    if (request.recursive && !known_plane(request.plane, answer.outcome)) return answer;
    const auto take = [&](const Entry& entry) {
        bool found = false;
        if (request.key == Entry::kUserClassesKey) {  // made for readers
            entry.visit_properties([&](std::string_view key, const Value& value) {
                if (key != request.key) return;
                answer.value = value;
                found = true;
            });
        } else if (const Value* value = entry.property(request.key)) {
            answer.value = *value;
            found = true;
        }
        return found;
    };
    bool found = take(*start);
    if (!found && request.recursive) {
        walk_from(*start, request.plane, request.parents,
                  [&](const Entry& entry, size_t) { return !(found = take(entry)); });
    }
    if (!found)
        answer.outcome = {kIOReturnNotFound, "no property '" + request.key.substr(0, 128) + "'"};
    return answer;
}

client::Resolved RegistryQueries::resolve(const client::Resolve& request) const {
    client::Resolved answer;
    const std::string& path = request.path;
    const size_t colon = path.find(":/");
    if (colon == std::string::npos) {
        answer.outcome = {kIOReturnBadArgument, "a path begins with a plane, as IOService:/"};
        return answer;
    }
    const std::string plane = path.substr(0, colon);
    if (!known_plane(plane, answer.outcome)) return answer;
    const Registry& registry = context_.registry;
    const Entry* here = registry.find(registry.root());
    for (size_t begin = colon + 2; begin < path.size() && here != nullptr;) {
        const size_t end = std::min(path.find('/', begin), path.size());
        const std::string_view component = std::string_view(path).substr(begin, end - begin);
        begin = end + 1;
        if (component.empty()) continue;
        const Entry* found = nullptr;
        for (const EntryId id : registry.relatives(*here, plane, false)) {
            const Entry* child = registry.find(id);
            if (child == nullptr || !component.starts_with(child->name)) continue;
            // The full component first; a name without its location is enough if nothing fits
            // better.
            if (Registry::path_component(*child) == component) {
                found = child;
                break;
            }
            if (found == nullptr && child->name == component) found = child;
        }
        if (found == nullptr) {
            answer.outcome = {kIOReturnNotFound,
                              "no '" + std::string(component) + "' in " + path.substr(0, end)};
            return answer;
        }
        here = found;
    }
    answer.id = here == nullptr ? kNoEntry : here->id;
    return answer;
}

client::Located RegistryQueries::locate(const client::Locate& request) const {
    client::Located answer;
    if (!known_plane(request.plane, answer.outcome)) return answer;
    const Entry* entry = context_.registry.find(request.id);
    if (entry == nullptr) {
        answer.outcome = {kIOReturnNotFound, kNoSuchEntry};
    } else if (!context_.registry.in_plane(*entry, request.plane)) {
        answer.outcome = {kIOReturnNotFound, "the entry is not in the plane " + request.plane};
    } else {
        answer.name = entry->name;
        answer.location = entry->location;
        answer.path = context_.registry.path(entry->id, request.plane);
    }
    return answer;
}

client::ClassIs RegistryQueries::class_of(const client::GetClass& request) const {
    client::ClassIs answer;
    if (const ClassTable::Known* known = context_.classes.find(request.name)) {
        answer.super_name = known->declaration.super_name;
        answer.bundle_id = known->declaration.bundle_id;
        return answer;
    }
    // A driver's own class: of any of its objects.
    bool found = false;
    context_.registry.visit_class(request.name, [&](const Entry& entry) {
        const auto& chain = entry.user_classes;
        const auto place = std::find(chain.begin(), chain.end(), request.name);
        if (place == chain.end()) return true;
        found = true;
        if (std::next(place) != chain.end()) answer.super_name = *std::next(place);
        const Value* bundle = entry.property("CFBundleIdentifier");
        if (bundle != nullptr && bundle->string() != nullptr) answer.bundle_id = *bundle->string();
        return false;
    });
    if (!found) {
        answer.outcome = {kIOReturnNotFound,
                          "no class '" + request.name.substr(0, 128) + "' is known"};
    }
    return answer;
}

}  // namespace opendext::daemon
