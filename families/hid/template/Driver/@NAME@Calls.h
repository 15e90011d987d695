/* SPDX-License-Identifier: Apache-2.0 */
#ifndef @NAME@Calls_h
#define @NAME@Calls_h

/* What a program may ask of the driver: shared with it. */
enum {
    k@NAME@CallPress = 0,  /* scalar in: the usage of a key (HID usage page 7), pressed and let go */
    k@NAME@CallLights = 1, /* scalar out: the lights that are on, bit 1 caps lock */
    k@NAME@CallCount
};

#endif
