/* SPDX-License-Identifier: Apache-2.0 */
#include <DriverKit/IOBufferMemoryDescriptor.h>
#include <DriverKit/IODispatchQueue.h>
#include <DriverKit/IOLib.h>
#include <DriverKit/IOMemoryMap.h>
#include <DriverKit/OSAction.h>
#include <DriverKit/OSData.h>
#include <os/log.h>
#include <string.h>

#include "StrainClient.h"
#include "StrainProtocol.h"
#include "StrainRing.h"
#include "StrainService.h"
#include "StrainState.h"

struct StrainStream {
    OSAction* completion;
    uint64_t interval; /* ns; 0: full speed */
    uint64_t begin;
    uint64_t count;
    uint64_t window;
    uint64_t next;
    uint32_t words;
    _Atomic(uint64_t) seen;
};

struct StrainClient_IVars {
    StrainService* service;
    uint64_t number;
    IODispatchQueue* calls;
    IODispatchQueue* ticks; /* streams and the ring */
    IOTimerDispatchSource* timer;
    OSAction* tick;
    StrainStream stream;
    _Atomic(bool) stopping;
    bool alone;
    IOBufferMemoryDescriptor* memory[kStrainMemories];
    StrainRing* ring;
    OSAction* doorbell;
    uint64_t records;
    uint64_t nextRecord;
};

static const uint32_t kAnySize = kIOUserClientVariableStructureSize;

const IOUserClientMethodDispatch StrainClient::sMethods[] = {
    {&StrainClient::Who, 0, 0, 0, 5, 0},
    {&StrainClient::Counts, 0, 0, 0, 5, 0},
    {&StrainClient::Echo, 0, 0, kAnySize, 0, kAnySize},
    {&StrainClient::Add, 0, 2, 0, 1, 0},
    {&StrainClient::Stream, 1, 4, 0, 0, 0},
    {&StrainClient::Seen, 0, 1, 0, 0, 0},
    {&StrainClient::TooMany, 1, 0, 0, 0, 0},
    {&StrainClient::Spin, 0, 1, 0, 0, 0},
    {&StrainClient::Reach, 0, 1, 0, 0, 0},
    {&StrainClient::Read, 0, 2, 0, 1, 0},
    {&StrainClient::Ring, 1, 1, 0, 0, 0},
    {&StrainClient::Serviced, 0, 0, 0, 0, 0},
};

static uint64_t now() {
    return clock_gettime_nsec_np(CLOCK_UPTIME_RAW);
}

bool StrainClient::init() {
    if (!super::init()) return false;
    ivars = IONewZero(StrainClient_IVars, 1);
    if (ivars) ivars->number = ++gStrain.made;
    return ivars != nullptr;
}

void StrainClient::free() {
    if (ivars) {
        ++gStrain.freed;
        OSSafeReleaseNULL(ivars->service);
        OSSafeReleaseNULL(ivars->calls);
        OSSafeReleaseNULL(ivars->ticks);
        OSSafeReleaseNULL(ivars->timer);
        for (auto& memory : ivars->memory) OSSafeReleaseNULL(memory);
    }
    IOSafeDeleteNULL(ivars, StrainClient_IVars, 1);
    super::free();
}

kern_return_t IMPL(StrainClient, Start) {
    kern_return_t ret = Start(provider, SUPERDISPATCH);
    if (ret != kIOReturnSuccess) return ret;
    ivars->service = OSDynamicCast(StrainService, provider);
    if (ivars->service == nullptr) return kIOReturnBadArgument;
    ivars->service->retain();
    ++gStrain.started;
    StrainReach(kStrainInStart);
    return kIOReturnSuccess;
}

kern_return_t StrainClient::UseOwnQueue() {
    kern_return_t ret = IODispatchQueue::Create("strain.calls", 0, 0, &ivars->calls);
    return ret == kIOReturnSuccess
               ? SetDispatchQueue(kIOUserClientQueueNameExternalMethod, ivars->calls)
               : ret;
}

