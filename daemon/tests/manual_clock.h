// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <list>
#include <utility>

#include "daemon/supervision/clock.h"

namespace opendext::daemon::testing {

/// A clock that stands still until the test moves it.
class ManualClock final : public Clock {
  public:
    [[nodiscard]] Time now() const override { return now_; }
    [[nodiscard]] std::unique_ptr<Handle> after(std::chrono::milliseconds delay,
                                                std::function<void()> fire) override {
        auto timer = std::make_unique<Timer>(*this, now_ + delay, std::move(fire));
        timers_.push_back(timer.get());
        return timer;
    }
    /// Fires what is due on the way, in order.
    void advance(std::chrono::milliseconds by) {
        const Time end = now_ + by;
        while (Timer* next = first_until(end)) {
            now_ = std::max(now_, next->when);
            timers_.remove(next);
            const auto fire = std::move(next->fire);
            fire();
        }
        now_ = end;
    }

  private:
    struct Timer final : Handle {
        Timer(ManualClock& from, Time at, std::function<void()> what)
            : clock(from), when(at), fire(std::move(what)) {}
        ~Timer() override { clock.timers_.remove(this); }
        Timer(const Timer&) = delete;
        Timer& operator=(const Timer&) = delete;
        ManualClock& clock;
        Time when;
        std::function<void()> fire;
    };
    [[nodiscard]] Timer* first_until(Time end) const {
        const auto first = std::min_element(
            timers_.begin(), timers_.end(),
            [](const Timer* one, const Timer* other) { return one->when < other->when; });
        return first == timers_.end() || (*first)->when > end ? nullptr : *first;
    }
    Time now_{std::chrono::hours(1)};
    std::list<Timer*> timers_;
};

}  // namespace opendext::daemon::testing
