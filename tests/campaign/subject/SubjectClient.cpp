/* SPDX-License-Identifier: Apache-2.0 */
#include "SubjectClient.h"

#include <DriverKit/IODispatchQueue.h>
#include <DriverKit/IOLib.h>
#include <DriverKit/IOMemoryMap.h>
#include <DriverKit/OSAction.h>
#include <DriverKit/OSData.h>
#include <string.h>

#include "SubjectFaults.h"
#include "SubjectProtocol.h"

struct SubjectClient_IVars {
    IODispatchQueue* calls;
    IODispatchQueue* work;
    IOTimerDispatchSource* timer;
    IODataQueueDispatchSource* in;
    IODataQueueDispatchSource* out;
    OSAction* tick;
    OSAction* came;
    OSAction* room;
    OSAction* completion;
    uint64_t interval; /* ns */
    uint64_t next;
};

bool SubjectClient::init() {
    if (!super::init()) return false;
    SubjectReach(kSubjectInClientInit);
    ivars = IONewZero(SubjectClient_IVars, 1);
    return ivars != nullptr;
}

void SubjectClient::free() {
    SubjectReach(kSubjectInClientFree);
    if (ivars) {
        OSSafeReleaseNULL(ivars->timer);
        OSSafeReleaseNULL(ivars->in);
        OSSafeReleaseNULL(ivars->out);
        OSSafeReleaseNULL(ivars->calls);
        OSSafeReleaseNULL(ivars->work);
    }
    IOSafeDeleteNULL(ivars, SubjectClient_IVars, 1);
    super::free();
}

kern_return_t SubjectClient::MakeSources() {
    SubjectClient_IVars* own = ivars;
    kern_return_t ret = IODispatchQueue::Create("subject.calls", 0, 0, &own->calls);
    if (ret == kIOReturnSuccess)
        ret = SetDispatchQueue(kIOUserClientQueueNameExternalMethod, own->calls);
    if (ret == kIOReturnSuccess) ret = IODispatchQueue::Create("subject.work", 0, 0, &own->work);
    if (ret == kIOReturnSuccess) ret = SetDispatchQueue("Work", own->work);
    if (ret == kIOReturnSuccess) ret = IOTimerDispatchSource::Create(own->work, &own->timer);
    if (ret == kIOReturnSuccess)
        ret = IODataQueueDispatchSource::Create(kSubjectQueueSize, own->work, &own->in);
    if (ret == kIOReturnSuccess)
        ret = IODataQueueDispatchSource::Create(kSubjectQueueSize, own->work, &own->out);
    if (ret == kIOReturnSuccess) ret = CreateActionTick(0, &own->tick);
    if (ret == kIOReturnSuccess) ret = CreateActionRecordsCame(0, &own->came);
    if (ret == kIOReturnSuccess) ret = CreateActionRoomMade(0, &own->room);
    if (ret == kIOReturnSuccess) ret = own->timer->SetHandler(own->tick);
    if (ret == kIOReturnSuccess) ret = own->in->SetDataAvailableHandler(own->came);
    if (ret == kIOReturnSuccess) ret = own->out->SetDataServicedHandler(own->room);
    return ret;
}

kern_return_t IMPL(SubjectClient, Start) {
    kern_return_t ret = Start(provider, SUPERDISPATCH);
    if (ret != kIOReturnSuccess) return ret;
    SubjectReach(kSubjectInClientStart);
    return MakeSources();
}

/* Completions, actions and sources hold the object: they go first. */
kern_return_t IMPL(SubjectClient, Stop) {
    SubjectReach(kSubjectInClientStop);
    SubjectClient_IVars* own = ivars;
    retain();
    provider->retain();
    own->work->DispatchAsync(^{
      OSSafeReleaseNULL(own->completion);
      own->timer->Cancel(^{
        SubjectReach(kSubjectInCancel);
        own->in->Cancel(^{
          own->out->Cancel(^{
            own->tick->Cancel(^{
              own->came->Cancel(^{
                own->room->Cancel(^{
                  OSSafeReleaseNULL(own->tick);
                  OSSafeReleaseNULL(own->came);
                  OSSafeReleaseNULL(own->room);
                  Stop(provider, SUPERDISPATCH);
                  provider->release();
                  release();
                });
              });
            });
          });
        });
      });
    });
    return kIOReturnSuccess;
}

