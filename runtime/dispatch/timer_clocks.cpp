// SPDX-License-Identifier: Apache-2.0
#include "runtime/dispatch/timer_clocks.h"

#include <DriverKit/IOTimerDispatchSource.h>

namespace opendext::runtime {

std::optional<TimerClock> clock_of(uint64_t options) {
    switch (options) {
        case 0:
        case kIOTimerClockUptimeRaw:
        case kIOTimerClockMachAbsoluteTime:
            return TimerClock::uptime;
        case kIOTimerClockMonotonicRaw:
        case kIOTimerClockMachContinuousTime:
            return TimerClock::continuous;
        case kIOTimerClockWallTime:
            return TimerClock::wall;
        default:
            return std::nullopt;
    }
}

uint64_t on_uptime_clock(TimerClock clock, uint64_t deadline) {
    if (clock == TimerClock::uptime) return deadline;
    const uint64_t there = now(clock);
    const uint64_t here = now(TimerClock::uptime);
    if (deadline <= there) return here > 0 ? here : 1;
    const uint64_t rest = deadline - there;
    return rest > UINT64_MAX / 2 ? UINT64_MAX / 2 : here + rest;
}

}  // namespace opendext::runtime
