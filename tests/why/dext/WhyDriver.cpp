/* SPDX-License-Identifier: Apache-2.0 */
#include <DriverKit/IOLib.h>
#include <DriverKit/OSCollections.h>

#include "WhyDriver.h"

kern_return_t IMPL(WhyDriver, Start) {
    kern_return_t ret = Start(provider, SUPERDISPATCH);
    if (ret != kIOReturnSuccess) return ret;
    OSDictionary* properties = nullptr;
    ret = CopyProperties(&properties);
    if (ret != kIOReturnSuccess) return ret;
    OSString* behaviour = OSDynamicCast(OSString, properties->getObject("WhyBehaviour"));
    OSString* name = OSDynamicCast(OSString, properties->getObject("WhyName"));
    if (name != nullptr) SetName(name->getCStringNoCopy());
    const bool refuse = behaviour != nullptr && behaviour->isEqualTo("refuse");
    const bool crash = behaviour != nullptr && behaviour->isEqualTo("crash");
    const bool silent = behaviour != nullptr && behaviour->isEqualTo("silent");
    const bool hang = behaviour != nullptr && behaviour->isEqualTo("hang");
    OSSafeReleaseNULL(properties);
    if (refuse) return kIOReturnNoDevice;
    if (crash) __builtin_trap();
    while (hang) IOSleep(1000);
    return silent ? kIOReturnSuccess : RegisterService();
}
