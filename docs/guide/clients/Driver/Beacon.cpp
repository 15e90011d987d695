/* SPDX-License-Identifier: Apache-2.0 */
#include <DriverKit/IOLib.h>
#include <DriverKit/IOUserClient.h>

#include "Beacon.h"

kern_return_t IMPL(Beacon, Start) {
    const kern_return_t ret = Start(provider, SUPERDISPATCH);
    return ret == kIOReturnSuccess ? RegisterService() : ret;
}

kern_return_t IMPL(Beacon, NewUserClient) {
    if (type != 0) return kIOReturnBadArgument;
    IOService* client = nullptr;
    const kern_return_t ret = Create(this, "UserClientProperties", &client);
    if (ret != kIOReturnSuccess) return ret;
    *userClient = OSDynamicCast(IOUserClient, client);
    if (*userClient != nullptr) return kIOReturnSuccess;
    OSSafeReleaseNULL(client);
    return kIOReturnError;
}
