// SPDX-License-Identifier: Apache-2.0
#include "tools/common/registry.h"

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

Result<RegistryImage> read_registry(DaemonClient& daemon) {
    RegistryImage image;
    image.root = daemon.welcome().root;
    std::vector<uint64_t> left{image.root};
    while (!left.empty()) {
        const uint64_t id = left.back();
        left.pop_back();
        if (image.entries.contains(id)) continue;
        auto entry = daemon.request<client::Entry>(client::GetEntry{id, true});
        if (!entry.ok() && entry.error().code != Errc::kern) return std::move(entry).error();
        if (!entry.ok()) continue;
        image.entries.emplace(id, std::move(*entry));
        const auto below =
            daemon.request<client::Entries>(client::GetRelatives{id, "IOService", false});
        if (!below.ok()) continue;
        for (const uint64_t child : below->ids) {
            image.parents.emplace(child, id);
            left.push_back(child);
        }
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
