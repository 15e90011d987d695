/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OPENDEXT_PLATFORM_MACH_MACH_TIME_H
#define OPENDEXT_PLATFORM_MACH_MACH_TIME_H

/* Ticks are nanoseconds: numer and denom are 1. mach_absolute_time stands still while the machine
 * sleeps (CLOCK_MONOTONIC), mach_continuous_time does not (CLOCK_BOOTTIME). */
#include <mach/kern_return.h>
#include <os/base.h>
#include <stdint.h>

struct mach_timebase_info {
    uint32_t numer;
    uint32_t denom;
};
typedef struct mach_timebase_info* mach_timebase_info_t;
typedef struct mach_timebase_info mach_timebase_info_data_t;

#ifdef __cplusplus
extern "C" {
#endif
OS_EXPORT uint64_t mach_absolute_time(void);
OS_EXPORT uint64_t mach_continuous_time(void);
OS_EXPORT kern_return_t mach_timebase_info(mach_timebase_info_t info);
#ifdef __cplusplus
}
#endif

#endif /* OPENDEXT_PLATFORM_MACH_MACH_TIME_H */
