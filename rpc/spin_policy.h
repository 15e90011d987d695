// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>

namespace opendext {

/// Decides how a wait begins. On different CPUs spinning wins two orders of magnitude while calls
/// come back to back, and loses one as soon as the peer needs our CPU or is not running. On the
/// same CPU giving it up (sched_yield) lets the peer run at once, and saves both sides waking and
/// sleeping; it loses three as soon as somebody else wants that CPU too, who then gets it for
/// milliseconds. The clock is read only where a sleep is likely anyway.
class SpinPolicy {
  public:
    /// About what waking an idle CPU costs: a longer spin can gain nothing, but for one that has
    /// two sides awake again which wake each other in turn.
    static constexpr int64_t kBudgetNs = 40'000;
    static constexpr int64_t kMaxBudgetNs = 160'000;
    /// A wait and the time since the one before it up to this count as back to back.
    static constexpr int64_t kBackToBackNs = 200'000;

    enum class Begin { sleep, spin, yield };
    /// A yield that takes longer has given the CPU to somebody else.
    static constexpr int64_t kLongYieldNs = 50'000;

    /// A wait begins. `peer_slept`: we had to wake the peer since the last wait. `clock()` gives
    /// nanoseconds.
    template <typename Clock>
    [[nodiscard]] Begin begin(uint32_t own_cpu, uint32_t peer_cpu, bool peer_slept, Clock clock) {
        began_ns_ = 0;
        if (own_cpu == 0 || peer_cpu == 0) return cold();
        if (own_cpu == peer_cpu) {
            if (yield_skip_ > 0) {
                --yield_skip_;
                return cold();
            }
            if (no_yield_until_ns_ != 0 && clock() < no_yield_until_ns_) {
                yield_skip_ = kLooksApart;
                return cold();
            }
            no_yield_until_ns_ = 0;
            return Begin::yield;
        }
        budget_ns_ = kBudgetNs;
        if (hot_ && !peer_slept) return Begin::spin;
        hot_ = false;
        began_ns_ = clock();
        if (last_wait_ns_ > kBackToBackNs || began_ns_ - last_end_ns_ > kBackToBackNs)
            return Begin::sleep;
        if (skip_ > 0) {
            --skip_;
            return Begin::sleep;
        }
        // The peer that we have woken takes as long as it took the last time.
        budget_ns_ = std::clamp(2 * last_wait_ns_, kBudgetNs, kMaxBudgetNs);
        return Begin::spin;
    }
    /// How long the spin that begin() asked for may take.
    [[nodiscard]] int64_t budget_ns() const { return budget_ns_; }
    /// After begin() said yield: whether what was waited for came, and how long that took, about.
    template <typename Clock>
    void yielded(bool came, int64_t took_ns, Clock clock) {
        hot_ = false;
        if (took_ns > kLongYieldNs) [[unlikely]] {
            // One such costs as much as a thousand calls. Now and then it is the host that took
            // the CPU, and yielding pays all the same; with a neighbour on it, not for a while.
            yield_credit_ns_ -= took_ns;
            good_yields_ = 0;
            if (yield_credit_ns_ >= 0) return;
            yield_credit_ns_ = 0;
            no_yield_until_ns_ = clock() + yield_penalty_ns_;
            yield_penalty_ns_ = std::min(yield_penalty_ns_ * 2, kMaxYieldPenaltyNs);
        } else if (came) {
            yield_credit_ns_ = std::min(yield_credit_ns_ + kYieldGainNs, kMaxYieldCreditNs);
            if (++good_yields_ >= kGoodYields) {
                good_yields_ = 0;
                yield_penalty_ns_ = kMinYieldPenaltyNs;
            }
        }
        // One in vain costs little, and the peer that we have just answered ran meanwhile, sooner
        // than if we had gone to sleep first: 0.5 us of a call that comes alone.
    }
    /// The spin that begin() asked for saw what it waited for.
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
    Begin cold() {
        hot_ = false;
        return Begin::sleep;
    }

    static constexpr int kMaxPenalty = 256;
    static constexpr int64_t kYieldGainNs = 1'500;  ///< against a sleep, about
    static constexpr int64_t kMaxYieldCreditNs = 10'000'000;
    static constexpr int64_t kMinYieldPenaltyNs = 400'000'000;
    static constexpr int64_t kMaxYieldPenaltyNs = 10'000'000'000;
    static constexpr int kGoodYields = 100'000;  ///< then nobody else wants the CPU any more
    static constexpr int kLooksApart = 64;

    bool hot_ = false;  ///< the last wait was over while we span
    int64_t budget_ns_ = kBudgetNs;
    int64_t began_ns_ = 0;
    int64_t last_wait_ns_ = INT64_MAX;
    int64_t last_end_ns_ = 0;
    int skip_ = 0;
    int penalty_ = 1;
    int yield_skip_ = 0;
    int good_yields_ = 0;
    int64_t yield_credit_ns_ =
        kMaxYieldCreditNs / 2;  ///< what yields have gained, less what long ones have cost
    int64_t yield_penalty_ns_ = kMinYieldPenaltyNs;
    int64_t no_yield_until_ns_ = 0;  ///< 0: nothing against it
};

}  // namespace opendext
