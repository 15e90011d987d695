/* SPDX-License-Identifier: Apache-2.0 */
#include <DriverKit/IOLib.h>
#include <DriverKit/IOUserClient.h>

#include "RecordsClient.h"
#include "RecordsService.h"

kern_return_t IMPL(RecordsService, Start) {
    kern_return_t ret = Start(provider, SUPERDISPATCH);
    if (ret != kIOReturnSuccess) return ret;
    SetName("records");
    return RegisterService();
}

kern_return_t IMPL(RecordsService, NewUserClient) {
    if (type != 0) return kIOReturnBadArgument;
    IOService* service = nullptr;
    kern_return_t ret = Create(this, "UserClientProperties", &service);
    if (ret != kIOReturnSuccess) return ret;
    *userClient = OSDynamicCast(IOUserClient, service);
    if (*userClient) return kIOReturnSuccess;
    OSSafeReleaseNULL(service);
    return kIOReturnError;
}
