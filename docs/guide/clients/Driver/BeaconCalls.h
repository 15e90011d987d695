/* SPDX-License-Identifier: Apache-2.0 */
/* What the driver and its client programs agree on. */
#ifndef BeaconCalls_h
#define BeaconCalls_h

#include <stdint.h>

enum {
    kBeaconSetPeriod = 0, /* scalar in: ms between two flashes; out: what it was before */
    kBeaconTurn = 1,      /* a BeaconText in, the same turned round out */
    kBeaconFlash = 2, /* asynchronous; scalar in: how many flashes. Each completion has two words:
                         its number and the period. Lets go of the completion after the last one */
    kBeaconCalls = 3
};

typedef struct {
    uint32_t length;
    char bytes[60];
} BeaconText;

#endif
