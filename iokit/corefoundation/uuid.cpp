// SPDX-License-Identifier: Apache-2.0
#include <sys/random.h>

#include <cstdio>
#include <cstring>
#include <map>
#include <mutex>

#include "iokit/corefoundation/object.h"
#include "iokit/corefoundation/string.h"

namespace opendext::cf {
namespace {

class Uuid final : public Object {
  public:
    static constexpr Type kType = Type::uuid;
    explicit Uuid(const CFUUIDBytes& bytes, Lifetime lifetime = Lifetime::counted)
        : Object(kType, lifetime), bytes(bytes) {}
    [[nodiscard]] bool equals(const Object& other) const override {
        return std::memcmp(&bytes, &static_cast<const Uuid&>(other).bytes, sizeof bytes) == 0;
    }
    [[nodiscard]] CFHashCode hash() const override {
        CFHashCode value = 0;
        std::memcpy(&value, &bytes, sizeof value);
        return value;
    }
    [[nodiscard]] std::string describe() const override {
        const UInt8* b = &bytes.byte0;
        char text[40];
        std::snprintf(text, sizeof text,
                      "%02X%02X%02X%02X-%02X%02X-%02X%02X-%02X%02X-%02X%02X%02X%02X%02X%02X", b[0],
                      b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12],
                      b[13], b[14], b[15]);
        return text;
    }
    const CFUUIDBytes bytes;
};

}  // namespace
}  // namespace opendext::cf

using namespace opendext::cf;

CFTypeID CFUUIDGetTypeID(void) {
    return static_cast<CFTypeID>(Type::uuid);
}

CFUUIDRef CFUUIDCreateFromUUIDBytes(CFAllocatorRef, CFUUIDBytes bytes) {
    return to_ref<CFUUIDRef>(new Uuid(bytes));
}

CFUUIDRef CFUUIDCreate(CFAllocatorRef alloc) {
    CFUUIDBytes bytes{};
    if (::getrandom(&bytes, sizeof bytes, 0) != sizeof bytes)
        misuse("CFUUIDCreate", "the system gives no random bytes");
    bytes.byte6 = static_cast<UInt8>((bytes.byte6 & 0x0f) | 0x40);  // version 4: random
    bytes.byte8 = static_cast<UInt8>((bytes.byte8 & 0x3f) | 0x80);
    return CFUUIDCreateFromUUIDBytes(alloc, bytes);
}

CFUUIDRef CFUUIDCreateWithBytes(CFAllocatorRef alloc, UInt8 byte0, UInt8 byte1, UInt8 byte2,
                                UInt8 byte3, UInt8 byte4, UInt8 byte5, UInt8 byte6, UInt8 byte7,
                                UInt8 byte8, UInt8 byte9, UInt8 byte10, UInt8 byte11, UInt8 byte12,
                                UInt8 byte13, UInt8 byte14, UInt8 byte15) {
    return CFUUIDCreateFromUUIDBytes(
        alloc, {byte0, byte1, byte2, byte3, byte4, byte5, byte6, byte7, byte8, byte9, byte10,
                byte11, byte12, byte13, byte14, byte15});
}

CFUUIDRef CFUUIDCreateFromString(CFAllocatorRef alloc, CFStringRef uuidStr) {
    const std::string text(text_of(uuidStr));
    if (text.size() != 36) return nullptr;
    CFUUIDBytes bytes{};
    UInt8* to = &bytes.byte0;
    for (size_t i = 0; i < text.size();) {
        if (i == 8 || i == 13 || i == 18 || i == 23) {
            if (text[i++] != '-') return nullptr;
            continue;
        }
        const std::string digits = text.substr(i, 2);
        if (digits.find_first_not_of("0123456789abcdefABCDEF") != std::string::npos) return nullptr;
        *to++ = static_cast<UInt8>(std::stoul(digits, nullptr, 16));
        i += 2;
    }
    return CFUUIDCreateFromUUIDBytes(alloc, bytes);
}

CFStringRef CFUUIDCreateString(CFAllocatorRef, CFUUIDRef uuid) {
    return new_string(to<Uuid>(uuid, "CFUUIDCreateString").describe());
}

CFUUIDRef CFUUIDGetConstantUUIDWithBytes(CFAllocatorRef, UInt8 byte0, UInt8 byte1, UInt8 byte2,
                                         UInt8 byte3, UInt8 byte4, UInt8 byte5, UInt8 byte6,
                                         UInt8 byte7, UInt8 byte8, UInt8 byte9, UInt8 byte10,
                                         UInt8 byte11, UInt8 byte12, UInt8 byte13, UInt8 byte14,
                                         UInt8 byte15) {
    static auto& mutex = *new std::mutex;
    static auto& constants =
        *new std::map<std::string, const Uuid*>;  // never destroyed, as constant strings
    const CFUUIDBytes bytes{byte0, byte1, byte2,  byte3,  byte4,  byte5,  byte6,  byte7,
                            byte8, byte9, byte10, byte11, byte12, byte13, byte14, byte15};
    const std::string key(reinterpret_cast<const char*>(&bytes), sizeof bytes);
    const std::lock_guard lock(mutex);
    const Uuid*& constant = constants[key];
    if (constant == nullptr) constant = new Uuid(bytes, Object::Lifetime::immortal);
    return to_ref<CFUUIDRef>(constant);
}

CFUUIDBytes CFUUIDGetUUIDBytes(CFUUIDRef uuid) {
    return to<Uuid>(uuid, "CFUUIDGetUUIDBytes").bytes;
}
