// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <map>
#include <string_view>
#include <vector>

#include "rpc/protocol/keeper.h"
#include "rpc/socket.h"

namespace opendext::daemon {

/// Under which the keeper holds the memory of the ledger.
inline constexpr std::string_view kLedgerKey = "opendextd/ledger";

/// What an earlier opendextd of the same keeper left (docs/design/adoption.md).
struct Inheritance {
    uint64_t starts = 1;  ///< of opendextd under this keeper; 1: there was none before
    UniqueFd ledger;      ///< memory of its ledger; empty: there is none
    /// Its ends of the control sockets of the driver processes that live.
    std::map<int32_t, Socket> controls;
    std::vector<protocol::keeper::Exited> ended;  ///< driver processes that ended lately
};

/// Asks the keeper before anything else is said to it, so waiting holds nobody up.
Result<Inheritance> inherit(const Socket& keeper, std::chrono::milliseconds deadline);

/// Nothing is adopted: waits until the keeper has ended what the earlier opendextd left.
Status abandon(const Socket& keeper, std::chrono::milliseconds deadline);

}  // namespace opendext::daemon
