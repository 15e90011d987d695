/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OPENDEXT_MACH_MACH_TIME_H_
#define OPENDEXT_MACH_MACH_TIME_H_

#include <mach/mach_types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct mach_timebase_info {
    uint32_t numer;
    uint32_t denom;
};
typedef struct mach_timebase_info* mach_timebase_info_t;
typedef struct mach_timebase_info mach_timebase_info_data_t;

/* Ticks are nanoseconds here: the time base is 1/1. Absolute time stands still while the machine
 * sleeps. */
extern __attribute__((visibility("default"))) uint64_t mach_absolute_time(void);
extern __attribute__((visibility("default"))) uint64_t mach_continuous_time(void);
extern __attribute__((visibility("default"))) kern_return_t
mach_timebase_info(mach_timebase_info_t info);

#ifdef __cplusplus
}
#endif

#endif
