/* SPDX-License-Identifier: Apache-2.0 */
#include "PairNub.h"
#include <DriverKit/IOLib.h>

#include "PairProtocol.h"

PairNub* gPairNub;

struct PairNub_IVars {
    IOLock* lock;
    OSAction* listener;
    uint64_t last;
    uint64_t count;
};

bool PairNub::init() {
    if (!super::init()) return false;
    ivars = IONewZero(PairNub_IVars, 1);
    if (ivars) ivars->lock = IOLockAlloc();
    return ivars && ivars->lock;
}

void PairNub::free() {
    if (ivars) {
        OSSafeReleaseNULL(ivars->listener);
        if (ivars->lock) IOLockFree(ivars->lock);
    }
    IOSafeDeleteNULL(ivars, PairNub_IVars, 1);
    super::free();
}

kern_return_t IMPL(PairNub, Report) {
    IOLockLock(ivars->lock);
    ivars->last = number;
    *answer = number * ++ivars->count;
    IOLockUnlock(ivars->lock);
    return kIOReturnSuccess;
}

kern_return_t IMPL(PairNub, SetListener) {
    if (listener) listener->retain();
    IOLockLock(ivars->lock);
    OSAction* before = ivars->listener;
    ivars->listener = listener;
    IOLockUnlock(ivars->lock);
    OSSafeReleaseNULL(before);
    return kIOReturnSuccess;
}

kern_return_t PairNub::Tell(uint64_t number, uint64_t* answer) {
    IOLockLock(ivars->lock);
    OSAction* listener = ivars->listener;
    if (listener) listener->retain();
    IOLockUnlock(ivars->lock);
    if (listener == nullptr) return kIOReturnNotAttached;
    kern_return_t ret = Told(listener, number, answer);
    listener->release();
    return ret;
}

void PairNub::Heard(uint64_t* last, uint64_t* count) {
    IOLockLock(ivars->lock);
    *last = ivars->last;
    *count = ivars->count;
    IOLockUnlock(ivars->lock);
}
