// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "rpc/protocol/client.h"

namespace opendext::protocol::client {

/// client -> opendextd: the next process of a driver waits for its debugger before its dext is
/// loaded. Answered by DebugWaiting when one does, which may take for ever; the process goes on
/// when it is traced, or when this connection ends. For the realm's owner and root.
struct DebugNext {
    static constexpr auto kKind = Kind::debug_next;
    std::string name;  ///< bundle identifier or its last part, or IOUserServerName
    void fields(auto& io) { io(name); }
};

struct DebugWaiting {
    static constexpr auto kKind = Kind::debug_waiting;
    Outcome outcome;
    int32_t pid = 0;
    void fields(auto& io) { io(outcome, pid); }
};

}  // namespace opendext::protocol::client
