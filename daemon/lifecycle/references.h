// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "daemon/lifecycle/process.h"
#include "daemon/registry/registry.h"
#include "rpc/protocol/common.h"

namespace opendext::daemon {

/// Checks what a driver process sent along: every index in range, every memory sealed and large enough, every
/// object its own or one that it was told of.
[[nodiscard]] Status check_references(const std::vector<protocol::Ref>& refs, const std::vector<UniqueFd>& fds,
                                      const DriverProcess& from);

/// Makes the object references fit for `to`: tells it of entries that it does not know (Bind) and names the nearest
/// class that it has. References to entries that are gone become null.
void introduce(std::vector<protocol::Ref>& refs, DriverProcess& to, const Registry& registry);
/// The same for one entry; false if it is gone.
bool introduce(EntryId entry, DriverProcess& to, const Registry& registry);

/// A reference to an entry.
[[nodiscard]] protocol::Ref object_reference(EntryId entry);

}  // namespace opendext::daemon
