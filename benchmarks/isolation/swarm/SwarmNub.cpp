/* SPDX-License-Identifier: Apache-2.0 */
#include "SwarmNub.h"
#include <DriverKit/IOLib.h>

struct SwarmNub_IVars {
    _Atomic(uint64_t) published;
    _Atomic(uint64_t) started;
};

bool SwarmNub::init() {
    if (!super::init()) return false;
    ivars = IONewZero(SwarmNub_IVars, 1);
    return ivars != nullptr;
}

void SwarmNub::free() {
    IOSafeDeleteNULL(ivars, SwarmNub_IVars, 1);
    super::free();
}

kern_return_t IMPL(SwarmNub, Started) {
    ivars->started = time;
    return kIOReturnSuccess;
}

kern_return_t SwarmNub::Publish() {
    ivars->published = clock_gettime_nsec_np(CLOCK_UPTIME_RAW);
    return RegisterService();
}

void SwarmNub::Times(uint64_t* published, uint64_t* started) {
    *published = ivars->published;
    *started = ivars->started;
}
