/* SPDX-License-Identifier: Apache-2.0 */
#include "SwarmLeaf.h"
#include <DriverKit/IOLib.h>
#include <DriverKit/IOUserClient.h>
#include "SwarmNub.h"

kern_return_t IMPL(SwarmLeaf, Start) {
    const uint64_t time = clock_gettime_nsec_np(CLOCK_UPTIME_RAW);
    kern_return_t ret = Start(provider, SUPERDISPATCH);
    if (ret != kIOReturnSuccess) return ret;
    SwarmNub* nub = OSDynamicCast(SwarmNub, provider);
    if (nub == nullptr) return kIOReturnBadArgument;
    SetName("swarm-leaf");
    ret = RegisterService();
    return ret == kIOReturnSuccess ? nub->Started(time) : ret;
}

kern_return_t IMPL(SwarmLeaf, NewUserClient) {
    (void)type;
    IOService* client = nullptr;
    kern_return_t ret = Create(this, "UserClientProperties", &client);
    if (ret == kIOReturnSuccess) *userClient = OSDynamicCast(IOUserClient, client);
    return ret;
}
