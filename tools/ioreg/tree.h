// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "rpc/protocol/client.h"
#include "tools/common/daemon_client.h"

namespace opendext::ioreg {

/// One entry with what is below it in a plane, as it was when it was read.
struct Node {
    protocol::client::Entry entry;
    std::vector<std::unique_ptr<Node>> children;
};

/// Reads a plane from the root down. The tree may change meanwhile: then it is read again, a few
/// times; entries that go while they are read are left out.
[[nodiscard]] Result<std::unique_ptr<Node>> read_tree(tools::DaemonClient& daemon,
                                                      const std::string& plane);

/// Which entries the user asked for; empty members ask for nothing.
struct Criteria {
    std::string name;        ///< name or name@location
    std::string class_name;  ///< the entry's class or one that it derives from
    std::string key;         ///< has this property
    [[nodiscard]] bool any() const { return !name.empty() || !class_name.empty() || !key.empty(); }
    /// Whether the entry fulfils all of them (there is at least one).
    [[nodiscard]] bool match(const protocol::client::Entry& entry) const;
};

/// The way to an entry: its ancestors, root first, and itself at the end.
using Way = std::vector<const Node*>;
/// The entries that match; below one that does no further ones are looked for.
[[nodiscard]] std::vector<Way> find_roots(const Node& tree, const Criteria& criteria);

}  // namespace opendext::ioreg
