/* SPDX-License-Identifier: Apache-2.0 */
#include "PairControl.h"
#include <DriverKit/IOLib.h>
#include <DriverKit/IOUserClient.h>
#include "PairNub.h"
#include "PairProtocol.h"

struct PairControl_IVars {
    PairNub* nub;
};

bool PairControl::init() {
    if (!super::init()) return false;
    ivars = IONewZero(PairControl_IVars, 1);
    return ivars != nullptr;
}

void PairControl::free() {
    IOSafeDeleteNULL(ivars, PairControl_IVars, 1);
    super::free();
}

kern_return_t PairControl::MakeNub() {
    IOService* made = nullptr;
    kern_return_t ret = Create(this, "NubProperties", &made);
    if (ret != kIOReturnSuccess) return ret;
    ivars->nub = OSDynamicCast(PairNub, made);
    if (ivars->nub == nullptr) {
        OSSafeReleaseNULL(made);
        return kIOReturnError;
    }
    gPairNub = ivars->nub;
    return ivars->nub->RegisterService();
}

// Facts: IOService.Terminate, IOService.Create
kern_return_t PairControl::Replug() {
    kern_return_t ret = ivars->nub->Terminate(0);
    if (ret != kIOReturnSuccess) return ret;
    OSSafeReleaseNULL(ivars->nub);
    return MakeNub();
}

kern_return_t IMPL(PairControl, Start) {
    kern_return_t ret = Start(provider, SUPERDISPATCH);
    if (ret != kIOReturnSuccess) return ret;
    SetName("pair-control");
    ret = MakeNub();
    return ret == kIOReturnSuccess ? RegisterService() : ret;
}

kern_return_t IMPL(PairControl, Stop) {
    OSSafeReleaseNULL(ivars->nub);
    return Stop(provider, SUPERDISPATCH);
}

PairNub* PairControl::Nub() {
    return ivars->nub;
}

kern_return_t IMPL(PairControl, NewUserClient) {
    (void)type;
    IOService* client = nullptr;
    kern_return_t ret = Create(this, "UserClientProperties", &client);
    if (ret == kIOReturnSuccess) *userClient = OSDynamicCast(IOUserClient, client);
    return ret;
}
