// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "daemon/supervision/supervisor.h"
#include "rpc/protocol/supervision.h"

namespace opendext::daemon {

/// What programs are told of supervision (rpc/protocol/supervision.h).
[[nodiscard]] protocol::client::SupervisionIs supervision_is(const Supervisor& supervisor,
                                                             const Registry& registry);
/// Ends quarantines for a program that may do so.
[[nodiscard]] protocol::client::QuarantineLifted lift_quarantine(Supervisor& supervisor,
                                                                 const Registry& registry,
                                                                 std::string_view name);

}  // namespace opendext::daemon
