// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "daemon/registry/registry.h"
#include "rpc/protocol/client.h"
#include "rpc/result.h"

/// How something ended, as a client program sees it.
namespace opendext::daemon {

/// An error: its IOReturn, or the one that comes nearest. Errc::peer_gone is a driver's death, as
/// it is of every request to a driver process; kIOReturnOffline its end in order.
[[nodiscard]] protocol::client::DriverOutcome outcome_of(const Error& error);

/// What a driver's method returned, in words that name the driver's object and the method.
[[nodiscard]] protocol::client::DriverOutcome driver_outcome(const Registry& registry, EntryId id,
                                                             const char* method, int32_t code);

}  // namespace opendext::daemon