kern_return_t SubjectClient::ExternalMethod(uint64_t selector,
                                            IOUserClientMethodArguments* arguments,
                                            const IOUserClientMethodDispatch*, OSObject*, void*) {
    const bool two = arguments->scalarInputCount == 2;
    if (selector != kSubjectArm) SubjectReach(kSubjectInExternalMethod);
    switch (selector) {
        case kSubjectEcho:
            return Echo(arguments);
        case kSubjectStream:
            return Stream(arguments);
        case kSubjectArm:
            if (!two) return kIOReturnBadArgument;
            SubjectArm(arguments->scalarInput[0], arguments->scalarInput[1]);
            return kIOReturnSuccess;
        case kSubjectFault:
            if (!two) return kIOReturnBadArgument;
            return SubjectDo(GetProvider(), arguments->scalarInput[0], arguments->scalarInput[1]);
        default:
            return kIOReturnBadArgument;
    }
}

kern_return_t SubjectClient::Echo(IOUserClientMethodArguments* arguments) {
    if (!arguments->structureInputDescriptor && !arguments->structureOutputDescriptor) {
        if (!arguments->structureInput) return kIOReturnBadArgument;
        arguments->structureOutput =
            OSData::withBytes(arguments->structureInput->getBytesNoCopy(),
                              static_cast<uint32_t>(arguments->structureInput->getLength()));
        return arguments->structureOutput ? kIOReturnSuccess : kIOReturnNoMemory;
    }
    if (!arguments->structureInputDescriptor || !arguments->structureOutputDescriptor)
        return kIOReturnBadArgument;
    IOMemoryMap* in = nullptr;
    IOMemoryMap* out = nullptr;
    kern_return_t ret = arguments->structureInputDescriptor->CreateMapping(0, 0, 0, 0, 0, &in);
    if (ret == kIOReturnSuccess)
        ret = arguments->structureOutputDescriptor->CreateMapping(0, 0, 0, 0, 0, &out);
    if (ret == kIOReturnSuccess && out->GetLength() < in->GetLength()) ret = kIOReturnOverrun;
    if (ret == kIOReturnSuccess)
        memcpy(reinterpret_cast<void*>(out->GetAddress()),
               reinterpret_cast<void*>(in->GetAddress()), in->GetLength());
    OSSafeReleaseNULL(in);
    OSSafeReleaseNULL(out);
    return ret;
}

kern_return_t SubjectClient::Stream(IOUserClientMethodArguments* arguments) {
    if (!arguments->completion || arguments->scalarInputCount != 1) return kIOReturnBadArgument;
    OSAction* completion = arguments->completion;
    const uint64_t interval = arguments->scalarInput[0] * 1000;
    __block kern_return_t ret = kIOReturnBusy;
    ivars->work->DispatchSync(^{
      if (ivars->completion) return;
      completion->retain();
      ivars->completion = completion;
      ivars->interval = interval;
      ivars->next = 0;
      ret = ivars->timer->WakeAtTime(kIOTimerClockUptimeRaw,
                                     clock_gettime_nsec_np(CLOCK_UPTIME_RAW) + interval, 0);
    });
    return ret;
}

void IMPL(SubjectClient, Tick) {
    (void)action;
    (void)time;
    SubjectReach(kSubjectInTick);
    if (!ivars->completion) return;
    IOUserClientAsyncArgumentsArray data = {ivars->next, ivars->next * 2654435761u};
    ++ivars->next;
    AsyncCompletion(ivars->completion, kIOReturnSuccess, data, 2);
    ivars->timer->WakeAtTime(kIOTimerClockUptimeRaw,
                             clock_gettime_nsec_np(CLOCK_UPTIME_RAW) + ivars->interval, 0);
}

kern_return_t IMPL(SubjectClient, CopyClientMemoryForType) {
    SubjectReach(kSubjectInMemory);
    *options = 0;
    if (type == kSubjectRecordsIn) return ivars->in->CopyMemory(memory);
    if (type == kSubjectRecordsOut) return ivars->out->CopyMemory(memory);
    return kIOReturnBadArgument;
}

/* What is full stays in the first queue until there is room in the second. */
void SubjectClient::PassOn() {
    for (;;) {
        __block kern_return_t put = kIOReturnUnderrun;
        ivars->in->Peek(^(const void* record, size_t size) {
          put = ivars->out->Enqueue(static_cast<uint32_t>(size), ^(void* to, size_t) {
            memcpy(to, record, size);
          });
        });
        if (put != kIOReturnSuccess) return;
        ivars->in->Dequeue(^(const void*, size_t){
        });
    }
}

void IMPL(SubjectClient, RecordsCame) {
    (void)action;
    SubjectReach(kSubjectInRecords);
    PassOn();
}

void IMPL(SubjectClient, RoomMade) {
    (void)action;
    PassOn();
}
