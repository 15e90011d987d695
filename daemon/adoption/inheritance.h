// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/adoption/ledger.h"
#include "daemon/family.h"
#include "rpc/protocol/keeper.h"
#include "rpc/socket.h"

namespace opendext::daemon {

/// Under which the keeper holds the memory of the ledger.
inline constexpr std::string_view kLedgerKey = "opendextd/ledger";
/// What opendextd itself has the keeper hold has keys that begin like this.
inline constexpr std::string_view kOwnKeys = "opendextd/";

/// What an earlier opendextd of the same keeper left (docs/design/adoption.md).
struct Inheritance {
    uint64_t starts = 1;  ///< of opendextd under this keeper; 1: there was none before
    /// Where this opendextd records what its successor needs: the predecessor's if `adopts`, else
    /// a new one; nullptr if there is no memory for it.
    std::unique_ptr<Ledger> ledger;
    bool adopts = false;
    std::string why_not;  ///< why there is no ledger, or the predecessor's was not taken
    /// The predecessor's ends of the control sockets of the driver processes that live.
    std::map<int32_t, Socket> controls;
    /// What the keeper holds besides, by key.
    std::map<std::string, KeeperItem> held;
    /// Driver processes that ended lately, oldest first.
    std::vector<protocol::keeper::Exited> ended;
};

/// Asks the keeper, before anything else is said to it and so that waiting holds nobody up. What
/// cannot be adopted has ended when this returns.
Result<Inheritance> inherit(const Socket& keeper, std::chrono::milliseconds deadline);

}  // namespace opendext::daemon
