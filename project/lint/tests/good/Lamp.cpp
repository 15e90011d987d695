/* SPDX-License-Identifier: Apache-2.0 */
#include <DriverKit/IOLib.h>
#include <DriverKit/IOUserClient.h>
#include <DriverKit/OSString.h>
#include <os/log.h>

#include "Lamp.h"

struct Lamp_IVars {
    OSString* name;
    uint32_t on;
};

bool Lamp::init() {
    if (!super::init()) return false;
    ivars = IONewZero(Lamp_IVars, 1);
    return ivars != nullptr;
}

void Lamp::free() {
    IOSafeDeleteNULL(ivars, Lamp_IVars, 1);
    super::free();
}

kern_return_t IMPL(Lamp, Start) {
    kern_return_t ret = Start(provider, SUPERDISPATCH);
    if (ret != kIOReturnSuccess) return ret;
    return RegisterService();
}

kern_return_t IMPL(Lamp, NewUserClient) {
    IOService* client = nullptr;
    kern_return_t ret = Create(this, "LampClientProperties", &client);
    if (ret != kIOReturnSuccess) return ret;
    *userClient = OSDynamicCast(IOUserClient, client);
    return *userClient != nullptr ? kIOReturnSuccess : kIOReturnError;
}

kern_return_t IMPL(Lamp, Switch) {
    ivars->on = on;
    return kIOReturnSuccess;
}
