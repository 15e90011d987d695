// SPDX-License-Identifier: Apache-2.0
#include <IOKit/IOCFSerialize.h>
#include <IOKit/IOCFUnserialize.h>

#include <cstring>

#include "iokit/client/reason.h"
#include "iokit/client/serialize.h"
#include "iokit/corefoundation/convert.h"
#include "iokit/corefoundation/string.h"

using namespace opendext;
using namespace opendext::client;

namespace {

CFTypeRef made(const Result<Value>& value, CFStringRef* errorString) {
    if (errorString != nullptr) *errorString = nullptr;
    if (value.ok()) return cf::from_value(*value);
    fail(value.error());
    if (errorString != nullptr) *errorString = cf::new_string(value.error().message);
    return nullptr;
}

}  // namespace

CFDataRef IOCFSerialize(CFTypeRef object, CFOptionFlags options) {
    if (object == nullptr) {
        fail(kIOReturnBadArgument, "no object");
        return nullptr;
    }
    const Result<Value> value = cf::to_value(object);
    if (!value.ok()) {
        fail(value.error());
        return nullptr;
    }
    if ((options & kIOCFSerializeToBinary) != 0) {
        const std::vector<uint8_t> bytes = to_binary(*value);
        return CFDataCreate(nullptr, bytes.data(), static_cast<CFIndex>(bytes.size()));
    }
    // With its zero byte: IOCFUnserialize takes a string.
    const std::string xml = to_xml(*value);
    return CFDataCreate(nullptr, reinterpret_cast<const UInt8*>(xml.c_str()),
                        static_cast<CFIndex>(xml.size() + 1));
}

CFTypeRef IOCFUnserialize(const char* buffer, CFAllocatorRef, CFOptionFlags,
                          CFStringRef* errorString) {
    if (buffer == nullptr) return made(Error{Errc::invalid, 0, "no text"}, errorString);
    return made(from_xml(buffer), errorString);
}

CFTypeRef IOCFUnserializeBinary(const char* buffer, size_t bufferSize, CFAllocatorRef,
                                CFOptionFlags, CFStringRef* errorString) {
    if (buffer == nullptr) return made(Error{Errc::invalid, 0, "no bytes"}, errorString);
    return made(from_binary({reinterpret_cast<const uint8_t*>(buffer), bufferSize}), errorString);
}

CFTypeRef IOCFUnserializeWithSize(const char* buffer, size_t bufferSize, CFAllocatorRef allocator,
                                  CFOptionFlags options, CFStringRef* errorString) {
    if (buffer == nullptr) return made(Error{Errc::invalid, 0, "no bytes"}, errorString);
    if (is_binary({reinterpret_cast<const uint8_t*>(buffer), bufferSize}))
        return IOCFUnserializeBinary(buffer, bufferSize, allocator, options, errorString);
    return made(from_xml({buffer, ::strnlen(buffer, bufferSize)}), errorString);
}
