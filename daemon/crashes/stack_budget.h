// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <string>

#include "daemon/supervision/clock.h"

namespace opendext::daemon {

/// Bounds what the crashes of one driver cost: giving names to the stacks of a process takes much
/// longer than starting the next one, and a driver that dies over and over mostly dies of the same.
/// Pure: knows the time only by what it is told.
class StackBudget {
  public:
    static constexpr std::chrono::minutes kWindow{1};

    /// `limit`: for each bundle within kWindow; 0: none at all.
    explicit StackBudget(uint32_t limit) : limit_(limit) {}

    /// Whether the stacks of a crash of this bundle are to be taken now; if so, it counts.
    [[nodiscard]] bool take(const std::string& bundle, Clock::Time now) {
        for (auto& [name, times] : taken_) {
            while (!times.empty() && now - times.front() >= kWindow) times.pop_front();
        }
        std::erase_if(taken_, [](const auto& one) { return one.second.empty(); });
        if (limit_ == 0) return false;
        std::deque<Clock::Time>& times = taken_[bundle];
        if (times.size() >= limit_) return false;
        times.push_back(now);
        return true;
    }
    [[nodiscard]] uint32_t limit() const { return limit_; }

  private:
    uint32_t limit_;
    std::map<std::string, std::deque<Clock::Time>> taken_;  ///< when, by bundle; the oldest first
};

}  // namespace opendext::daemon
