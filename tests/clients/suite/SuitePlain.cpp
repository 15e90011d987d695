/* SPDX-License-Identifier: Apache-2.0 */
#include <DriverKit/IOLib.h>

#include "SuitePlain.h"

kern_return_t IMPL(SuitePlain, Start) {
    kern_return_t ret = Start(provider, SUPERDISPATCH);
    if (ret != kIOReturnSuccess) return ret;
    SetName("suite-plain");
    return RegisterService();
}
