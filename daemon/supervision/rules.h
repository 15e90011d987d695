// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/supervision/clock.h"

namespace opendext::daemon {

/// What happens after the death of a driver. Chosen for a realm (settings.h) and, before that, by a
/// personality (key OpenDextRestartPolicy).
enum class RestartPolicy : uint8_t {
    standard,   ///< at once, then after growing waits, then quarantine
    driverkit,  ///< DriverKit's own: at once, up to 1000 times (docs/facts/semantics.md section 13)
};
[[nodiscard]] std::string_view to_string(RestartPolicy policy);
[[nodiscard]] std::optional<RestartPolicy> restart_policy(std::string_view name);
/// The key of a personality that chooses its policy.
inline constexpr const char* kRestartPolicyKey = "OpenDextRestartPolicy";

/// The numbers of the policies.
struct RestartRules {
    RestartPolicy policy = RestartPolicy::standard;

    // standard
    /// A driver that ran so long begins anew: its next crash is a first one.
    std::chrono::milliseconds steady{60'000};
    /// The n-th crash in a row is followed by a wait of 2^(n-1) s, the first by none; at most this.
    std::chrono::milliseconds longest_wait{30'000};
    /// So many crashes within `quarantine_window` are the last.
    uint32_t quarantine_after = 5;
    std::chrono::milliseconds quarantine_window{30 * 60'000};

    // driverkit
    /// Relaunches of one personality on one nub; beyond it that personality is excluded there.
    uint32_t relaunches = 1000;
    /// Retries of a driver that died before Start had finished, when no other candidate took the
    /// nub. The facts know none; who kills a driver at any moment wants it back all the same. The
    /// wait doubles each time.
    uint32_t start_crash_retries = 5;
    std::chrono::milliseconds start_crash_wait{100};

    /// What applications hold of a driver (kept endpoints) ends so long after quarantine began.
    std::chrono::milliseconds keep_endpoints{60'000};

    /// Processes that are up for the next start of a driver (lifecycle/spares.h), at most; 0: none.
    uint32_t spare_processes = 4;

    /// Crashes of one bundle within a minute whose stacks are taken (crashes/stack_budget.h).
    uint32_t stacks_per_minute = 30;
};

/// What follows from a death.
enum class Next : uint8_t {
    restart,     ///< after `Decision::wait`, which may be 0
    quarantine,  ///< not again until somebody lifts it; the next candidate may have the nub
};

struct Decision {
    Next next = Next::restart;
    std::chrono::milliseconds wait{0};
    std::string reason;  ///< of a quarantine, in words
};

/// The crashes of one personality on one nub, and what the rules say to the next. Pure: knows the
/// time only by what it is told.
class CrashHistory {
  public:
    /// `start_finished`: the driver had started; else it died on the way there.
    [[nodiscard]] Decision crashed(const RestartRules& rules, RestartPolicy policy, Clock::Time now,
                                   bool start_finished);
    /// Start has succeeded.
    void started() { start_crashes_ = 0; }
    [[nodiscard]] uint32_t total() const { return total_; }
    /// Those that count towards quarantine.
    [[nodiscard]] uint32_t recent(const RestartRules& rules, Clock::Time now) const;
    /// For the ledger (rpc/fields.h). The clock is the machine's: it goes on when opendextd dies.
    void fields(auto& io) {
        std::vector<int64_t> times;
        for (const Clock::Time time : recent_) times.push_back(time.time_since_epoch().count());
        int64_t up = up_since_ ? up_since_->time_since_epoch().count() : 0;
        io(total_, in_a_row_, start_crashes_, up, times);
        const auto time_of = [](int64_t count) {
            return Clock::Time(Clock::Time::duration(count));
        };
        up_since_ = up == 0 ? std::nullopt : std::optional(time_of(up));
        recent_.clear();
        for (const int64_t time : times) recent_.push_back(time_of(time));
    }

  private:
    [[nodiscard]] Decision standard(const RestartRules& rules, Clock::Time now);
    [[nodiscard]] Decision driverkit(const RestartRules& rules, bool start_finished);

    uint32_t total_ = 0;
    uint32_t in_a_row_ = 0;
    uint32_t start_crashes_ = 0;
    std::optional<Clock::Time> up_since_;  ///< when the latest restart was due
    std::deque<Clock::Time> recent_;
};

/// "2 s", "500 ms", "30 min".
[[nodiscard]] std::string duration_text(std::chrono::milliseconds duration);
/// "250 ms", "2s", "30 min", "1 h"; nothing if it is none of these.
[[nodiscard]] std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);

}  // namespace opendext::daemon
