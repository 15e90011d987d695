// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "rpc/protocol/client.h"
#include "rpc/socket.h"

namespace opendext::system_extensions {

/// A connection to the opendextd of this program's realm, for one request or one watch: its end is
/// theirs.
[[nodiscard]] Result<Socket> connect();
/// After a connection was lost: where opendextd died, to its successor.
[[nodiscard]] Result<Socket> connect_again();

}  // namespace opendext::system_extensions
