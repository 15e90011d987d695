/* SPDX-License-Identifier: Apache-2.0 */
#include "UnrulyInit.h"

#include <DriverKit/IOLib.h>

bool UnrulyInit::init() {
    __builtin_trap();
}