void StrainClient::BeAlone() {
    ivars->alone = true;
    gStrain.alone = true;
}

/* Completions, actions and sources hold the object: they go first. */
kern_return_t IMPL(StrainClient, Stop) {
    ++gStrain.stopped;
    ivars->stopping = true;
    StrainReach(kStrainInStop);
    if (ivars->alone) {
        IOSleep(ivars->number % 16 == 0 ? 2 : 0); /* letting go may take its time */
        gStrain.alone = false;
    }
    if (ivars->ticks == nullptr) return Stop(provider, SUPERDISPATCH);
    retain();
    provider->retain();
    ivars->ticks->DispatchAsync(^{
      if (ivars->stream.completion) --gStrain.streams;
      OSSafeReleaseNULL(ivars->stream.completion);
      OSSafeReleaseNULL(ivars->doorbell);
      void (^finish)() = ^{
        Stop(provider, SUPERDISPATCH);
        provider->release();
        release();
      };
      if (ivars->timer == nullptr) return finish();
      ivars->timer->Cancel(^{
        ivars->tick->Cancel(^{
          OSSafeReleaseNULL(ivars->tick);
          finish();
        });
      });
    });
    return kIOReturnSuccess;
}

// Facts: IOUserClient.ExternalMethod
kern_return_t StrainClient::ExternalMethod(uint64_t selector,
                                           IOUserClientMethodArguments* arguments,
                                           const IOUserClientMethodDispatch*, OSObject*,
                                           void* reference) {
    if (selector >= kStrainSelectors) return kIOReturnBadArgument;
    if (selector != kStrainReach) StrainReach(kStrainInCall);
    return super::ExternalMethod(selector, arguments, &sMethods[selector], this, reference);
}

kern_return_t StrainClient::Who(OSObject* target, void*, IOUserClientMethodArguments* arguments) {
    StrainClient* self = static_cast<StrainClient*>(target);
    IOService* provider = self->GetProvider();
    arguments->scalarOutput[0] = self->ivars->number;
    arguments->scalarOutput[1] = reinterpret_cast<uint64_t>(self);
    arguments->scalarOutput[2] = reinterpret_cast<uint64_t>(provider);
    arguments->scalarOutput[3] = reinterpret_cast<uint64_t>(gStrainService);
    arguments->scalarOutput[4] = OSDynamicCast(StrainService, provider) == gStrainService;
    return kIOReturnSuccess;
}

kern_return_t StrainClient::Counts(OSObject*, void*, IOUserClientMethodArguments* arguments) {
    arguments->scalarOutput[0] = gStrain.made;
    arguments->scalarOutput[1] = gStrain.started;
    arguments->scalarOutput[2] = gStrain.stopped;
    arguments->scalarOutput[3] = gStrain.freed;
    arguments->scalarOutput[4] = gStrain.streams;
    return kIOReturnSuccess;
}

/* The memory of a descriptor, mapped. */
static kern_return_t map(IOMemoryDescriptor* memory, IOMemoryMap** map, uint8_t** bytes) {
    kern_return_t ret = memory->CreateMapping(0, 0, 0, 0, 0, map);
    if (ret == kIOReturnSuccess) *bytes = reinterpret_cast<uint8_t*>((*map)->GetAddress());
    return ret;
}

