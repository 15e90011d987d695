/* SPDX-License-Identifier: Apache-2.0 */
#include "NubsLeaf.h"
#include <DriverKit/IOLib.h>
#include <DriverKit/OSCollections.h>
#include <os/log.h>

// Facts: IOService.CopyProperties, IOService.SearchProperty
kern_return_t IMPL(NubsLeaf, Start) {
    kern_return_t ret = Start(provider, SUPERDISPATCH);
    if (ret != kIOReturnSuccess) return ret;
    OSDictionary* properties = nullptr;
    ret = CopyProperties(&properties);
    if (ret != kIOReturnSuccess) return ret;
    OSString* personality = OSDynamicCast(OSString, properties->getObject("NubsPersonality"));
    os_log(OS_LOG_DEFAULT, "nubs: leaf of %s",
           personality ? personality->getCStringNoCopy() : "none");
    OSSafeReleaseNULL(properties);

    /* The provider lives in another process: its properties come over. */
    OSContainer* side = nullptr;
    ret = provider->SearchProperty("NubsSide", "IOService", 0, &side);
    OSString* text = OSDynamicCast(OSString, side);
    if (ret == kIOReturnSuccess)
        os_log(OS_LOG_DEFAULT, "nubs: leaf on %s", text ? text->getCStringNoCopy() : "?");
    OSSafeReleaseNULL(side);
    return ret == kIOReturnSuccess ? RegisterService() : ret;
}
