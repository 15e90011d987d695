// SPDX-License-Identifier: Apache-2.0
#include "counter.h"

unsigned counter_next(void) {
    static unsigned count;
    return ++count;
}
