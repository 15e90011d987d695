/* SPDX-License-Identifier: Apache-2.0 */
#include <DriverKit/IOBufferMemoryDescriptor.h>
#include <DriverKit/IODispatchQueue.h>
#include <DriverKit/IOLib.h>
#include <DriverKit/OSData.h>
#include <os/log.h>

#include "ClientsProtocol.h"
#include "ClientsService.h"
#include "ClientsUserClient.h"

struct ClientsUserClient_IVars {
    ClientsService* service;
    IODispatchQueue* queue;
    IOBufferMemoryDescriptor* memory;
};

static const IOUserClientMethodDispatch sMethods[kClientsSelectors] = {
    /* kClientsAdd */ {
        .function = (IOUserClientMethodFunction)&ClientsUserClient::StaticAdd,
        .checkCompletionExists = false,
        .checkScalarInputCount = 2,
        .checkStructureInputSize = 0,
        .checkScalarOutputCount = 2,
        .checkStructureOutputSize = 0,
    },
    /* kClientsTurn */
    {
        .function = (IOUserClientMethodFunction)&ClientsUserClient::StaticTurn,
        .checkCompletionExists = false,
        .checkScalarInputCount = 0,
        .checkStructureInputSize = kIOUserClientVariableStructureSize,
        .checkScalarOutputCount = 0,
        .checkStructureOutputSize = kIOUserClientVariableStructureSize,
    },
    /* kClientsLater */
    {
        .function = (IOUserClientMethodFunction)&ClientsUserClient::StaticLater,
        .checkCompletionExists = true,
        .checkScalarInputCount = 1,
        .checkStructureInputSize = 0,
        .checkScalarOutputCount = 0,
        .checkStructureOutputSize = 0,
    },
    /* kClientsCount */
    {
        .function = (IOUserClientMethodFunction)&ClientsUserClient::StaticCount,
        .checkCompletionExists = static_cast<uint32_t>(-1),
        .checkScalarInputCount = kIOUserClientVariableStructureSize,
        .checkStructureInputSize = kIOUserClientVariableStructureSize,
        .checkScalarOutputCount = 1,
        .checkStructureOutputSize = kIOUserClientVariableStructureSize,
    },
};

bool ClientsUserClient::init() {
    if (!super::init()) return false;
    ivars = IONewZero(ClientsUserClient_IVars, 1);
    return ivars != nullptr;
}

void ClientsUserClient::free() {
    if (ivars) {
        OSSafeReleaseNULL(ivars->service);
        OSSafeReleaseNULL(ivars->queue);
        OSSafeReleaseNULL(ivars->memory);
    }
    IOSafeDeleteNULL(ivars, ClientsUserClient_IVars, 1);
    super::free();
}

kern_return_t IMPL(ClientsUserClient, Start) {
    kern_return_t ret = Start(provider, SUPERDISPATCH);
    if (ret != kIOReturnSuccess) return ret;
    ivars->service = OSDynamicCast(ClientsService, provider);
    if (ivars->service == nullptr) return kIOReturnBadArgument;
    ivars->service->retain();
    ivars->service->ClientCame(1);
    ret = IODispatchQueue::Create("clients.later", 0, 0, &ivars->queue);
    if (ret != kIOReturnSuccess) return ret;
    return IOBufferMemoryDescriptor::Create(kIOMemoryDirectionInOut, sizeof(ClientsShared), 0,
                                            &ivars->memory);
}

kern_return_t IMPL(ClientsUserClient, Stop) {
    if (ivars->service) ivars->service->ClientCame(-1);
    os_log(OS_LOG_DEFAULT, "clients: closed, %u left",
           ivars->service ? ivars->service->Clients() : 99);
    return Stop(provider, SUPERDISPATCH);
}

// Facts: IOUserClient.ExternalMethod
kern_return_t ClientsUserClient::ExternalMethod(uint64_t selector,
                                                IOUserClientMethodArguments* arguments,
                                                const IOUserClientMethodDispatch* dispatch,
                                                OSObject* target, void* reference) {
    if (selector >= kClientsSelectors) return kIOReturnBadArgument;
    dispatch = &sMethods[selector];
    if (!target) target = this;
    return super::ExternalMethod(selector, arguments, dispatch, target, reference);
}

kern_return_t ClientsUserClient::StaticAdd(OSObject* target, void*,
                                           IOUserClientMethodArguments* arguments) {
    if (OSDynamicCast(ClientsUserClient, target) == nullptr) return kIOReturnError;
    arguments->scalarOutput[0] = arguments->scalarInput[0] + arguments->scalarInput[1];
    arguments->scalarOutput[1] = arguments->scalarInput[0] * arguments->scalarInput[1];
    return kIOReturnSuccess;
}

kern_return_t ClientsUserClient::StaticTurn(OSObject* target, void*,
                                            IOUserClientMethodArguments* arguments) {
    return static_cast<ClientsUserClient*>(target)->Turn(arguments);
}

// Facts: OSData.withCapacity, OSData.appendBytes, OSData.getBytesNoCopy, OSData.getLength
kern_return_t ClientsUserClient::Turn(IOUserClientMethodArguments* arguments) {
    OSData* in = arguments->structureInput;
    if (in == nullptr) return kIOReturnBadArgument;
    OSData* out = OSData::withCapacity(static_cast<uint32_t>(in->getLength()));
    if (out == nullptr) return kIOReturnNoMemory;
    const uint8_t* bytes = static_cast<const uint8_t*>(in->getBytesNoCopy());
    for (size_t i = in->getLength(); i > 0; --i) out->appendBytes(&bytes[i - 1], 1);
    arguments->structureOutput = out;
    return kIOReturnSuccess;
}

// Facts: IOUserClient.AsyncCompletion
kern_return_t ClientsUserClient::StaticLater(OSObject* target, void*,
                                             IOUserClientMethodArguments* arguments) {
    ClientsUserClient* client = OSDynamicCast(ClientsUserClient, target);
    if (client == nullptr || arguments->completion == nullptr) return kIOReturnBadArgument;
    OSAction* completion = arguments->completion;
    const uint64_t value = arguments->scalarInput[0];
    completion->retain();
    client->retain();
    client->ivars->queue->DispatchAsync(^{
      IOUserClientAsyncArgumentsArray results = {value, value * value};
      client->AsyncCompletion(completion, kIOReturnSuccess, results, 2);
      completion->release();
      client->release();
    });
    return kIOReturnSuccess;
}

kern_return_t ClientsUserClient::StaticCount(OSObject* target, void*,
                                             IOUserClientMethodArguments* arguments) {
    arguments->scalarOutput[0] = static_cast<ClientsUserClient*>(target)->ivars->service->Clients();
    return kIOReturnSuccess;
}

// Facts: IOUserClient.CopyClientMemoryForType, IOBufferMemoryDescriptor.GetAddressRange
kern_return_t IMPL(ClientsUserClient, CopyClientMemoryForType) {
    if (type != 0) return kIOReturnBadArgument;
    IOAddressSegment range = {};
    kern_return_t ret = ivars->memory->GetAddressRange(&range);
    if (ret != kIOReturnSuccess) return ret;
    reinterpret_cast<ClientsShared*>(range.address)->fromDriver = 0xd21e4;
    ivars->memory->retain();
    *memory = ivars->memory;
    *options = 0;
    return kIOReturnSuccess;
}
