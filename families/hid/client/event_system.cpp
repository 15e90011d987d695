// SPDX-License-Identifier: Apache-2.0
// <IOKit/hidsystem/IOHIDEventSystemClient.h> and IOHIDServiceClient.h.
#include <IOKit/IOKitLib.h>
#include <IOKit/hid/IOHIDKeys.h>
#include <IOKit/hidsystem/IOHIDEventSystemClient.h>

#include <mutex>

#include "families/hid/client/element.h"
#include "iokit/corefoundation/collections.h"
#include "iokit/corefoundation/object.h"

namespace opendext::hid_client {
namespace {

class ServiceClient final : public cf::Object {
  public:
    static const cf::Type kType;
    explicit ServiceClient(io_service_t service) : Object(kType), service(service) {
        uint64_t id = 0;
        (void)IORegistryEntryGetRegistryEntryID(service, &id);
        entry = new_number(static_cast<int64_t>(id));
    }
    ~ServiceClient() override { IOObjectRelease(service); }
    [[nodiscard]] bool equals(const Object& other) const override {
        return cf::equal(entry.get(), static_cast<const ServiceClient&>(other).entry.get());
    }
    [[nodiscard]] CFHashCode hash() const override { return cf::hash(entry.get()); }

    /// Of the service or the nearest of what it stands on.
    [[nodiscard]] cf::Owned<CFTypeRef> property(CFStringRef key) const {
        return cf::Owned<CFTypeRef>(IORegistryEntrySearchCFProperty(
            service, kIOServicePlane, key, nullptr,
            kIORegistryIterateRecursively | kIORegistryIterateParents));
    }

    const io_service_t service;  ///< a reference of its own
    cf::Owned<CFNumberRef> entry;
};

class EventSystemClient final : public cf::Object {
  public:
    static const cf::Type kType;
    EventSystemClient() : Object(kType) {}
    std::mutex mutex;
    cf::Owned<CFMutableDictionaryRef> set{CFDictionaryCreateMutable(
        nullptr, 0, &kCFTypeDictionaryKeyCallBacks, &kCFTypeDictionaryValueCallBacks)};
};

const cf::Type ServiceClient::kType = cf::add_type("IOHIDServiceClient");
const cf::Type EventSystemClient::kType = cf::add_type("IOHIDEventSystemClient");

ServiceClient& service_of(IOHIDServiceClientRef ref, const char* function) {
    return const_cast<ServiceClient&>(cf::to<ServiceClient>(ref, function));
}

EventSystemClient& client_of(IOHIDEventSystemClientRef ref, const char* function) {
    return const_cast<EventSystemClient&>(cf::to<EventSystemClient>(ref, function));
}

std::vector<cf::Owned<ServiceClient*>> services() {
    std::vector<cf::Owned<ServiceClient*>> found;
    io_iterator_t iterator = IO_OBJECT_NULL;
    if (IOServiceGetMatchingServices(kIOMainPortDefault, IOServiceMatching("IOHIDEventService"),
                                     &iterator) != kIOReturnSuccess)
        return found;
    while (const io_service_t service = IOIteratorNext(iterator))
        found.emplace_back(new ServiceClient(service));
    IOObjectRelease(iterator);
    return found;
}

}  // namespace
}  // namespace opendext::hid_client

using namespace opendext;
using namespace opendext::hid_client;

CFTypeID IOHIDServiceClientGetTypeID(void) {
    return static_cast<CFTypeID>(ServiceClient::kType);
}

Boolean IOHIDServiceClientSetProperty(IOHIDServiceClientRef service, CFStringRef key,
                                      CFTypeRef property) {
    return IORegistryEntrySetCFProperty(
               service_of(service, "IOHIDServiceClientSetProperty").service, key, property) ==
           kIOReturnSuccess;
}

CFTypeRef IOHIDServiceClientCopyProperty(IOHIDServiceClientRef service, CFStringRef key) {
    return service_of(service, "IOHIDServiceClientCopyProperty").property(key).release();
}

CFTypeRef IOHIDServiceClientGetRegistryID(IOHIDServiceClientRef service) {
    return service_of(service, "IOHIDServiceClientGetRegistryID").entry.get();
}

boolean_t IOHIDServiceClientConformsTo(IOHIDServiceClientRef ref, uint32_t usagePage,
                                       uint32_t usage) {
    const ServiceClient& service = service_of(ref, "IOHIDServiceClientConformsTo");
    const auto pairs = service.property(CFSTR(kIOHIDDeviceUsagePairsKey));
    if (!pairs || cf::to_object(pairs.get())->type() != cf::Type::array) return FALSE;
    for (const void* pair : static_cast<const cf::Array&>(*cf::to_object(pairs.get())).values()) {
        if (cf::to_object(pair)->type() != cf::Type::dictionary) continue;
        const auto* const dictionary = static_cast<CFDictionaryRef>(pair);
        const auto is = [&](CFStringRef key, uint32_t wanted) {
            const auto value = integer_of(CFDictionaryGetValue(dictionary, key));
            return value && static_cast<uint32_t>(*value) == wanted;
        };
        if (is(CFSTR(kIOHIDDeviceUsagePageKey), usagePage) &&
            is(CFSTR(kIOHIDDeviceUsageKey), usage))
            return TRUE;
    }
    return FALSE;
}

CFTypeID IOHIDEventSystemClientGetTypeID(void) {
    return static_cast<CFTypeID>(EventSystemClient::kType);
}

IOHIDEventSystemClientRef IOHIDEventSystemClientCreateSimpleClient(CFAllocatorRef) {
    return cf::to_ref<IOHIDEventSystemClientRef>(new EventSystemClient);
}

Boolean IOHIDEventSystemClientSetProperty(IOHIDEventSystemClientRef ref, CFStringRef key,
                                          CFTypeRef property) {
    EventSystemClient& client = client_of(ref, "IOHIDEventSystemClientSetProperty");
    bool taken = true;
    for (const auto& service : services()) {
        taken = IORegistryEntrySetCFProperty(service.get()->service, key, property) ==
                    kIOReturnSuccess &&
                taken;
    }
    const std::lock_guard lock(client.mutex);
    CFDictionarySetValue(client.set.get(), key, property);
    return taken;
}

CFTypeRef IOHIDEventSystemClientCopyProperty(IOHIDEventSystemClientRef ref, CFStringRef key) {
    EventSystemClient& client = client_of(ref, "IOHIDEventSystemClientCopyProperty");
    const std::lock_guard lock(client.mutex);
    CFTypeRef value = CFDictionaryGetValue(client.set.get(), key);
    return value == nullptr ? nullptr : CFRetain(value);
}

CFArrayRef IOHIDEventSystemClientCopyServices(IOHIDEventSystemClientRef ref) {
    (void)client_of(ref, "IOHIDEventSystemClientCopyServices");
    const auto found = services();
    if (found.empty()) return nullptr;
    CFMutableArrayRef all = CFArrayCreateMutable(nullptr, 0, &kCFTypeArrayCallBacks);
    for (const auto& service : found) CFArrayAppendValue(all, service.get());
    return all;
}
