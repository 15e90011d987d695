/* SPDX-License-Identifier: Apache-2.0 */
#include <DriverKit/IODispatchQueue.h>
#include <DriverKit/IOLib.h>
#include <DriverKit/OSCollections.h>
#include <os/log.h>

#include "ServiceNub.h"

bool ServiceNub::init() {
    if (!super::init()) return false;
    os_log(OS_LOG_DEFAULT, "nub: init");
    return true;
}

void ServiceNub::free() {
    os_log(OS_LOG_DEFAULT, "nub: free");
    super::free();
}

kern_return_t IMPL(ServiceNub, Start) {
    os_log(OS_LOG_DEFAULT, "nub: start");
    return Start(provider, SUPERDISPATCH);
}

kern_return_t IMPL(ServiceNub, Stop) {
    os_log(OS_LOG_DEFAULT, "nub: stop");
    return Stop(provider, SUPERDISPATCH);
}

kern_return_t IMPL(ServiceNub, ClientCrashed) {
    os_log(OS_LOG_DEFAULT, "nub: client crashed: %{public}s, options %llu", client->GetClassName(),
           options);
    return kIOReturnSuccess;
}

kern_return_t IMPL(ServiceNub, UserSetProperties) {
    OSDictionary* dictionary = OSDynamicCast(OSDictionary, properties);
    os_log(OS_LOG_DEFAULT, "nub: properties from outside: %u",
           dictionary ? dictionary->getCount() : 0);
    return dictionary ? SetProperties(dictionary) : kIOReturnBadArgument;
}

kern_return_t IMPL(ServiceNub, CreateDefaultDispatchQueue) {
    return IODispatchQueue::Create("ServiceNubQueue", 0, 0, queue);
}

kern_return_t IMPL(ServiceNub, Double) {
    *twice = 2 * number;
    return kIOReturnSuccess;
}