// Facts: IOMemoryDescriptor.CreateMapping, IOMemoryMap.GetAddress, IOMemoryMap.GetLength
kern_return_t StrainClient::Echo(OSObject*, void*, IOUserClientMethodArguments* arguments) {
    const uint8_t* in = nullptr;
    uint64_t length = 0;
    IOMemoryMap* source = nullptr;
    if (arguments->structureInputDescriptor) {
        uint8_t* bytes = nullptr;
        kern_return_t ret = map(arguments->structureInputDescriptor, &source, &bytes);
        if (ret != kIOReturnSuccess) return ret;
        in = bytes;
        length = source->GetLength();
    } else if (arguments->structureInput) {
        in = static_cast<const uint8_t*>(arguments->structureInput->getBytesNoCopy());
        length = arguments->structureInput->getLength();
    }
    kern_return_t ret = kIOReturnSuccess;
    if (arguments->structureOutputDescriptor) {
        IOMemoryMap* target = nullptr;
        uint8_t* out = nullptr;
        ret = map(arguments->structureOutputDescriptor, &target, &out);
        if (ret == kIOReturnSuccess && target->GetLength() < length) ret = kIOReturnOverrun;
        if (ret == kIOReturnSuccess) {
            memcpy(out, in, length / 2);
            StrainReach(kStrainInOutput);
            memcpy(out + length / 2, in + length / 2, length - length / 2);
        }
        OSSafeReleaseNULL(target);
    } else {
        arguments->structureOutput = OSData::withBytes(in, static_cast<uint32_t>(length));
        if (arguments->structureOutput == nullptr) ret = kIOReturnNoMemory;
    }
    OSSafeReleaseNULL(source);
    return ret;
}

kern_return_t StrainClient::Add(OSObject*, void*, IOUserClientMethodArguments* arguments) {
    arguments->scalarOutput[0] = arguments->scalarInput[0] + arguments->scalarInput[1];
    return kIOReturnSuccess;
}

kern_return_t StrainClient::Stream(OSObject* target, void*,
                                   IOUserClientMethodArguments* arguments) {
    return static_cast<StrainClient*>(target)->StartStream(arguments);
}

kern_return_t StrainClient::MakeQueue() {
    if (ivars->ticks) return kIOReturnSuccess;
    kern_return_t ret = IODispatchQueue::Create("strain.ticks", 0, 0, &ivars->ticks);
    return ret == kIOReturnSuccess ? SetDispatchQueue("Ticks", ivars->ticks) : ret;
}

void StrainClient::Later(void (StrainClient::*step)()) {
    retain();
    ivars->ticks->DispatchAsync(^{
      (this->*step)();
      release();
    });
}

kern_return_t StrainClient::StartStream(IOUserClientMethodArguments* arguments) {
    if (arguments->scalarInput[2] > kStrainMaxWords || arguments->scalarInput[2] == 0)
        return kIOReturnBadArgument;
    kern_return_t ret = MakeQueue();
    if (ret == kIOReturnSuccess && ivars->timer == nullptr) {
        ret = IOTimerDispatchSource::Create(ivars->ticks, &ivars->timer);
        if (ret == kIOReturnSuccess) ret = CreateActionTick(0, &ivars->tick);
        if (ret == kIOReturnSuccess) ret = ivars->timer->SetHandler(ivars->tick);
    }
    if (ret != kIOReturnSuccess) return ret;
    __block kern_return_t begun = kIOReturnBusy;
    ivars->ticks->DispatchSync(^{
      begun = BeginStream(arguments);
    });
    StrainReach(kStrainAfterAsync);
    return begun;
}

/* What belongs to the stream is touched on its queue only. */
kern_return_t StrainClient::BeginStream(IOUserClientMethodArguments* arguments) {
    StrainStream* stream = &ivars->stream;
    if (stream->completion) return kIOReturnBusy;
    stream->interval = arguments->scalarInput[0] * NSEC_PER_USEC;
    stream->count = arguments->scalarInput[1];
    stream->words = static_cast<uint32_t>(arguments->scalarInput[2]);
    stream->window = arguments->scalarInput[3];
    stream->next = 0;
    stream->seen = 0;
    stream->completion = arguments->completion;
    stream->completion->retain();
    ++gStrain.streams;
    stream->begin = now();
    if (stream->interval != 0)
        return ivars->timer->WakeAtTime(kIOTimerClockUptimeRaw, stream->begin + stream->interval,
                                        0);
    Later(&StrainClient::Pump);
    return kIOReturnSuccess;
}

