/* SPDX-License-Identifier: Apache-2.0 */
#include <DriverKit/IOBufferMemoryDescriptor.h>
#include <DriverKit/IODataQueueDispatchSource.h>
#include <DriverKit/IODispatchQueue.h>
#include <DriverKit/IOLib.h>
#include <DriverKit/IOMemoryMap.h>
#include <DriverKit/OSCollections.h>
#include <os/log.h>
#include <string.h>
#include <unistd.h>

#include "SuiteProtocol.h"
#include "SuiteService.h"
#include "SuiteUserClient.h"

struct SuiteUserClient_IVars {
    SuiteService* service;
    IODispatchQueue* queue;
    IOBufferMemoryDescriptor* memory[2];
    IODataQueueDispatchSource* queues[2]; /* kSuiteQueueOut, kSuiteQueueIn */
    OSAction* available;
    OSAction* kept;
    IOMemoryDescriptor* taken;
    uint64_t count;
    uint64_t last;
};

static constexpr uint32_t kAny = kIOUserClientVariableStructureSize;

/* function, completion, scalars in, bytes in, scalars out, bytes out */
static const IOUserClientMethodDispatch sTable[kSuiteTableEnd - kSuiteTable] = {
    {&SuiteUserClient::Done, kAny, 2, kAny, kAny, kAny},
    {&SuiteUserClient::Done, kAny, kAny, kAny, 2, kAny},
    {&SuiteUserClient::Done, kAny, kAny, 16, kAny, kAny},
    {&SuiteUserClient::Done, kAny, kAny, kAny, kAny, 16},
    {&SuiteUserClient::Done, true, kAny, kAny, kAny, kAny},
    {&SuiteUserClient::Done, false, kAny, kAny, kAny, kAny},
    {&SuiteUserClient::Done, kAny, kAny, kAny, kAny, kAny},
    {nullptr, kAny, 2, kAny, kAny, kAny},
    {&SuiteUserClient::Done, kAny, kAny, 8192, kAny, kAny},
    {&SuiteUserClient::Done, kAny, kAny, kAny, kAny, 8192},
};

bool SuiteUserClient::init() {
    if (!super::init()) return false;
    ivars = IONewZero(SuiteUserClient_IVars, 1);
    return ivars != nullptr;
}

void SuiteUserClient::free() {
    if (ivars) {
        OSSafeReleaseNULL(ivars->service);
        OSSafeReleaseNULL(ivars->queue);
        for (auto*& memory : ivars->memory) OSSafeReleaseNULL(memory);
        for (auto*& queue : ivars->queues) OSSafeReleaseNULL(queue);
        OSSafeReleaseNULL(ivars->available);
        OSSafeReleaseNULL(ivars->kept);
        OSSafeReleaseNULL(ivars->taken);
    }
    IOSafeDeleteNULL(ivars, SuiteUserClient_IVars, 1);
    super::free();
}

kern_return_t IMPL(SuiteUserClient, Start) {
    kern_return_t ret = Start(provider, SUPERDISPATCH);
    if (ret != kIOReturnSuccess) return ret;
    OSDictionary* properties = nullptr;
    if (CopyProperties(&properties) == kIOReturnSuccess) {
        const bool refuse = properties->getObject("SuiteRefuse") != nullptr;
        OSSafeReleaseNULL(properties);
        if (refuse) return kIOReturnNoResources;
    }
    ivars->service = OSDynamicCast(SuiteService, provider);
    if (ivars->service == nullptr) return kIOReturnBadArgument;
    ivars->service->retain();
    ivars->service->ClientCame(1);
    ret = IODispatchQueue::Create("suite.later", 0, 0, &ivars->queue);
    if (ret == kIOReturnSuccess) ret = MakeMemory();
    if (ret == kIOReturnSuccess) ret = MakeQueues();
    return ret;
}

kern_return_t IMPL(SuiteUserClient, Stop) {
    if (ivars->service) ivars->service->ClientCame(-1);
    OSSafeReleaseNULL(ivars->kept);
    /* The action keeps its target, which is this object, and the source keeps the action. */
    if (ivars->available) ivars->available->Cancel(nullptr);
    for (auto*& queue : ivars->queues) OSSafeReleaseNULL(queue);
    OSSafeReleaseNULL(ivars->available);
    return Stop(provider, SUPERDISPATCH);
}

