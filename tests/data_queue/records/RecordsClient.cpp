/* SPDX-License-Identifier: Apache-2.0 */
#include <DriverKit/IODataQueueDispatchSource.h>
#include <DriverKit/IODispatchQueue.h>
#include <DriverKit/IOLib.h>
#include <DriverKit/OSAction.h>
#include <string.h>

#include "RecordsClient.h"
#include "RecordsProtocol.h"

struct RecordsClient_IVars {
    IODispatchQueue* queue;
    IODataQueueDispatchSource* in;
    IODataQueueDispatchSource* out;
    OSAction* came;
    OSAction* room;
    /* Touched on the queue; read by a call. */
    _Atomic(uint64_t) timesCame;
    _Atomic(uint64_t) timesRoom;
    _Atomic(uint64_t) passed;
};

bool RecordsClient::init() {
    if (!super::init()) return false;
    ivars = IONewZero(RecordsClient_IVars, 1);
    return ivars != nullptr;
}

void RecordsClient::free() {
    if (ivars) {
        OSSafeReleaseNULL(ivars->in);
        OSSafeReleaseNULL(ivars->out);
        OSSafeReleaseNULL(ivars->queue);
    }
    IOSafeDeleteNULL(ivars, RecordsClient_IVars, 1);
    super::free();
}

kern_return_t RecordsClient::MakeQueues() {
    kern_return_t ret = IODispatchQueue::Create("records", 0, 0, &ivars->queue);
    if (ret == kIOReturnSuccess) ret = SetDispatchQueue("Records", ivars->queue);
    if (ret == kIOReturnSuccess)
        ret = IODataQueueDispatchSource::Create(kRecordsQueueSize, ivars->queue, &ivars->in);
    if (ret == kIOReturnSuccess)
        ret = IODataQueueDispatchSource::Create(kRecordsQueueSize, ivars->queue, &ivars->out);
    if (ret == kIOReturnSuccess) ret = CreateActionRecordsCame(0, &ivars->came);
    if (ret == kIOReturnSuccess) ret = CreateActionRoomMade(0, &ivars->room);
    if (ret == kIOReturnSuccess) ret = ivars->in->SetDataAvailableHandler(ivars->came);
    if (ret == kIOReturnSuccess) ret = ivars->out->SetDataServicedHandler(ivars->room);
    return ret;
}

kern_return_t IMPL(RecordsClient, Start) {
    kern_return_t ret = Start(provider, SUPERDISPATCH);
    return ret == kIOReturnSuccess ? MakeQueues() : ret;
}

/* Actions and sources hold the object: they go first. */
kern_return_t IMPL(RecordsClient, Stop) {
    retain();
    provider->retain();
    ivars->in->Cancel(^{
      ivars->out->Cancel(^{
        ivars->came->Cancel(^{
          ivars->room->Cancel(^{
            OSSafeReleaseNULL(ivars->came);
            OSSafeReleaseNULL(ivars->room);
            Stop(provider, SUPERDISPATCH);
            provider->release();
            release();
          });
        });
      });
    });
    return kIOReturnSuccess;
}

kern_return_t RecordsClient::ExternalMethod(uint64_t selector,
                                            IOUserClientMethodArguments* arguments,
                                            const IOUserClientMethodDispatch*, OSObject*, void*) {
    if (selector != kRecordsCounts || arguments->scalarOutputCount != 3)
        return kIOReturnBadArgument;
    arguments->scalarOutput[0] = ivars->timesCame;
    arguments->scalarOutput[1] = ivars->timesRoom;
    arguments->scalarOutput[2] = ivars->passed;
    return kIOReturnSuccess;
}

// Facts: IODataQueueDispatchSource.CopyMemory
kern_return_t IMPL(RecordsClient, CopyClientMemoryForType) {
    *options = 0;
    if (type == kRecordsToDriver) return ivars->in->CopyMemory(memory);
    if (type == kRecordsToProgram) return ivars->out->CopyMemory(memory);
    return kIOReturnBadArgument;
}

/* What is full stays in the first queue until there is room in the second. */
void RecordsClient::PassOn() {
    for (;;) {
        __block kern_return_t put = kIOReturnUnderrun;
        ivars->in->Peek(^(const void* record, size_t size) {
          put = ivars->out->Enqueue(static_cast<uint32_t>(size), ^(void* to, size_t) {
            memcpy(to, record, size);
          });
        });
        if (put != kIOReturnSuccess) return;
        ++ivars->passed;
        ivars->in->Dequeue(^(const void*, size_t){
        });
    }
}

// Facts: IODataQueueDispatchSource.SetDataAvailableHandler, IODataQueueDispatchSource.DataAvailable
void IMPL(RecordsClient, RecordsCame) {
    (void)action;
    ++ivars->timesCame;
    PassOn();
}

// Facts: IODataQueueDispatchSource.SetDataServicedHandler, IODataQueueDispatchSource.DataServiced
void IMPL(RecordsClient, RoomMade) {
    (void)action;
    ++ivars->timesRoom;
    PassOn();
}
