/* SPDX-License-Identifier: Apache-2.0 */
#include "PairDevice.h"
#include <DriverKit/IOLib.h>
#include <DriverKit/IOUserClient.h>
#include <os/log.h>

struct PairDevice_IVars {
    PairNub* nub;
    OSAction* told;
    _Atomic(uint64_t) last;
    _Atomic(uint64_t) count;
};

bool PairDevice::init() {
    if (!super::init()) return false;
    ivars = IONewZero(PairDevice_IVars, 1);
    return ivars != nullptr;
}

void PairDevice::free() {
    if (ivars) OSSafeReleaseNULL(ivars->nub);
    IOSafeDeleteNULL(ivars, PairDevice_IVars, 1);
    super::free();
}

kern_return_t IMPL(PairDevice, Start) {
    kern_return_t ret = Start(provider, SUPERDISPATCH);
    if (ret != kIOReturnSuccess) return ret;
    ivars->nub = OSDynamicCast(PairNub, provider);
    if (ivars->nub == nullptr) return kIOReturnBadArgument;
    ivars->nub->retain();
    ret = CreateActionControlTold(0, &ivars->told);
    if (ret == kIOReturnSuccess) ret = ivars->nub->SetListener(ivars->told);
    if (ret != kIOReturnSuccess) return ret;
    SetName("pair-device");
    return RegisterService();
}

/* The action holds this object: it goes before. */
kern_return_t IMPL(PairDevice, Stop) {
    if (ivars->nub) ivars->nub->SetListener(nullptr);
    OSSafeReleaseNULL(ivars->told);
    return Stop(provider, SUPERDISPATCH);
}

kern_return_t IMPL(PairDevice, ControlTold) {
    (void)action;
    ivars->last = number;
    *answer = number + ++ivars->count;
    return kIOReturnSuccess;
}

PairNub* PairDevice::Nub() {
    return ivars->nub;
}

void PairDevice::Heard(uint64_t* last, uint64_t* count) {
    *last = ivars->last;
    *count = ivars->count;
}

kern_return_t IMPL(PairDevice, NewUserClient) {
    (void)type;
    IOService* client = nullptr;
    kern_return_t ret = Create(this, "UserClientProperties", &client);
    if (ret == kIOReturnSuccess) *userClient = OSDynamicCast(IOUserClient, client);
    return ret;
}