kern_return_t SuiteUserClient::MakeMemory() {
    for (auto*& memory : ivars->memory) {
        kern_return_t ret =
            IOBufferMemoryDescriptor::Create(kIOMemoryDirectionInOut, kSuiteMemorySize, 0, &memory);
        if (ret != kIOReturnSuccess) return ret;
        IOAddressSegment range = {};
        ret = memory->GetAddressRange(&range);
        if (ret != kIOReturnSuccess) return ret;
        memset(reinterpret_cast<void*>(range.address), 0, range.length);
        *reinterpret_cast<uint32_t*>(range.address) = kSuiteMark;
    }
    return kIOReturnSuccess;
}

kern_return_t SuiteUserClient::MakeQueues() {
    for (auto*& source : ivars->queues) {
        const kern_return_t ret =
            IODataQueueDispatchSource::Create(kSuiteMemorySize, ivars->queue, &source);
        if (ret != kIOReturnSuccess) return ret;
    }
    kern_return_t ret = CreateActionInputAvailable(0, &ivars->available);
    if (ret == kIOReturnSuccess) ret = ivars->queues[1]->SetDataAvailableHandler(ivars->available);
    if (ret == kIOReturnSuccess) ret = ivars->queues[1]->SetEnable(true);
    return ret;
}

/* Sends every entry back with its bits inverted. */
void IMPL(SuiteUserClient, InputAvailable) {
    IODataQueueDispatchSource* out = ivars->queues[0];
    const auto turn = ^(const void* data, size_t size) {
      const kern_return_t ret = out->Enqueue(static_cast<uint32_t>(size), ^(void* room, size_t) {
        const uint8_t* from = static_cast<const uint8_t*>(data);
        uint8_t* to = static_cast<uint8_t*>(room);
        for (size_t i = 0; i < size; ++i) to[i] = static_cast<uint8_t>(~from[i]);
      });
      if (ret != kIOReturnSuccess) os_log_error(OS_LOG_DEFAULT, "suite: entry lost: 0x%x", ret);
    };
    while (ivars->queues[1]->Dequeue(turn) == kIOReturnSuccess) {
    }
}

kern_return_t IMPL(SuiteUserClient, CopyClientMemoryForType) {
    switch (type) {
        case kSuiteMemory:
        case kSuiteMemoryReadOnly:
            ivars->memory[type]->retain();
            *memory = ivars->memory[type];
            *options = type == kSuiteMemoryReadOnly ? kIOUserClientMemoryReadOnly : 0;
            return kIOReturnSuccess;
        case kSuiteQueueOut:
        case kSuiteQueueIn:
            return ivars->queues[type - kSuiteQueueOut]->CopyMemory(memory);
        default:
            return kIOReturnNotFound;
    }
}

/* Calls use(bytes, length) with the memory of a descriptor. */
template <typename Use>
static kern_return_t WithBytes(IOMemoryDescriptor* memory, Use use) {
    IOMemoryMap* map = nullptr;
    const kern_return_t ret = memory->CreateMapping(0, 0, 0, 0, 0, &map);
    if (ret != kIOReturnSuccess) return ret;
    use(reinterpret_cast<uint8_t*>(map->GetAddress()), map->GetLength());
    OSSafeReleaseNULL(map);
    return kIOReturnSuccess;
}

static void Invert(uint8_t* to, const uint8_t* from, uint64_t length) {
    for (uint64_t i = 0; i < length; ++i) to[i] = static_cast<uint8_t>(~from[i]);
}

/* Puts inverted input where the caller wants output: an OSData, or its descriptor. */
static kern_return_t GiveInverted(IOUserClientMethodArguments* arguments, const uint8_t* input,
                                  uint64_t length) {
    if (arguments->structureOutputDescriptor != nullptr) {
        return WithBytes(arguments->structureOutputDescriptor, [&](uint8_t* bytes, uint64_t room) {
            Invert(bytes, input, length < room ? length : room);
        });
    }
    OSData* data = OSData::withCapacity(static_cast<uint32_t>(length));
    if (data == nullptr || !data->appendBytes(input, length)) return kIOReturnNoMemory;
    Invert(static_cast<uint8_t*>(const_cast<void*>(data->getBytesNoCopy())), input, length);
    arguments->structureOutput = data;
    return kIOReturnSuccess;
}

