// SPDX-License-Identifier: Apache-2.0
// Written as a driver author writes it, except that it tells `Events` what happens.
#include "RuntimeTestDriver.h"

#include <DriverKit/DriverKit.h>
#include <os/log.h>

#include "runtime/tests/events.h"

struct RuntimeTestDriver_IVars {
    IODispatchQueue* other;
    OSAction* action;
};

bool RuntimeTestDriver::init() {
    if (!super::init()) return false;
    ivars = IONewZero(RuntimeTestDriver_IVars, 1);
    Events::shared().add("init");
    return ivars != nullptr;
}

void RuntimeTestDriver::free() {
    Events::shared().add("free");
    OSSafeReleaseNULL(ivars->other);
    IOSafeDeleteNULL(ivars, RuntimeTestDriver_IVars, 1);
    super::free();
}

kern_return_t IMPL(RuntimeTestDriver, Start) {
    Hooks::shared().started = this;
    kern_return_t ret = Start(provider, SUPERDISPATCH);
    if (ret != kIOReturnSuccess) return ret;
    os_log(OS_LOG_DEFAULT, "Hello World, %{public}s %{private}d", "driver", 7);
    ret = IODispatchQueue::Create("Other", 0, 0, &ivars->other);
    if (ret != kIOReturnSuccess) return ret;
    ret = SetDispatchQueue("Other", ivars->other);
    if (ret != kIOReturnSuccess) return ret;
    Events::shared().add(GetProvider() == provider ? "start" : "start without provider");
    return RegisterService();
}

kern_return_t IMPL(RuntimeTestDriver, Stop) {
    Events::shared().add("stop");
    OSSafeReleaseNULL(ivars->action);
    return Stop(provider, SUPERDISPATCH);
}

kern_return_t IMPL(RuntimeTestDriver, NewUserClient) {
    IOService* client = nullptr;
    if (type == 99) return NewUserClient(type, userClient, SUPERDISPATCH);
    kern_return_t ret = Create(this, "UserClientProperties", &client);
    if (ret != kIOReturnSuccess) return ret;
    *userClient = OSDynamicCast(IOUserClient, client);
    return *userClient ? kIOReturnSuccess : kIOReturnError;
}

kern_return_t IMPL(RuntimeTestDriver, Add) {
    *sum = first + second;
    return kIOReturnSuccess;
}

kern_return_t IMPL(RuntimeTestDriver, Echo) {
    *out = OSDictionary::withDictionary(in);
    return kIOReturnSuccess;
}

kern_return_t IMPL(RuntimeTestDriver, EchoMemory) {
    in->retain();
    *out = in;
    return kIOReturnSuccess;
}

kern_return_t IMPL(RuntimeTestDriver, AskProvider) {
    OSString* name = nullptr;
    const kern_return_t ret = GetProvider()->CopyName(&name);
    if (ret != kIOReturnSuccess) return ret;
    Events::shared().add(name->getCStringNoCopy());
    name->release();
    return GetProvider()->GetRegistryEntryID(id);
}

void IMPL(RuntimeTestDriver, Note) {
    Events::shared().add("note " + std::to_string(number));
}

kern_return_t IMPL(RuntimeTestDriver, OnOther) {
    *onOther = ivars->other->OnQueue();
    return kIOReturnSuccess;
}

kern_return_t IMPL(RuntimeTestDriver, CallOther) {
    return OnOther(onOther);
}

kern_return_t IMPL(RuntimeTestDriver, GetAction) {
    const kern_return_t ret = CreateActionTimerFired(16, action);
    if (ret != kIOReturnSuccess) return ret;
    return (*action)->SetAbortedHandler(^{
      Events::shared().add("aborted");
    });
}

