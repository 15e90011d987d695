// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "rpc/protocol/client.h"
#include "tools/common/daemon_client.h"

namespace opendext::tools {

/// The entries of the service plane by id, as they were when they were read.
struct RegistryImage {
    uint64_t root = 0;
    std::map<uint64_t, protocol::client::Entry> entries;
    std::map<uint64_t, uint64_t> parents;  ///< the first parent of each

    [[nodiscard]] const protocol::client::Entry* find(uint64_t id) const;
    /// "/OpenDext/IOResources/NAME@LOCATION"
    [[nodiscard]] std::string path(uint64_t id) const;
};

/// Every entry of a plane, root among them, with its properties and what is below it. Entries that
/// go meanwhile are left out, and may still be named as children.
using PlaneImage = std::map<uint64_t, protocol::client::EntryInPlane>;
[[nodiscard]] Result<PlaneImage> read_plane(DaemonClient& daemon, const std::string& plane);

/// The same for the service plane, with parents.
[[nodiscard]] Result<RegistryImage> read_registry(DaemonClient& daemon);

/// What a program may call the entry's class: its class in the registry, that of the driver's
/// object (IOUserClasses), and what these derive from.
[[nodiscard]] std::set<std::string> classes_of(const protocol::client::Entry& entry);

/// "0x100000105"
[[nodiscard]] std::string text_of_id(uint64_t id);

}  // namespace opendext::tools
