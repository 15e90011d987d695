/* SPDX-License-Identifier: Apache-2.0 */
#include "UnrulyPause.h"

#include <DriverKit/IOLib.h>

bool UnrulyPause::init() {
    while (true) IOSleep(1000);
}
