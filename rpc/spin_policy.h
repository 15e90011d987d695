// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>

namespace opendext {

/// Decides whether a wait begins with a spin. Spinning wins two orders of magnitude while both
/// sides run on different CPUs and calls come back to back, and loses one as soon as the peer needs
/// our CPU or is not running. The clock is read only where a sleep is likely anyway.
class SpinPolicy {
  public:
    /// About what waking an idle CPU costs: a longer spin can gain nothing.
    static constexpr int64_t kBudgetNs = 40'000;
    /// A wait and the time since the one before it up to this count as back to back.
    static constexpr int64_t kBackToBackNs = 200'000;

    /// A wait begins. `peer_slept`: we had to wake the peer since the last wait. `clock()` gives
    /// nanoseconds.
    template <typename Clock>
    [[nodiscard]] bool begin(uint32_t own_cpu, uint32_t peer_cpu, bool peer_slept, Clock clock) {
        began_ns_ = 0;
        if (own_cpu == 0 || peer_cpu == 0 || own_cpu == peer_cpu) {
            hot_ = false;
            return false;
        }
        if (hot_ && !peer_slept) return true;
        hot_ = false;
        began_ns_ = clock();
        if (last_wait_ns_ > kBackToBackNs || began_ns_ - last_end_ns_ > kBackToBackNs) return false;
        if (skip_ > 0) {
            --skip_;
            return false;
        }
        return true;
    }
    /// The spin that begin() allowed saw what it waited for.
    void spin_paid() {
        hot_ = true;
        penalty_ = 1;
        last_wait_ns_ = 0;
        if (began_ns_ != 0) last_end_ns_ = began_ns_;
    }
    /// It did not; a sleep follows. `start_ns`: when the spin began, about.
    void spin_failed(int64_t start_ns) {
        hot_ = false;
        skip_ = penalty_;
        penalty_ = std::min(penalty_ * 2, kMaxPenalty);
        began_ns_ = start_ns;
    }
    /// The sleep after begin() is over.
    template <typename Clock>
    void slept(Clock clock) {
        if (began_ns_ == 0) return;  // on the peer's CPU: no spin was thought of
        last_end_ns_ = clock();
        last_wait_ns_ = last_end_ns_ - began_ns_;
    }

  private:
    static constexpr int kMaxPenalty = 256;

    bool hot_ = false;  ///< the last wait was over while we span
    int64_t began_ns_ = 0;
    int64_t last_wait_ns_ = INT64_MAX;
    int64_t last_end_ns_ = 0;
    int skip_ = 0;
    int penalty_ = 1;
};

}  // namespace opendext
