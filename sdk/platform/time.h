/* SPDX-License-Identifier: Apache-2.0 */
#include_next <time.h>

#ifndef OPENDEXT_PLATFORM_TIME_H
#define OPENDEXT_PLATFORM_TIME_H

/* clock_gettime_nsec_np and the clocks it takes (docs/facts/driverkit-api.csv, time.h). The
 * identifiers that the system's header has keep the system's values, so that clock_gettime works;
 * clock_gettime_nsec_np takes both. */
#include <os/base.h>
#include <stdint.h>

#ifdef CLOCK_MONOTONIC
#define CLOCK_MONOTONIC_RAW_APPROX 5
#define CLOCK_UPTIME_RAW 8
#define CLOCK_UPTIME_RAW_APPROX 9

#ifdef __cplusplus
extern "C" {
#endif
/* Nanoseconds of the clock; 0 for a clock that does not exist. UPTIME clocks stand still in system
 * sleep. */
OS_EXPORT uint64_t clock_gettime_nsec_np(clockid_t clock_id);
#ifdef __cplusplus
}
#endif
#endif

#endif /* OPENDEXT_PLATFORM_TIME_H */
