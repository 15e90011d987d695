/* SPDX-License-Identifier: Apache-2.0 */
#include "WaitsAbove.h"
#include <DriverKit/IOLib.h>
#include <DriverKit/IOUserClient.h>

kern_return_t IMPL(WaitsAbove, Start) {
    kern_return_t ret = Start(provider, SUPERDISPATCH);
    if (ret != kIOReturnSuccess) return ret;
    SetName("waits-above");
    return RegisterService();
}

kern_return_t IMPL(WaitsAbove, NewUserClient) {
    (void)type;
    IOService* client = nullptr;
    kern_return_t ret = Create(this, "UserClientProperties", &client);
    if (ret == kIOReturnSuccess) *userClient = OSDynamicCast(IOUserClient, client);
    return ret;
}
