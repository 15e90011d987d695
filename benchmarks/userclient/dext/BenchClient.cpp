/* SPDX-License-Identifier: Apache-2.0 */
#include <DriverKit/IOBufferMemoryDescriptor.h>
#include <DriverKit/IODataQueueDispatchSource.h>
#include <DriverKit/IODispatchQueue.h>
#include <DriverKit/IOLib.h>
#include <DriverKit/IOMemoryMap.h>
#include <DriverKit/OSAction.h>
#include <DriverKit/OSData.h>
#include <string.h>

#include "BenchClient.h"
#include "BenchProtocol.h"

struct BenchClient_IVars {
    uint64_t counted;
    IOBufferMemoryDescriptor* pages;
    uint64_t* words; /* of the pages */
    IODispatchQueue* streams;
    IODataQueueDispatchSource* queue;
};

static const uint32_t kAnySize = kIOUserClientVariableStructureSize;

const IOUserClientMethodDispatch BenchClient::sMethods[] = {
    {&BenchClient::Echo, 0, 0, kAnySize, 0, kAnySize},
    {&BenchClient::Touch, 0, 1, 0, 1, 0},
    {&BenchClient::Count, 0, kAnySize, kAnySize, 0, 0},
    {&BenchClient::Counted, 0, 0, 0, 1, 0},
    {&BenchClient::Stream, 1, 1, 0, 0, 0},
    {&BenchClient::Fill, 0, 1, 0, 1, 0},
};

bool BenchClient::init() {
    if (!super::init()) return false;
    ivars = IONewZero(BenchClient_IVars, 1);
    return ivars != nullptr;
}

void BenchClient::free() {
    if (ivars) {
        OSSafeReleaseNULL(ivars->pages);
        OSSafeReleaseNULL(ivars->streams);
        OSSafeReleaseNULL(ivars->queue);
    }
    IOSafeDeleteNULL(ivars, BenchClient_IVars, 1);
    super::free();
}

kern_return_t IMPL(BenchClient, Stop) {
    /* Blocks on the queue hold this object until they have run. */
    return Stop(provider, SUPERDISPATCH);
}

kern_return_t BenchClient::ExternalMethod(uint64_t selector, IOUserClientMethodArguments* arguments,
                                          const IOUserClientMethodDispatch*, OSObject*,
                                          void* reference) {
    if (selector >= kBenchSelectors) return kIOReturnBadArgument;
    return super::ExternalMethod(selector, arguments, &sMethods[selector], this, reference);
}

kern_return_t BenchClient::Echo(OSObject*, void*, IOUserClientMethodArguments* arguments) {
    if (!arguments->structureInputDescriptor) {
        if (!arguments->structureInput) return kIOReturnBadArgument;
        arguments->structureOutput =
            OSData::withBytes(arguments->structureInput->getBytesNoCopy(),
                              static_cast<uint32_t>(arguments->structureInput->getLength()));
        return arguments->structureOutput ? kIOReturnSuccess : kIOReturnNoMemory;
    }
    if (!arguments->structureOutputDescriptor) return kIOReturnBadArgument;
    IOMemoryMap* in = nullptr;
    IOMemoryMap* out = nullptr;
    kern_return_t ret =
        arguments->structureInputDescriptor->CreateMapping(kIOMemoryMapReadOnly, 0, 0, 0, 0, &in);
    if (ret == kIOReturnSuccess)
        ret = arguments->structureOutputDescriptor->CreateMapping(0, 0, 0, 0, 0, &out);
    if (ret == kIOReturnSuccess && in->GetLength() > out->GetLength()) ret = kIOReturnNoSpace;
    if (ret == kIOReturnSuccess) {
        memcpy(reinterpret_cast<void*>(out->GetAddress()),
               reinterpret_cast<const void*>(in->GetAddress()), in->GetLength());
    }
    OSSafeReleaseNULL(in);
    OSSafeReleaseNULL(out);
    return ret;
}

