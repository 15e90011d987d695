// SPDX-License-Identifier: Apache-2.0
// Matching dictionaries: a new one, or the given one with a key added; retained for the caller
// either way.
#include <DriverKit/IOKitKeys.h>
#include <DriverKit/IOService.h>
#include <DriverKit/OSCollections.h>

namespace {

OSDictionary* start(OSDictionary* matching) {
    if (matching == nullptr) return OSDictionary::withCapacity(2);
    matching->retain();
    return matching;
}

OSDictionary* with_value(const char* key, OSObject* value, OSDictionary* matching) {
    OSDictionary* dictionary = start(matching);
    if (dictionary != nullptr && !dictionary->setObject(key, value)) OSSafeReleaseNULL(dictionary);
    return dictionary;
}

OSDictionary* with_string(const char* key, const char* text, OSDictionary* matching) {
    OSString* value = OSString::withCString(text);
    OSDictionary* dictionary = with_value(key, value, matching);
    OSSafeReleaseNULL(value);
    return dictionary;
}

constexpr char kUserClass[] = "IOUserClass";

}  // namespace

OSDictionary* IOService::CreatePropertyMatchingDictionary(const char* key, OSObjectPtr value,
                                                          OSDictionary* matching) {
    OSDictionary* dictionary = start(matching);
    if (dictionary == nullptr) return nullptr;
    auto* properties = OSDynamicCast(OSDictionary, dictionary->getObject(kIOPropertyMatchKey));
    if (properties != nullptr) {
        properties->retain();
    } else {
        properties = OSDictionary::withCapacity(1);
        dictionary->setObject(kIOPropertyMatchKey, properties);
    }
    const bool set = properties->setObject(key, value);
    properties->release();
    if (!set) OSSafeReleaseNULL(dictionary);
    return dictionary;
}

OSDictionary* IOService::CreatePropertyMatchingDictionary(const char* key, const char* stringValue,
                                                          OSDictionary* matching) {
    OSString* value = OSString::withCString(stringValue);
    OSDictionary* dictionary = CreatePropertyMatchingDictionary(key, value, matching);
    OSSafeReleaseNULL(value);
    return dictionary;
}

OSDictionary* IOService::CreateKernelClassMatchingDictionary(OSString* className,
                                                             OSDictionary* matching) {
    return with_value(kIOProviderClassKey, className, matching);
}
OSDictionary* IOService::CreateKernelClassMatchingDictionary(const char* className,
                                                             OSDictionary* matching) {
    return with_string(kIOProviderClassKey, className, matching);
}
OSDictionary* IOService::CreateUserClassMatchingDictionary(OSString* className,
                                                           OSDictionary* matching) {
    return CreatePropertyMatchingDictionary(kUserClass, className, matching);
}
OSDictionary* IOService::CreateUserClassMatchingDictionary(const char* className,
                                                           OSDictionary* matching) {
    return CreatePropertyMatchingDictionary(kUserClass, className, matching);
}
OSDictionary* IOService::CreateNameMatchingDictionary(OSString* serviceName,
                                                      OSDictionary* matching) {
    return with_value(kIONameMatchKey, serviceName, matching);
}
OSDictionary* IOService::CreateNameMatchingDictionary(const char* serviceName,
                                                      OSDictionary* matching) {
    return with_string(kIONameMatchKey, serviceName, matching);
}
