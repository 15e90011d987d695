/* SPDX-License-Identifier: Apache-2.0 */
#include "LateService.h"
#include <DriverKit/IOLib.h>
#include <DriverKit/IOUserClient.h>
#include <DriverKit/OSCollections.h>

kern_return_t IMPL(LateService, Start) {
    kern_return_t ret = Start(provider, SUPERDISPATCH);
    if (ret != kIOReturnSuccess) return ret;
    OSDictionary* properties = nullptr;
    ret = CopyProperties(&properties);
    if (ret != kIOReturnSuccess) return ret;
    const bool hold = properties->getObject("LateHold") != nullptr;
    OSSafeReleaseNULL(properties);
    SetName("late");
    while (hold) IOSleep(1000);
    return kIOReturnSuccess;
}

// Facts: IOService.RegisterService, IOService.SetProperties
kern_return_t IMPL(LateService, SetProperties) {
    return properties->getObject("LateRegister") ? RegisterService()
                                                 : SetProperties(properties, SUPERDISPATCH);
}

kern_return_t IMPL(LateService, NewUserClient) {
    (void)type;
    IOService* client = nullptr;
    kern_return_t ret = Create(this, "UserClientProperties", &client);
    if (ret == kIOReturnSuccess) *userClient = OSDynamicCast(IOUserClient, client);
    return ret;
}
