// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "rpc/socket.h"

namespace opendext {

/// The oldest message that waits, which stays in the queue; descriptors are duplicates. Otherwise
/// as receive(Socket::Wait::dont_block).
[[nodiscard]] Result<std::optional<Message>> peek(const Socket& socket);

/// Takes the oldest message out of the queue.
void discard(const Socket& socket);

}  // namespace opendext