kern_return_t SuiteUserClient::Echo(IOUserClientMethodArguments* arguments) {
    for (uint32_t i = 0; i < arguments->scalarOutputCount; ++i) {
        arguments->scalarOutput[i] =
            i < arguments->scalarInputCount ? arguments->scalarInput[i] + 1 : 100 + i;
    }
    const bool wanted = arguments->structureOutputDescriptor != nullptr ||
                        arguments->structureOutputMaximumSize > 0;
    if (!wanted) return kIOReturnSuccess;
    if (arguments->structureInput != nullptr) {
        OSData* input = arguments->structureInput;
        return GiveInverted(arguments, static_cast<const uint8_t*>(input->getBytesNoCopy()),
                            input->getLength());
    }
    if (arguments->structureInputDescriptor == nullptr) return kIOReturnSuccess;
    kern_return_t given = kIOReturnSuccess;
    const kern_return_t ret = WithBytes(
        arguments->structureInputDescriptor,
        [&](uint8_t* bytes, uint64_t length) { given = GiveInverted(arguments, bytes, length); });
    return ret != kIOReturnSuccess ? ret : given;
}

kern_return_t SuiteUserClient::Later(IOUserClientMethodArguments* arguments) {
    if (arguments->completion == nullptr || arguments->scalarInputCount < 4)
        return kIOReturnBadArgument;
    OSAction* completion = arguments->completion;
    const uint64_t times = arguments->scalarInput[0];
    const uint32_t count = static_cast<uint32_t>(arguments->scalarInput[1]);
    const IOReturn status = static_cast<IOReturn>(arguments->scalarInput[2]);
    void (^complete)(void) = ^{
      for (uint64_t i = 0; i < times; ++i) {
          IOUserClientAsyncArgumentsArray words = {};
          for (uint32_t k = 0; k < 16; ++k) words[k] = i + k;
          AsyncCompletion(completion, status, words, count);
      }
    };
    if (arguments->scalarInput[3] == kSuiteWithin) {
        complete();
        return kIOReturnSuccess;
    }
    IODispatchQueue* queue = ivars->queue;
    queue->retain();
    if (arguments->scalarInput[3] == kSuiteFromDefault) {
        OSSafeReleaseNULL(queue);
        const kern_return_t ret = CopyDispatchQueue("Default", &queue);
        if (ret != kIOReturnSuccess) return ret;
    }
    completion->retain();
    retain();
    queue->DispatchAsync(^{
      complete();
      completion->release();
      release();
    });
    OSSafeReleaseNULL(queue);
    return kIOReturnSuccess;
}

kern_return_t SuiteUserClient::Keep(IOUserClientMethodArguments* arguments) {
    if (arguments->completion == nullptr) return kIOReturnBadArgument;
    arguments->completion->retain();
    OSSafeReleaseNULL(ivars->kept);
    ivars->kept = arguments->completion;
    return kIOReturnSuccess;
}

kern_return_t SuiteUserClient::Fire(IOUserClientMethodArguments* arguments) {
    if (ivars->kept == nullptr) return kIOReturnNotReady;
    IOUserClientAsyncArgumentsArray words = {};
    for (uint32_t i = 0; i < arguments->scalarInputCount; ++i) words[i] = arguments->scalarInput[i];
    AsyncCompletion(ivars->kept, kIOReturnSuccess, words, arguments->scalarInputCount);
    return kIOReturnSuccess;
}

kern_return_t SuiteUserClient::Take(IOUserClientMethodArguments* arguments) {
    IOAddressSegment ranges[32] = {};
    uint32_t count = 0;
    for (uint32_t i = 1; i + 1 < arguments->scalarInputCount; i += 2) {
        ranges[count++] = {arguments->scalarInput[i], arguments->scalarInput[i + 1]};
    }
    OSSafeReleaseNULL(ivars->taken);
    const kern_return_t ret = CreateMemoryDescriptorFromClient(
        kIOMemoryDirectionInOut | arguments->scalarInput[0], count, ranges, &ivars->taken);
    if (ret != kIOReturnSuccess) return ret;
    return WithBytes(ivars->taken, [&](const uint8_t* bytes, uint64_t length) {
        uint64_t sum = 0;
        for (uint64_t i = 0; i < length; ++i) sum += bytes[i];
        arguments->scalarOutput[0] = length;
        arguments->scalarOutput[1] = sum;
    });
}

kern_return_t SuiteUserClient::Taken(IOUserClientMethodArguments* arguments) {
    if (ivars->taken == nullptr) return kIOReturnNotReady;
    return WithBytes(ivars->taken, [&](uint8_t* bytes, uint64_t length) {
        uint64_t sum = 0;
        for (uint64_t i = 0; i < length; ++i) {
            sum += bytes[i];
            if (arguments->scalarInput[0] != 0)
                bytes[i] = static_cast<uint8_t>(bytes[i] + arguments->scalarInput[0]);
        }
        arguments->scalarOutput[0] = sum;
    });
}

