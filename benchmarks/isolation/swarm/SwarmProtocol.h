/* SPDX-License-Identifier: Apache-2.0 */
/* What the drivers and the program that measures agree on. */
#ifndef SwarmProtocol_h
#define SwarmProtocol_h

#include <stdint.h>

enum { kSwarmMost = 1000 };

enum {
    kSwarmMake,   /* control; in: how many nubs to publish more */
    kSwarmTimes,  /* control; out: leaves whose Start has begun, when the first nub was published,
                     when the last  leaf started: ns of CLOCK_MONOTONIC, which all processes share */
    kSwarmClear,  /* control: terminates all nubs */
    kSwarmAnswer, /* leaf; in: a number; out: its successor */
    kSwarmSelectors,
};

#endif
