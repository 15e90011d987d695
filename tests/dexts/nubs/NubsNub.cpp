/* SPDX-License-Identifier: Apache-2.0 */
#include "NubsNub.h"
#include <DriverKit/IOLib.h>
#include <DriverKit/OSCollections.h>
#include <os/log.h>

bool NubsNub::init() {
    return super::init();
}

kern_return_t IMPL(NubsNub, Start) {
    kern_return_t ret = Start(provider, SUPERDISPATCH);
    os_log(OS_LOG_DEFAULT, "nubs: nub on %{public}s", provider->GetClassName());
    return ret;
}

/* Others may set one property; the rest of the object's properties are its own. */
kern_return_t IMPL(NubsNub, SetProperties) {
    OSString* side = OSDynamicCast(OSString, properties->getObject("NubsSide"));
    os_log(OS_LOG_DEFAULT, "nubs: properties with side %s",
           side ? side->getCStringNoCopy() : "none");
    return SetProperties(properties, SUPERDISPATCH);
}
