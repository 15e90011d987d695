// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "iokit/tests/fake_daemon.h"
#include "rpc/protocol/snapshots.h"

namespace opendext::fakes {

using namespace protocol::client;

namespace {
constexpr int32_t kBadArgument = static_cast<int32_t>(0xe00002c2);
constexpr int32_t kNotFound = static_cast<int32_t>(0xe00002f0);
}  // namespace

std::string FakeDaemon::path_of(uint64_t id, bool locations) const {
    std::string path;
    while (id != kRoot) {
        const Node& node = nodes_.at(id);
        path.insert(0,
                    "/" + node.spec.name +
                        (node.spec.location.empty() || !locations ? "" : "@" + node.spec.location));
        id = node.parent;
    }
    return "IOService:" + (path.empty() ? "/" : path);
}

void FakeDaemon::walk(uint64_t id, bool parents, uint16_t depth, Walked& walked) const {
    const Node& node = nodes_.at(id);
    std::vector<uint64_t> next = node.children;
    if (parents) next = node.parent == 0 ? std::vector<uint64_t>{} : std::vector{node.parent};
    for (const uint64_t other : next) {
        walked.ids.push_back(other);
        walked.depths.push_back(depth);
        walk(other, parents, static_cast<uint16_t>(depth + 1), walked);
    }
}

bool FakeDaemon::answer_query(Client& client, const Message& request) {
    const protocol::Outcome gone{kNotFound, "the entry is gone"};
    const protocol::Outcome no_plane{kBadArgument, "there is no such plane"};
    const uint64_t serial = request.serial;
    switch (static_cast<Kind>(request.kind)) {
        case Kind::get_snapshots: {
            SnapshotWriter writer;
            const auto wanted = decode<GetSnapshots>(request);
            for (const uint64_t id : wanted->ids) {
                const auto found = nodes_.find(id);
                if (found == nodes_.end()) continue;
                const Spec& spec = found->second.spec;
                const uint32_t chain = writer.chain(spec.classes);
                const uint32_t parent =
                    writer.parent(id == kRoot ? "" : path_of(found->second.parent));
                writer.begin(id, chain, parent, spec.name, spec.location);
                for (const auto& [key, value] : spec.properties) writer.property(key, value);
                writer.end();
            }
            send(client, writer.finish(serial), serial);
            return true;
        }
        case Kind::read_entries: {
            const auto wanted = decode<ReadEntries>(request);
            EntriesRead read;
            // A few at a time, as opendextd does where they are large.
            for (const uint64_t id : wanted->ids) {
                if (read.looked_at == 3) break;
                ++read.looked_at;
                if (!nodes_.contains(id)) continue;
                read.entries.push_back({entry(id, true), {}});
                if (wanted->plane == "IOService")
                    read.entries.back().children = nodes_.at(id).children;
            }
            send(client, encode(read), serial);
            return true;
        }
        case Kind::walk: {
            const auto wanted = decode<Walk>(request);
            Walked walked;
            walked.generation = generation_;
            if (wanted->plane != "IOService") {
                walked.outcome = no_plane;
            } else if (!nodes_.contains(wanted->id)) {
                walked.outcome = gone;
            } else {
                walk(wanted->id, wanted->parents, 1, walked);
            }
            send(client, encode(walked), serial);
            return true;
        }
        case Kind::search: {
            const auto wanted = decode<Search>(request);
            Found found;
            Walked walked;
            if (nodes_.contains(wanted->id)) {
                walked.ids.push_back(wanted->id);
                if (wanted->recursive) walk(wanted->id, wanted->parents, 1, walked);
            }
            found.outcome = {kNotFound, "no property '" + wanted->key + "'"};
            for (const uint64_t id : walked.ids) {
                const Value* value = find(nodes_.at(id).spec.properties, wanted->key);
                if (value == nullptr) continue;
                found.value = *value;
                found.outcome = {};
                break;
            }
            send(client, encode(found), serial);
            return true;
        }
        case Kind::resolve: {
            const std::string path = decode<Resolve>(request)->path;
            Resolved resolved;
            resolved.outcome = {kNotFound,
                                "no '" + path.substr(path.rfind('/') + 1) + "' in " + path};
            if (!path.starts_with("IOService:/")) resolved.outcome = no_plane;
            for (const auto& [id, node] : nodes_) {
                if (path_of(id) != path && path_of(id, false) != path) continue;
                resolved.id = id;
                resolved.outcome = {};
            }
            send(client, encode(resolved), serial);
            return true;
        }
        case Kind::locate: {
            const auto wanted = decode<Locate>(request);
            Located located;
            if (wanted->plane != "IOService") {
                located.outcome = no_plane;
            } else if (!nodes_.contains(wanted->id)) {
                located.outcome = gone;
            } else {
                located.name = nodes_.at(wanted->id).spec.name;
                located.location = nodes_.at(wanted->id).spec.location;
                located.path = path_of(wanted->id);
            }
            send(client, encode(located), serial);
            return true;
        }
        case Kind::match_one: {
            const auto wanted = decode<MatchOne>(request);
            MatchVerdict verdict;
            const auto found = nodes_.find(wanted->entry);
            if (found == nodes_.end()) {
                verdict.outcome = gone;
            } else {
                verdict.matches = matches(found->second, wanted->entry, wanted->matching);
                if (!verdict.matches) verdict.reason = "a key differs";
            }
            send(client, encode(verdict), serial);
            return true;
        }
        case Kind::get_class: {
            const std::string name = decode<GetClass>(request)->name;
            ClassIs answer;
            answer.outcome = {kNotFound, "no class '" + name + "' is known"};
            for (const auto& [id, node] : nodes_) {
                const auto& classes = node.spec.classes;
                const auto place = std::find(classes.begin(), classes.end(), name);
                if (place == classes.end()) continue;
                answer.outcome = {};
                answer.bundle_id = "org.example.fake";
                answer.super_name = std::next(place) == classes.end() ? "" : *std::next(place);
                break;
            }
            send(client, encode(answer), serial);
            return true;
        }
        default:
            return false;
    }
}

}  // namespace opendext::fakes