// Facts: IOUserClient.AsyncCompletion
void StrainClient::Emit() {
    StrainStream* stream = &ivars->stream;
    IOUserClientAsyncArgumentsArray data = {};
    for (uint32_t i = 0; i < stream->words; ++i) data[i] = strain_word(stream->next, i);
    /* Whoever gets the last one may begin anew at once. */
    OSAction* completion = stream->completion;
    completion->retain();
    if (++stream->next == stream->count) {
        OSSafeReleaseNULL(stream->completion);
        --gStrain.streams;
    }
    AsyncCompletion(completion, kIOReturnSuccess, data, stream->words);
    completion->release();
}

/* As many as are due: a late timer catches up. */
void IMPL(StrainClient, Tick) {
    (void)action;
    (void)time;
    StrainStream* stream = &ivars->stream;
    if (stream->interval == 0) return; /* one more of the stream before */
    const uint64_t due = (now() - stream->begin) / stream->interval;
    while (stream->completion && stream->next < due && !ivars->stopping) Emit();
    if (stream->completion && !ivars->stopping) {
        ivars->timer->WakeAtTime(kIOTimerClockUptimeRaw,
                                 stream->begin + (stream->next + 1) * stream->interval, 0);
    }
}

void StrainClient::Pump() {
    StrainStream* stream = &ivars->stream;
    if (stream->interval != 0) return;
    for (int i = 0; i < 256; ++i) {
        if (!stream->completion || ivars->stopping) return;
        if (stream->window != 0 && stream->next >= stream->seen + stream->window) return;
        Emit();
    }
    Later(&StrainClient::Pump);
}

kern_return_t StrainClient::Seen(OSObject* target, void*, IOUserClientMethodArguments* arguments) {
    StrainClient* self = static_cast<StrainClient*>(target);
    if (self->ivars->ticks == nullptr) return kIOReturnNotReady;
    self->ivars->stream.seen = arguments->scalarInput[0];
    self->Later(&StrainClient::Pump);
    return kIOReturnSuccess;
}

/* The count says more than the array holds: refused before a byte behind it is read. */
kern_return_t StrainClient::TooMany(OSObject* target, void*,
                                    IOUserClientMethodArguments* arguments) {
    StrainClient* self = static_cast<StrainClient*>(target);
    IOUserClientAsyncArgumentsArray data = {};
    for (uint32_t i = 0; i < kStrainMaxWords; ++i) data[i] = strain_word(7, i);
    self->AsyncCompletion(arguments->completion, kIOReturnSuccess, data, kStrainMaxWords + 1);
    self->AsyncCompletion(arguments->completion, kIOReturnSuccess, data, kStrainMaxWords);
    return kIOReturnSuccess;
}

kern_return_t StrainClient::Spin(OSObject*, void*, IOUserClientMethodArguments* arguments) {
    const uint64_t end = now() + arguments->scalarInput[0] * NSEC_PER_USEC;
    while (now() < end) {
    }
    return kIOReturnSuccess;
}

kern_return_t StrainClient::Reach(OSObject*, void*, IOUserClientMethodArguments* arguments) {
    if (arguments->scalarInput[0] >= kStrainPoints) return kIOReturnBadArgument;
    gStrain.point = arguments->scalarInput[0];
    if (arguments->scalarInput[0] == kStrainNowhere) gStrain.held = kStrainNowhere;
    return kIOReturnSuccess;
}

// Facts: IOUserClient.CreateMemoryDescriptorFromClient
kern_return_t StrainClient::Read(OSObject* target, void*, IOUserClientMethodArguments* arguments) {
    const IOAddressSegment segments[32] = {{arguments->scalarInput[0], arguments->scalarInput[1]}};
    IOMemoryDescriptor* memory = nullptr;
    kern_return_t ret = static_cast<StrainClient*>(target)->CreateMemoryDescriptorFromClient(
        kIOMemoryDirectionOut, 1, segments, &memory);
    if (ret != kIOReturnSuccess) return ret;
    IOMemoryMap* mapping = nullptr;
    uint8_t* bytes = nullptr;
    ret = map(memory, &mapping, &bytes);
    if (ret == kIOReturnSuccess) {
        StrainReach(kStrainInRead);
        uint64_t sum = 0;
        for (uint64_t i = 0; i < mapping->GetLength(); ++i) sum += bytes[i];
        arguments->scalarOutput[0] = sum;
    }
    OSSafeReleaseNULL(mapping);
    OSSafeReleaseNULL(memory);
    return ret;
}