/* 32 bits of the memory that programs map. */
kern_return_t SuiteUserClient::Word(IOUserClientMethodArguments* arguments, bool write) {
    const uint64_t type = arguments->scalarInput[0];
    const uint64_t offset = arguments->scalarInput[1];
    if (type > kSuiteMemoryReadOnly || offset + 4 > kSuiteMemorySize) return kIOReturnBadArgument;
    IOAddressSegment range = {};
    const kern_return_t ret = ivars->memory[type]->GetAddressRange(&range);
    if (ret != kIOReturnSuccess) return ret;
    volatile uint32_t* word = reinterpret_cast<volatile uint32_t*>(range.address + offset);
    if (write) {
        *word = static_cast<uint32_t>(arguments->scalarInput[2]);
    } else {
        arguments->scalarOutput[0] = *word;
    }
    return kIOReturnSuccess;
}

kern_return_t SuiteUserClient::Done(OSObject* target, void*,
                                    IOUserClientMethodArguments* arguments) {
    return static_cast<SuiteUserClient*>(target)->Echo(arguments);
}

static OSData* Filled(uint64_t size) {
    OSData* data = OSData::withCapacity(static_cast<uint32_t>(size));
    const uint8_t byte = 0x5a;
    for (uint64_t i = 0; data != nullptr && i < size; ++i) data->appendBytes(&byte, 1);
    return data;
}

kern_return_t SuiteUserClient::ExternalMethod(uint64_t selector,
                                              IOUserClientMethodArguments* arguments,
                                              const IOUserClientMethodDispatch* dispatch,
                                              OSObject* target, void* reference) {
    if (selector >= kSuiteTable && selector < kSuiteTableEnd) {
        dispatch = &sTable[selector - kSuiteTable];
        return super::ExternalMethod(selector, arguments, dispatch, this, reference);
    }
    switch (selector) {
        case kSuiteEcho:
            return Echo(arguments);
        case kSuiteWho:
            if (arguments->scalarOutputCount != 4) return kIOReturnBadArgument;
            arguments->scalarOutput[0] = reinterpret_cast<uint64_t>(this);
            arguments->scalarOutput[1] = static_cast<uint64_t>(getpid());
            arguments->scalarOutput[2] = reinterpret_cast<uint64_t>(ivars->service);
            arguments->scalarOutput[3] = ivars->service->Clients();
            return kIOReturnSuccess;
        case kSuiteFail:
            if (arguments->scalarOutputCount > 0) arguments->scalarOutput[0] = 1;
            if (arguments->structureOutputDescriptor == nullptr &&
                arguments->structureOutputMaximumSize > 0)
                arguments->structureOutput = Filled(1);
            return static_cast<kern_return_t>(arguments->scalarInput[0]);
        case kSuiteLater:
            return Later(arguments);
        case kSuiteKeep:
            return Keep(arguments);
        case kSuiteFire:
            return Fire(arguments);
        case kSuiteDrop:
            OSSafeReleaseNULL(ivars->kept);
            return kIOReturnSuccess;
        case kSuiteCrash:
            __builtin_trap();
        case kSuiteHang:
            (void)Fire(arguments);
            for (;;) IOSleep(1000);
        case kSuiteLarge:
            arguments->structureOutput = Filled(arguments->scalarInput[0]);
            return kIOReturnSuccess;
        case kSuiteFewer:
            arguments->scalarOutput[0] = 7;
            arguments->scalarOutputCount = 1;
            arguments->structureOutput = Filled(4);
            return kIOReturnSuccess;
        case kSuiteMore:
            ++arguments->scalarOutputCount;
            return kIOReturnSuccess;
        case kSuitePeek:
            return Word(arguments, false);
        case kSuitePoke:
            return Word(arguments, true);
        case kSuiteTake:
            return Take(arguments);
        case kSuiteTaken:
            return Taken(arguments);
        case kSuiteCount:
            ++ivars->count;
            if (arguments->scalarInputCount > 0)
                ivars->last = arguments->scalarInput[arguments->scalarInputCount - 1];
            if (arguments->scalarOutputCount > 0) arguments->scalarOutput[0] = ivars->count;
            if (arguments->scalarOutputCount > 1) arguments->scalarOutput[1] = ivars->last;
            return kIOReturnSuccess;
        case kSuiteFailAsync: {
            IOUserClientAsyncArgumentsArray words = {};
            if (arguments->completion == nullptr) return kIOReturnBadArgument;
            AsyncCompletion(arguments->completion, kIOReturnSuccess, words, 0);
            return kIOReturnBusy;
        }
        case kSuiteBoth:
            arguments->structureOutput = Filled(16);
            return kIOReturnSuccess;
        case kSuiteClose:
            return Terminate(0);
        default:
            return kIOReturnUnsupported;
    }
}
