/* SPDX-License-Identifier: Apache-2.0 */
#include <DriverKit/IOLib.h>
#include <DriverKit/OSCollections.h>
#include <os/log.h>

#include "Check.h"
#include "ServiceLeaf.h"
#include "ServiceNub.h"
#include "ServiceWrong.h"

bool ServiceLeaf::init() {
    if (!super::init()) return false;
    os_log(OS_LOG_DEFAULT, "leaf: init");
    return true;
}

void ServiceLeaf::free() {
    os_log(OS_LOG_DEFAULT, "leaf: free");
    super::free();
}

kern_return_t IMPL(ServiceLeaf, Start) {
    kern_return_t ret = Start(provider, SUPERDISPATCH);
    if (ret != kIOReturnSuccess) return ret;
    os_log(OS_LOG_DEFAULT, "leaf: start");
    Checks checks = {"leaf", 0, 0};
    /* A call of a method of the other driver's class goes to its process. */
    ServiceNub* nub = OSDynamicCast(ServiceNub, provider);
    uint32_t twice = 0;
    CHECK(&checks, nub && nub->Double(21, &twice) == kIOReturnSuccess && twice == 42);
    CHECK(&checks, provider->IsRemote());
    /* What belongs to somebody else is not changed from here. */
    CHECK(&checks, provider->Terminate(0) == kIOReturnNotPermitted);
    OSDictionary* properties = OSDictionary::withCapacity(1);
    CHECK(&checks, provider->SetName("stolen") == kIOReturnNotPermitted);
    OSSafeReleaseNULL(properties);
    check_done(&checks);
    return RegisterService();
}

kern_return_t IMPL(ServiceLeaf, Stop) {
    os_log(OS_LOG_DEFAULT, "leaf: stop");
    return Stop(provider, SUPERDISPATCH);
}

bool ServiceWrong::init() {
    return super::init();
}

void ServiceWrong::free() {
    os_log(OS_LOG_DEFAULT, "wrong: free");
    super::free();
}

kern_return_t IMPL(ServiceWrong, Start) {
    kern_return_t ret = Start(provider, SUPERDISPATCH);
    if (ret != kIOReturnSuccess) return ret;
    ServiceNub* nub = OSDynamicCast(ServiceNub, provider);
    return nub ? kIOReturnSuccess : kIOReturnNoDevice;
}
