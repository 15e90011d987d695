/* SPDX-License-Identifier: Apache-2.0 */
#include <os/log.h>
#include <DriverKit/IOLib.h>
#include <DriverKit/IOUserClient.h>

#include "@NAME@.h"

struct @NAME@_IVars
{
    uint64_t total;
};

bool @NAME@::init()
{
    if (!super::init()) {
        return false;
    }
    ivars = IONewZero(@NAME@_IVars, 1);
    return ivars != nullptr;
}

void @NAME@::free()
{
    IOSafeDeleteNULL(ivars, @NAME@_IVars, 1);
    super::free();
}

kern_return_t IMPL(@NAME@, Start)
{
    kern_return_t ret = Start(provider, SUPERDISPATCH);
    if (ret != kIOReturnSuccess) {
        return ret;
    }
    os_log(OS_LOG_DEFAULT, "@NAME@: started");
    /* From here on programs can find the driver. */
    return RegisterService();
}

kern_return_t IMPL(@NAME@, Stop)
{
    os_log(OS_LOG_DEFAULT, "@NAME@: stopped");
    return Stop(provider, SUPERDISPATCH);
}

/* A program calls IOServiceOpen: the new object's class stands in Info.plist, in UserClientProperties. */
kern_return_t IMPL(@NAME@, NewUserClient)
{
    IOService * client = nullptr;
    kern_return_t ret = Create(this, "UserClientProperties", &client);
    if (ret != kIOReturnSuccess) {
        os_log(OS_LOG_DEFAULT, "@NAME@: no user client: 0x%08x", ret);
        return ret;
    }
    *userClient = OSDynamicCast(IOUserClient, client);
    if (*userClient == nullptr) {
        client->release();
        return kIOReturnError;
    }
    return kIOReturnSuccess;
}

uint64_t @NAME@::AddToTotal(uint64_t number)
{
    ivars->total += number;
    return ivars->total;
}
