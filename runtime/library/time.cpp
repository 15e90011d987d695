// SPDX-License-Identifier: Apache-2.0
// IOLib and the platform headers: clocks and delays.
#include <DriverKit/IOLib.h>
#include <errno.h>
#include <mach/mach_time.h>

#include "runtime/dispatch/timer_service.h"

namespace {

uint64_t nanoseconds(clockid_t clock) {
    timespec time{};
    if (clock_gettime(clock, &time) != 0) return 0;
    return static_cast<uint64_t>(time.tv_sec) * 1000000000u + static_cast<uint64_t>(time.tv_nsec);
}

}  // namespace

extern "C" {

uint64_t mach_absolute_time(void) {
    return nanoseconds(CLOCK_MONOTONIC);
}
uint64_t mach_continuous_time(void) {
    return nanoseconds(CLOCK_BOOTTIME);
}

kern_return_t mach_timebase_info(mach_timebase_info_t info) {
    if (info == nullptr) return KERN_INVALID_ARGUMENT;
    info->numer = 1;
    info->denom = 1;
    return KERN_SUCCESS;
}

uint64_t clock_gettime_nsec_np(clockid_t clock) {
    // Values of the DriverKit headers (docs/facts/driverkit-api.csv, clockid_t) and, where they
    // differ, of the system.
    switch (clock) {
        case CLOCK_REALTIME:
            return nanoseconds(CLOCK_REALTIME);
        case CLOCK_UPTIME_RAW:
        case CLOCK_UPTIME_RAW_APPROX:
            return nanoseconds(CLOCK_MONOTONIC);
        case CLOCK_MONOTONIC:
        case 6:  // CLOCK_MONOTONIC there
        case CLOCK_MONOTONIC_RAW:
        case CLOCK_MONOTONIC_RAW_APPROX:
            return nanoseconds(CLOCK_BOOTTIME);
        case CLOCK_PROCESS_CPUTIME_ID:
        case 12:
            return nanoseconds(CLOCK_PROCESS_CPUTIME_ID);
        case CLOCK_THREAD_CPUTIME_ID:
        case 16:
            return nanoseconds(CLOCK_THREAD_CPUTIME_ID);
        default:
            return 0;
    }
}

void IODelay(uint64_t us) {
    const uint64_t end = mach_absolute_time() + us * 1000;
    while (mach_absolute_time() < end) {
    }
}

void IOSleep(uint64_t ms) {
    timespec time{static_cast<time_t>(ms / 1000), static_cast<long>(ms % 1000 * 1000000)};
    while (clock_nanosleep(CLOCK_MONOTONIC, 0, &time, &time) == EINTR) {
    }
}

}  // extern "C"
