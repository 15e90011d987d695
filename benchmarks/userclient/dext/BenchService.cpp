/* SPDX-License-Identifier: Apache-2.0 */
#include <DriverKit/IOLib.h>
#include <DriverKit/IOUserClient.h>

#include "BenchClient.h"
#include "BenchService.h"

kern_return_t IMPL(BenchService, Start) {
    kern_return_t ret = Start(provider, SUPERDISPATCH);
    return ret == kIOReturnSuccess ? RegisterService() : ret;
}

kern_return_t IMPL(BenchService, NewUserClient) {
    (void)type;
    IOService* service = nullptr;
    kern_return_t ret = Create(this, "UserClientProperties", &service);
    if (ret != kIOReturnSuccess) return ret;
    *userClient = OSDynamicCast(IOUserClient, service);
    return *userClient ? kIOReturnSuccess : kIOReturnError;
}