void RuntimeTestDriver::TimerFired_Impl(OSAction* action, uint64_t time) {
    if (Hooks::shared().timer) return Hooks::shared().timer(action, time);
    Events::shared().add("timer");
}
void RuntimeTestDriver::Interrupted_Impl(OSAction* action, uint64_t count, uint64_t time) {
    if (Hooks::shared().interrupt) return Hooks::shared().interrupt(action, count, time);
    Events::shared().add("interrupt " + std::to_string(count));
}
void RuntimeTestDriver::InterruptedOther_Impl(OSAction* action, uint64_t count, uint64_t time) {
    Interrupted_Impl(action, count, time);
}
void RuntimeTestDriver::DataReady_Impl(OSAction*) {
    if (Hooks::shared().data_available) return Hooks::shared().data_available();
    Events::shared().add("data available");
}
void RuntimeTestDriver::RoomMade_Impl(OSAction*) {
    if (Hooks::shared().data_serviced) return Hooks::shared().data_serviced();
    Events::shared().add("data serviced");
}

bool RuntimeTestHang::init() {
    Events::shared().add("hang");
    for (;;) IOSleep(1000);
}

struct RuntimeTestClient_IVars {
    RuntimeTestDriver* driver;
    OSAction* completion;
    IOBufferMemoryDescriptor* memory;
};

namespace {

kern_return_t Sum(OSObject*, void*, IOUserClientMethodArguments* arguments) {
    uint64_t sum = 0;
    for (uint32_t i = 0; i < arguments->scalarInputCount; ++i) sum += arguments->scalarInput[i];
    arguments->scalarOutput[0] = sum;
    return kIOReturnSuccess;
}

kern_return_t Reverse(OSObject*, void*, IOUserClientMethodArguments* arguments) {
    if (arguments->structureInput == nullptr) return kIOReturnUnderrun;
    const auto* bytes = static_cast<const uint8_t*>(arguments->structureInput->getBytesNoCopy());
    const size_t length = arguments->structureInput->getLength();
    OSData* reversed = OSData::withCapacity(static_cast<uint32_t>(length));
    for (size_t i = length; i > 0; --i) reversed->appendBytes(&bytes[i - 1], 1);
    arguments->structureOutput = reversed;
    return kIOReturnSuccess;
}

/// Adds the bytes of a large structure and fills the large output with the low byte of the sum.
kern_return_t Large(OSObject*, void*, IOUserClientMethodArguments* arguments) {
    if (arguments->structureInput != nullptr || arguments->structureInputDescriptor == nullptr) {
        return kIOReturnBadArgument;
    }
    IOMemoryMap* map = nullptr;
    kern_return_t ret = arguments->structureInputDescriptor->CreateMapping(0, 0, 0, 0, 0, &map);
    if (ret != kIOReturnSuccess) return ret;
    uint64_t sum = 0;
    const auto* bytes = reinterpret_cast<const uint8_t*>(map->GetAddress());
    for (uint64_t i = 0; i < map->GetLength(); ++i) sum += bytes[i];
    map->release();
    arguments->scalarOutput[0] = sum;
    if (arguments->structureOutputDescriptor == nullptr) return kIOReturnSuccess;
    ret = arguments->structureOutputDescriptor->CreateMapping(0, 0, 0, 0, 0, &map);
    if (ret != kIOReturnSuccess) return ret;
    memset(reinterpret_cast<void*>(map->GetAddress()), static_cast<int>(sum & 0xff),
           map->GetLength());
    map->release();
    return kIOReturnSuccess;
}

kern_return_t KeepCompletion(OSObject* target, void*, IOUserClientMethodArguments* arguments) {
    auto* client = static_cast<RuntimeTestClient*>(target);
    arguments->completion->retain();
    OSSafeReleaseNULL(client->ivars->completion);
    client->ivars->completion = arguments->completion;
    return arguments->scalarInputCount == 1 && arguments->scalarInput[0] == 1 ? kIOReturnAborted
                                                                              : kIOReturnSuccess;
}

kern_return_t Complete(OSObject* target, void*, IOUserClientMethodArguments* arguments) {
    auto* client = static_cast<RuntimeTestClient*>(target);
    IOUserClientAsyncArgumentsArray data = {};
    for (uint64_t i = 0; i < arguments->scalarInput[0]; ++i) {
        data[0] = i;
        data[1] = 42;
        client->AsyncCompletion(client->ivars->completion, kIOReturnSuccess, data, 2);
    }
    return kIOReturnSuccess;
}

kern_return_t TooMuch(OSObject*, void*, IOUserClientMethodArguments* arguments) {
    arguments->structureOutput = OSData::withBytes("0123456789abcdef", 16);
    return kIOReturnSuccess;
}

constexpr uint32_t kAny = kIOUserClientVariableStructureSize;
const IOUserClientMethodDispatch kMethods[] = {
    {Sum, 0, 2, 0, 1, 0},
    {Reverse, 0, 0, kAny, 0, kAny},
    {Large, kAny, 0, kAny, 1, kAny},
    {KeepCompletion, 1, kAny, 0, 0, 0},
    {Complete, 0, 1, 0, 0, 0},
    {TooMuch, 0, 0, 0, 0, kAny},
    {nullptr, 0, 0, 0, 0, 0},
};

}  // namespace

