// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "rpc/protocol/client.h"
#include "rpc/socket.h"

namespace opendext::system_extensions {

/// A connection to the opendextd of this program's realm, for one request or one watch: its end is
/// theirs.
[[nodiscard]] Result<Socket> connect();

}  // namespace opendext::system_extensions
