/* SPDX-License-Identifier: Apache-2.0 */
#include "SwarmControl.h"
#include <DriverKit/IOLib.h>
#include <DriverKit/IOUserClient.h>
#include <stdio.h>
#include "SwarmNub.h"
#include "SwarmProtocol.h"

struct SwarmControl_IVars {
    IOLock* lock;
    SwarmNub* nubs[kSwarmMost];
    uint64_t count;
    uint64_t made;
};

bool SwarmControl::init() {
    if (!super::init()) return false;
    ivars = IONewZero(SwarmControl_IVars, 1);
    if (ivars) ivars->lock = IOLockAlloc();
    return ivars && ivars->lock;
}

void SwarmControl::free() {
    if (ivars && ivars->lock) IOLockFree(ivars->lock);
    IOSafeDeleteNULL(ivars, SwarmControl_IVars, 1);
    super::free();
}

kern_return_t SwarmControl::MakeOne() {
    if (ivars->count == kSwarmMost) return kIOReturnNoResources;
    IOService* made = nullptr;
    char kind[32];  // each nub may be of another kind, with a driver of its own
    snprintf(kind, sizeof kind, "NubProperties%llu", (unsigned long long)ivars->made++);
    kern_return_t ret = Create(this, kind, &made);
    if (ret != kIOReturnSuccess) ret = Create(this, "NubProperties", &made);
    if (ret != kIOReturnSuccess) return ret;
    SwarmNub* nub = OSDynamicCast(SwarmNub, made);
    if (nub == nullptr) {
        OSSafeReleaseNULL(made);
        return kIOReturnError;
    }
    IOLockLock(ivars->lock);
    ivars->nubs[ivars->count++] = nub;
    IOLockUnlock(ivars->lock);
    return nub->Publish();
}

kern_return_t SwarmControl::Make(uint64_t count) {
    kern_return_t ret = kIOReturnSuccess;
    while (ret == kIOReturnSuccess && count-- != 0) ret = MakeOne();
    return ret;
}

kern_return_t SwarmControl::Clear() {
    kern_return_t ret = kIOReturnSuccess;
    while (ivars->count != 0) {
        IOLockLock(ivars->lock);
        SwarmNub* nub = ivars->nubs[--ivars->count];
        IOLockUnlock(ivars->lock);
        kern_return_t gone = nub->Terminate(0);
        if (gone != kIOReturnSuccess) ret = gone;
        nub->release();
    }
    return ret;
}

void SwarmControl::Times(uint64_t* count, uint64_t* first, uint64_t* last) {
    *count = *last = 0;
    *first = UINT64_MAX;
    IOLockLock(ivars->lock);
    for (uint64_t i = 0; i < ivars->count; ++i) {
        uint64_t published = 0;
        uint64_t started = 0;
        ivars->nubs[i]->Times(&published, &started);
        if (started == 0) continue;
        ++*count;
        if (published < *first) *first = published;
        if (started > *last) *last = started;
    }
    IOLockUnlock(ivars->lock);
}

kern_return_t IMPL(SwarmControl, Start) {
    kern_return_t ret = Start(provider, SUPERDISPATCH);
    if (ret != kIOReturnSuccess) return ret;
    SetName("swarm-control");
    return RegisterService();
}

kern_return_t IMPL(SwarmControl, Stop) {
    while (ivars->count != 0) OSSafeReleaseNULL(ivars->nubs[--ivars->count]);
    return Stop(provider, SUPERDISPATCH);
}

kern_return_t IMPL(SwarmControl, NewUserClient) {
    (void)type;
    IOService* client = nullptr;
    kern_return_t ret = Create(this, "UserClientProperties", &client);
    if (ret == kIOReturnSuccess) *userClient = OSDynamicCast(IOUserClient, client);
    return ret;
}