bool RuntimeTestClient::init() {
    if (!super::init()) return false;
    ivars = IONewZero(RuntimeTestClient_IVars, 1);
    Events::shared().add("client init");
    return ivars != nullptr;
}

void RuntimeTestClient::free() {
    Events::shared().add("client free");
    OSSafeReleaseNULL(ivars->completion);
    OSSafeReleaseNULL(ivars->memory);
    IOSafeDeleteNULL(ivars, RuntimeTestClient_IVars, 1);
    super::free();
}

kern_return_t IMPL(RuntimeTestClient, Start) {
    kern_return_t ret = Start(provider, SUPERDISPATCH);
    if (ret != kIOReturnSuccess) return ret;
    ivars->driver = OSDynamicCast(RuntimeTestDriver, provider);
    Events::shared().add(ivars->driver ? "client start" : "client start with a strange provider");
    return kIOReturnSuccess;
}

kern_return_t IMPL(RuntimeTestClient, Stop) {
    Events::shared().add("client stop");
    return Stop(provider, SUPERDISPATCH);
}

kern_return_t RuntimeTestClient::ExternalMethod(uint64_t selector,
                                                IOUserClientMethodArguments* arguments,
                                                const IOUserClientMethodDispatch* dispatch,
                                                OSObject* target, void* reference) {
    Hooks::pass_through_channel();
    if (selector >= 100 && Hooks::shared().external) {
        const kern_return_t result = Hooks::shared().external(this, arguments);
        Hooks::pass_through_channel();
        return result;
    }
    if (selector < sizeof kMethods / sizeof kMethods[0]) {
        dispatch = &kMethods[selector];
        target = this;
        reference = nullptr;
    }
    return super::ExternalMethod(selector, arguments, dispatch, target, reference);
}

kern_return_t IMPL(RuntimeTestClient, CopyClientMemoryForType) {
    Hooks::pass_through_channel();
    if (Hooks::shared().client_memory) {
        const kern_return_t result = Hooks::shared().client_memory(type, options, memory);
        Hooks::pass_through_channel();
        return result;
    }
    if (type != 5) return kIOReturnBadArgument;
    if (ivars->memory == nullptr) {
        const kern_return_t ret =
            IOBufferMemoryDescriptor::Create(kIOMemoryDirectionInOut, 8192, 0, &ivars->memory);
        if (ret != kIOReturnSuccess) return ret;
        IOAddressSegment range = {};
        ivars->memory->GetAddressRange(&range);
        strlcpy(reinterpret_cast<char*>(range.address), "shared", range.length);
    }
    ivars->memory->retain();
    *memory = ivars->memory;
    *options = kIOUserClientMemoryReadOnly;
    return kIOReturnSuccess;
}
