/* SPDX-License-Identifier: Apache-2.0 */
#include "CrasherInit.h"

bool CrasherInit::init() {
    if (!super::init()) return false;
    *(volatile int*)0x40 = 1;  // init
    return true;
}
