/* SPDX-License-Identifier: Apache-2.0 */
#include <DriverKit/IOLib.h>
#include <DriverKit/IOMemoryMap.h>
#include <DriverKit/IOUserServer.h>
#include <DriverKit/OSCollections.h>
#include <os/log.h>

#include "ServiceClient.h"
#include "ServiceProtocol.h"
#include "ServiceRoot.h"

struct ServiceClient_IVars {
    ServiceRoot* root;
    IOMemoryDescriptor* memory;
    uint32_t entitlements;
};

bool ServiceClient::init() {
    if (!super::init()) return false;
    ivars = IONewZero(ServiceClient_IVars, 1);
    return ivars != nullptr;
}

void ServiceClient::free() {
    if (ivars) OSSafeReleaseNULL(ivars->memory);
    IOSafeDeleteNULL(ivars, ServiceClient_IVars, 1);
    super::free();
}

kern_return_t IMPL(ServiceClient, Start) {
    kern_return_t ret = Start(provider, SUPERDISPATCH);
    if (ret != kIOReturnSuccess) return ret;
    ivars->root = OSDynamicCast(ServiceRoot, provider);
    /* Whose program this is for is known from the beginning. */
    OSDictionary* entitlements = nullptr;
    ret = CopyClientEntitlements(&entitlements);
    if (ret == kIOReturnSuccess) ivars->entitlements = entitlements->getCount() + 1;
    OSSafeReleaseNULL(entitlements);
    return ivars->root ? ret : kIOReturnNoDevice;
}

kern_return_t IMPL(ServiceClient, Stop) {
    return Stop(provider, SUPERDISPATCH);
}

// Facts: IOUserClient.CreateMemoryDescriptorFromClient
kern_return_t ServiceClient::TakeMemory(IOUserClientMethodArguments* arguments) {
    IOAddressSegment segments[32] = {};
    const uint32_t count = (arguments->scalarInputCount - 1) / 2;
    for (uint32_t i = 0; i < count; ++i) {
        segments[i].address = arguments->scalarInput[1 + 2 * i];
        segments[i].length = arguments->scalarInput[2 + 2 * i];
    }
    OSSafeReleaseNULL(ivars->memory);
    kern_return_t ret = CreateMemoryDescriptorFromClient(arguments->scalarInput[0], count, segments,
                                                         &ivars->memory);
    if (ret != kIOReturnSuccess) return ret;
    IOMemoryMap* map = nullptr;
    ret = ivars->memory->CreateMapping(0, 0, 0, 0, 0, &map);
    if (ret != kIOReturnSuccess) return ret;
    uint8_t* bytes = reinterpret_cast<uint8_t*>(map->GetAddress());
    uint64_t sum = 0;
    for (uint64_t i = 0; i < map->GetLength(); ++i) sum += bytes[i];
    bytes[0] = 'D';
    OSSafeReleaseNULL(map);
    arguments->scalarOutput[0] = sum;
    return kIOReturnSuccess;
}

kern_return_t ServiceClient::LookAgain(IOUserClientMethodArguments* arguments) {
    if (!ivars->memory) return kIOReturnNotReady;
    IOMemoryMap* map = nullptr;
    kern_return_t ret = ivars->memory->CreateMapping(0, 0, 0, 0, 0, &map);
    if (ret != kIOReturnSuccess) return ret;
    arguments->scalarOutput[0] = reinterpret_cast<uint8_t*>(map->GetAddress())[1];
    OSSafeReleaseNULL(map);
    return kIOReturnSuccess;
}

kern_return_t ServiceClient::SetItem(IOUserClientMethodArguments* arguments) {
    IOService* service = nullptr;
    kern_return_t ret = CopySystemStateNotificationService(&service);
    if (ret != kIOReturnSuccess) return ret;
    OSString* name = OSString::withCString("org.example.service.item");
    OSDictionary* value = OSDictionary::withCapacity(1);
    OSNumber* number = OSNumber::withNumber(arguments->scalarInput[0], 64);
    value->setObject("Number", number);
    ret = service->StateNotificationItemSet(name, value);
    OSSafeReleaseNULL(number);
    OSSafeReleaseNULL(value);
    OSSafeReleaseNULL(name);
    OSSafeReleaseNULL(service);
    return ret;
}

kern_return_t ServiceClient::ExternalMethod(uint64_t selector,
                                            IOUserClientMethodArguments* arguments,
                                            const IOUserClientMethodDispatch* dispatch,
                                            OSObject* target, void* reference) {
    switch (selector) {
        case kServiceTakeMemory:
            return TakeMemory(arguments);
        case kServiceLookAgain:
            return LookAgain(arguments);
        case kServiceCrash:
            __builtin_trap();
        case kServiceExit:
            return ivars->root->Leave();
        case kServiceSetItem:
            return SetItem(arguments);
        case kServiceChangePower:
            return ivars->root->ChangePowerState(static_cast<uint32_t>(arguments->scalarInput[0]));
        case kServiceAdjustBusy:
            return ivars->root->AdjustBusy(static_cast<int32_t>(arguments->scalarInput[0]));
        case kServiceEntitlements:
            arguments->scalarOutput[0] = ivars->entitlements;
            return kIOReturnSuccess;
        default:
            return super::ExternalMethod(selector, arguments, dispatch, target, reference);
    }
}

kern_return_t IMPL(ServiceClient, CopyClientMemoryForType) {
    (void)type;
    (void)options;
    (void)memory;
    return kIOReturnUnsupported;
}
