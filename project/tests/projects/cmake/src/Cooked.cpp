// SPDX-License-Identifier: Apache-2.0
#include "Cooked.h"
#include <DriverKit/IOLib.h>
#include <os/log.h>

kern_return_t IMPL(Cooked, Start) {
    kern_return_t ret = Start(provider, SUPERDISPATCH);
    if (ret != kIOReturnSuccess) return ret;
    os_log(OS_LOG_DEFAULT, "cooked %d", COOKED);
    return RegisterService();
}