static kern_return_t address_of(IOBufferMemoryDescriptor* memory, void** address) {
    IOAddressSegment range = {};
    kern_return_t ret = memory->GetAddressRange(&range);
    if (ret == kIOReturnSuccess) *address = reinterpret_cast<void*>(range.address);
    return ret;
}

// Facts: IOUserClient.CopyClientMemoryForType, IOBufferMemoryDescriptor.Create
kern_return_t IMPL(StrainClient, CopyClientMemoryForType) {
    if (type >= kStrainMemories) return kIOReturnBadArgument;
    StrainReach(kStrainInMemory);
    IOBufferMemoryDescriptor** place = &ivars->memory[type];
    if (*place == nullptr) {
        const uint64_t size = type == kStrainRingMemory ? sizeof(StrainRing) : 4 * 16384;
        void* address = nullptr;
        kern_return_t ret =
            IOBufferMemoryDescriptor::Create(kIOMemoryDirectionInOut, size, 0, place);
        if (ret == kIOReturnSuccess) ret = address_of(*place, &address);
        if (ret != kIOReturnSuccess) return ret;
        if (type == kStrainRingMemory) {
            ivars->ring = static_cast<StrainRing*>(address);
            ivars->ring->queueSize = sizeof ivars->ring->queue;
        } else {
            strlcpy(static_cast<char*>(address), "strain", 16);
        }
    }
    (*place)->retain();
    *memory = *place;
    *options = type == kStrainPagesRead ? kIOUserClientMemoryReadOnly : 0;
    return kIOReturnSuccess;
}

kern_return_t StrainClient::Ring(OSObject* target, void*, IOUserClientMethodArguments* arguments) {
    return static_cast<StrainClient*>(target)->StartRing(arguments);
}

kern_return_t StrainClient::StartRing(IOUserClientMethodArguments* arguments) {
    if (ivars->ring == nullptr) return kIOReturnNotReady;
    if (ivars->doorbell) return kIOReturnBusy;
    kern_return_t ret = MakeQueue();
    if (ret != kIOReturnSuccess) return ret;
    ivars->doorbell = arguments->completion;
    ivars->doorbell->retain();
    ivars->records = arguments->scalarInput[0];
    Later(&StrainClient::Fill);
    return kIOReturnSuccess;
}

/* Until the ring is full; the doorbell carries how many records were put into it in all. */
void StrainClient::Fill() {
    if (!ivars->doorbell || ivars->stopping) return;
    const uint64_t before = ivars->nextRecord;
    while (ivars->nextRecord < ivars->records) {
        uint8_t record[kStrainRecordMax];
        const uint32_t size = strain_record(ivars->nextRecord, record);
        if (!strain_enqueue(ivars->ring, record, size)) break;
        ++ivars->nextRecord;
    }
    if (ivars->nextRecord == before) return;
    IOUserClientAsyncArgumentsArray data = {ivars->nextRecord};
    AsyncCompletion(ivars->doorbell, kIOReturnSuccess, data, 1);
    if (ivars->nextRecord == ivars->records) OSSafeReleaseNULL(ivars->doorbell);
}

kern_return_t StrainClient::Serviced(OSObject* target, void*, IOUserClientMethodArguments*) {
    StrainClient* self = static_cast<StrainClient*>(target);
    if (self->ivars->ticks == nullptr) return kIOReturnNotReady;
    self->Later(&StrainClient::Fill);
    return kIOReturnSuccess;
}
