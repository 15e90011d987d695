/* SPDX-License-Identifier: Apache-2.0 */
#include "WaitsBelow.h"
#include <DriverKit/IODispatchQueue.h>
#include <DriverKit/IOLib.h>
#include <DriverKit/IOUserClient.h>
#include "WaitsProtocol.h"

/* The queue of all user clients of type kWaitsShared. */
static kern_return_t Share(IOService* client) {
    static IODispatchQueue* shared;
    kern_return_t ret = kIOReturnSuccess;
    if (shared == nullptr) ret = IODispatchQueue::Create("waits.shared", 0, 0, &shared);
    return ret == kIOReturnSuccess
               ? client->SetDispatchQueue(kIOUserClientQueueNameExternalMethod, shared)
               : ret;
}

kern_return_t IMPL(WaitsBelow, Start) {
    kern_return_t ret = Start(provider, SUPERDISPATCH);
    if (ret != kIOReturnSuccess) return ret;
    SetName("waits-below");
    return RegisterService();
}

kern_return_t IMPL(WaitsBelow, NewUserClient) {
    IOService* client = nullptr;
    kern_return_t ret = Create(this, "UserClientProperties", &client);
    if (ret == kIOReturnSuccess && type == kWaitsShared) ret = Share(client);
    if (ret == kIOReturnSuccess) *userClient = OSDynamicCast(IOUserClient, client);
    return ret;
}

kern_return_t IMPL(WaitsBelow, Answer) {
    *answer = 0;
    for (;;) IOSleep(1000);
    return kIOReturnSuccess;
}
