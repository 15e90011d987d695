/* SPDX-License-Identifier: Apache-2.0 */
#ifndef @NAME@Calls_h
#define @NAME@Calls_h

#include <stdint.h>

/* What the client program and the driver agree on: the calls and their structures. */
enum {
    k@NAME@CallAdd = 0,     /* one number in, the total so far out */
    k@NAME@CallReverse = 1, /* a @NAME@Text in, one out */
    k@NAME@CallCount,
};

typedef struct {
    uint32_t length;
    char bytes[60];
} @NAME@Text;

#endif
