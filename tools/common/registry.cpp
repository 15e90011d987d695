// SPDX-License-Identifier: Apache-2.0
#include "tools/common/registry.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <vector>

namespace opendext::tools {

namespace client = protocol::client;

const client::Entry* RegistryImage::find(uint64_t id) const {
    const auto found = entries.find(id);
    return found == entries.end() ? nullptr : &found->second;
}

std::string RegistryImage::path(uint64_t id) const {
    std::string path;
    // A step for each entry at most: what was read while it changed may hold a circle.
    for (size_t steps = 0; id != root && steps < entries.size(); ++steps) {
        const client::Entry* entry = find(id);
        if (entry == nullptr) break;
        path = "/" + entry->name + (entry->location.empty() ? "" : "@" + entry->location) + path;
        const auto parent = parents.find(id);
        if (parent == parents.end()) break;
        id = parent->second;
    }
    return path.empty() ? "/" : path;
}

namespace {
/// Entries that one question is about.
constexpr size_t kBatch = 4096;
}  // namespace

Result<PlaneImage> read_plane(DaemonClient& daemon, const std::string& plane) {
    PlaneImage image;
    std::set<uint64_t> known{daemon.welcome().root};
    // One level of the tree after the other.
    for (std::vector<uint64_t> level{daemon.welcome().root}; !level.empty();) {
        std::vector<uint64_t> below;
        for (size_t next = 0; next < level.size();) {
            client::ReadEntries request;
            const auto from = level.begin() + static_cast<ptrdiff_t>(next);
            request.ids.assign(
                from, from + static_cast<ptrdiff_t>(std::min(kBatch, level.size() - next)));
            request.plane = plane;
            auto read = OD_TRY(daemon.request<client::EntriesRead>(std::move(request)));
            if (read.looked_at == 0)
                return Error{Errc::malformed, 0, "opendextd does not go on with the entries"};
            next += read.looked_at;
            for (client::EntryInPlane& one : read.entries) {
                for (const uint64_t child : one.children) {
                    if (known.insert(child).second) below.push_back(child);
                }
                const uint64_t id = one.entry.id;
                image.emplace(id, std::move(one));
            }
        }
        level = std::move(below);
    }
    return image;
}

Result<RegistryImage> read_registry(DaemonClient& daemon) {
    RegistryImage image;
    image.root = daemon.welcome().root;
    PlaneImage plane = OD_TRY(read_plane(daemon, "IOService"));
    for (auto& [id, read] : plane) {
        for (const uint64_t child : read.children) image.parents.emplace(child, id);
        image.entries.emplace(id, std::move(read.entry));
    }
    return image;
}

std::set<std::string> classes_of(const client::Entry& entry) {
    std::set<std::string> classes(entry.classes.begin(), entry.classes.end());
    const Value* of_driver = opendext::find(entry.properties, "IOUserClasses");
    if (of_driver != nullptr && of_driver->array() != nullptr) {
        for (const Value& name : *of_driver->array()) {
            if (name.string() != nullptr) classes.insert(*name.string());
        }
    }
    return classes;
}

std::string text_of_id(uint64_t id) {
    char text[24];
    std::snprintf(text, sizeof text, "0x%" PRIx64, id);
    return text;
}

}  // namespace opendext::tools
