// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "daemon/lifecycle/actions.h"
#include "daemon/lifecycle/process.h"
#include "daemon/registry/registry.h"
#include "rpc/protocol/common.h"

namespace opendext::daemon {

/// Checks what a driver process sent along: every index in range, every memory sealed and large
/// enough, every object and action its own or one that it was told of. Its own actions get the
/// number that others know them by.
[[nodiscard]] Status accept_references(std::vector<protocol::Ref>& refs,
                                       const std::vector<UniqueFd>& fds, const DriverProcess& from,
                                       ActionTable& actions);

/// Makes the references fit for `to`: tells it of entries that it does not know (Bind), names the
/// nearest class that it has, gives it its own actions by its own number. References to what is
/// gone become null.
void introduce(std::vector<protocol::Ref>& refs, DriverProcess& to, const Registry& registry,
               ActionTable& actions);

/// A reference to an entry.
[[nodiscard]] protocol::Ref object_reference(EntryId entry);

}  // namespace opendext::daemon
