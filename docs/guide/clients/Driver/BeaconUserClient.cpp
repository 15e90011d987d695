/* SPDX-License-Identifier: Apache-2.0 */
#include <DriverKit/IODispatchQueue.h>
#include <DriverKit/IOLib.h>
#include <DriverKit/IOTimerDispatchSource.h>
#include <DriverKit/OSData.h>
#include <time.h>

#include "BeaconCalls.h"
#include "BeaconUserClient.h"

struct BeaconUserClient_IVars {
    IOTimerDispatchSource* timer;
    OSAction* occurred;
    OSAction* completion; /* of the program that wants flashes */
    uint64_t period;      /* ms */
    uint64_t number;
    uint64_t count;
};

bool BeaconUserClient::init() {
    if (!super::init()) return false;
    ivars = IONewZero(BeaconUserClient_IVars, 1);
    return ivars != nullptr;
}

void BeaconUserClient::free() {
    if (ivars) {
        OSSafeReleaseNULL(ivars->timer);
        OSSafeReleaseNULL(ivars->occurred);
        OSSafeReleaseNULL(ivars->completion);
    }
    IOSafeDeleteNULL(ivars, BeaconUserClient_IVars, 1);
    super::free();
}

kern_return_t IMPL(BeaconUserClient, Start) {
    kern_return_t ret = Start(provider, SUPERDISPATCH);
    if (ret != kIOReturnSuccess) return ret;
    ivars->period = 100;
    IODispatchQueue* queue = nullptr;
    ret = CopyDispatchQueue(kIOServiceDefaultQueueName, &queue);
    if (ret == kIOReturnSuccess) ret = IOTimerDispatchSource::Create(queue, &ivars->timer);
    OSSafeReleaseNULL(queue);
    if (ret == kIOReturnSuccess) ret = CreateActionTimerOccurred(0, &ivars->occurred);
    if (ret == kIOReturnSuccess) ret = ivars->timer->SetHandler(ivars->occurred);
    return ret;
}

kern_return_t IMPL(BeaconUserClient, Stop) {
    if (ivars->timer) ivars->timer->Cancel(nullptr);
    OSSafeReleaseNULL(ivars->completion);
    return Stop(provider, SUPERDISPATCH);
}

kern_return_t BeaconUserClient::ExternalMethod(uint64_t selector,
                                               IOUserClientMethodArguments* arguments,
                                               const IOUserClientMethodDispatch* dispatch,
                                               OSObject* target, void* reference) {
    /* function, completion, scalars in, bytes in, scalars out, bytes out */
    static const IOUserClientMethodDispatch methods[kBeaconCalls] = {
        {[](OSObject* client, void*, IOUserClientMethodArguments* call) {
             return static_cast<BeaconUserClient*>(client)->SetPeriod(call);
         },
         false, 1, 0, 1, 0},
        {[](OSObject* client, void*, IOUserClientMethodArguments* call) {
             return static_cast<BeaconUserClient*>(client)->Turn(call);
         },
         false, 0, sizeof(BeaconText), 0, sizeof(BeaconText)},
        {[](OSObject* client, void*, IOUserClientMethodArguments* call) {
             return static_cast<BeaconUserClient*>(client)->Flash(call);
         },
         true, 1, 0, 0, 0},
    };
    (void)dispatch;
    (void)target;
    if (selector >= kBeaconCalls) return kIOReturnUnsupported;
    return super::ExternalMethod(selector, arguments, &methods[selector], this, reference);
}

kern_return_t BeaconUserClient::SetPeriod(IOUserClientMethodArguments* arguments) {
    if (arguments->scalarInput[0] == 0) return kIOReturnBadArgument;
    arguments->scalarOutput[0] = ivars->period;
    ivars->period = arguments->scalarInput[0];
    return kIOReturnSuccess;
}

kern_return_t BeaconUserClient::Turn(IOUserClientMethodArguments* arguments) {
    const BeaconText* in =
        static_cast<const BeaconText*>(arguments->structureInput->getBytesNoCopy());
    BeaconText out = {};
    out.length = in->length;
    if (out.length > sizeof(out.bytes)) return kIOReturnBadArgument;
    for (uint32_t i = 0; i < out.length; ++i) out.bytes[i] = in->bytes[out.length - 1 - i];
    arguments->structureOutput = OSData::withBytes(&out, sizeof(out));
    return arguments->structureOutput != nullptr ? kIOReturnSuccess : kIOReturnNoMemory;
}

kern_return_t BeaconUserClient::Flash(IOUserClientMethodArguments* arguments) {
    if (ivars->completion != nullptr) return kIOReturnBusy;
    ivars->completion = arguments->completion;
    ivars->completion->retain(); /* it is only the call's otherwise */
    ivars->number = 0;
    ivars->count = arguments->scalarInput[0];
    Arm();
    return kIOReturnSuccess;
}

void BeaconUserClient::Arm() {
    const uint64_t now = clock_gettime_nsec_np(CLOCK_UPTIME_RAW);
    ivars->timer->WakeAtTime(kIOTimerClockUptimeRaw, now + ivars->period * 1000000, 0);
}

void IMPL(BeaconUserClient, TimerOccurred) {
    (void)action;
    (void)time;
    if (ivars->completion == nullptr) return;
    IOUserClientAsyncArgumentsArray words = {++ivars->number, ivars->period};
    AsyncCompletion(ivars->completion, kIOReturnSuccess, words, 2);
    if (ivars->number < ivars->count) {
        Arm();
    } else {
        OSSafeReleaseNULL(ivars->completion);
    }
}
