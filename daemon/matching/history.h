// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "daemon/registry/entry.h"
#include "rpc/result.h"

namespace opendext::daemon {

/// What came of starting personalities on nubs: for who asks why a driver does not run. It decides
/// nothing (daemon/supervision does).
class StartHistory {
  public:
    using Time = std::chrono::steady_clock::time_point;
    struct Record {
        uint32_t attempts = 0;
        uint32_t failures = 0;
        int32_t io_return = 0;  ///< of the last attempt
        std::string text;       ///< of the last failure; empty after a success
        Time when{};            ///< of the last attempt
    };

    void note(EntryId nub, const std::string& label, const Status& outcome, Time now);
    /// The nub is gone.
    void forget(EntryId nub);
    /// The personality is not installed any more, or another copy of it.
    void forget(const std::string& label);
    /// nullptr if it was never started there.
    [[nodiscard]] const Record* find(EntryId nub, const std::string& label) const;

  private:
    std::map<std::pair<EntryId, std::string>, Record> records_;
};

}  // namespace opendext::daemon