kern_return_t BenchClient::Touch(OSObject* target, void*, IOUserClientMethodArguments* arguments) {
    BenchClient_IVars* ivars = static_cast<BenchClient*>(target)->ivars;
    if (ivars->words == nullptr) return kIOReturnNotReady;
    arguments->scalarOutput[0] = ++ivars->words[0];
    return kIOReturnSuccess;
}

kern_return_t BenchClient::Count(OSObject* target, void*, IOUserClientMethodArguments*) {
    ++static_cast<BenchClient*>(target)->ivars->counted;
    return kIOReturnSuccess;
}

kern_return_t BenchClient::Counted(OSObject* target, void*,
                                   IOUserClientMethodArguments* arguments) {
    BenchClient_IVars* ivars = static_cast<BenchClient*>(target)->ivars;
    arguments->scalarOutput[0] = ivars->counted;
    ivars->counted = 0;
    return kIOReturnSuccess;
}

kern_return_t BenchClient::Stream(OSObject* target, void*, IOUserClientMethodArguments* arguments) {
    return static_cast<BenchClient*>(target)->StartStream(arguments);
}

kern_return_t BenchClient::StartStream(IOUserClientMethodArguments* arguments) {
    if (ivars->streams == nullptr) {
        kern_return_t ret = IODispatchQueue::Create("bench.streams", 0, 0, &ivars->streams);
        if (ret != kIOReturnSuccess) return ret;
    }
    OSAction* completion = arguments->completion;
    const uint64_t count = arguments->scalarInput[0];
    completion->retain();
    retain();
    ivars->streams->DispatchAsync(^{
      IOUserClientAsyncArgumentsArray data = {};
      for (uint64_t i = 0; i < count; ++i) {
          data[0] = i;
          AsyncCompletion(completion, kIOReturnSuccess, data, 1);
      }
      completion->release();
      release();
    });
    return kIOReturnSuccess;
}

kern_return_t BenchClient::Fill(OSObject* target, void*, IOUserClientMethodArguments* arguments) {
    BenchClient_IVars* ivars = static_cast<BenchClient*>(target)->ivars;
    if (ivars->queue == nullptr) return kIOReturnNotReady;
    uint64_t done = 0;
    while (done < arguments->scalarInput[0] && ivars->queue->Enqueue(
                                                   kBenchRecordSize,
                                                   ^(void* data, size_t size) {
                                                     memset(data, static_cast<int>(done), size);
                                                   }) == kIOReturnSuccess) {
        ++done;
    }
    arguments->scalarOutput[0] = done;
    return kIOReturnSuccess;
}

kern_return_t IMPL(BenchClient, CopyClientMemoryForType) {
    if (type == kBenchPages) {
        if (ivars->pages == nullptr) {
            IOAddressSegment range = {};
            kern_return_t ret = IOBufferMemoryDescriptor::Create(kIOMemoryDirectionInOut,
                                                                 kBenchPagesSize, 0, &ivars->pages);
            if (ret == kIOReturnSuccess) ret = ivars->pages->GetAddressRange(&range);
            if (ret != kIOReturnSuccess) return ret;
            ivars->words = reinterpret_cast<uint64_t*>(range.address);
        }
        ivars->pages->retain();
        *memory = ivars->pages;
        *options = 0;
        return kIOReturnSuccess;
    }
    if (type != kBenchQueue) return kIOReturnBadArgument;
    if (ivars->queue == nullptr) {
        if (ivars->streams == nullptr) {
            kern_return_t ret = IODispatchQueue::Create("bench.streams", 0, 0, &ivars->streams);
            if (ret != kIOReturnSuccess) return ret;
        }
        kern_return_t ret =
            IODataQueueDispatchSource::Create(kBenchQueueSize, ivars->streams, &ivars->queue);
        if (ret != kIOReturnSuccess) return ret;
    }
    *options = 0;
    return ivars->queue->CopyMemory(memory);
}
