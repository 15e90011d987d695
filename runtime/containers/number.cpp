// SPDX-License-Identifier: Apache-2.0
#include <DriverKit/OSNumber.h>

#include <cerrno>
#include <cstdlib>

#include "runtime/containers/container_class.h"

using namespace opendext::runtime;

OSMetaClass* gOSNumberMetaClass;

struct OSNumber_IVars {
    uint64_t value;
    size_t bits;
};

namespace {
ContainerRegistration<OSNumber> g_number("OSNumber", "OSContainer", &gOSNumberMetaClass);
}

OSNumberPtr OSNumber::withNumber(uint64_t value, size_t numberOfBits) {
    if (numberOfBits == 0 || numberOfBits > 64) return nullptr;
    auto* number = new_container<OSNumber>(gOSNumberMetaClass);
    if (number == nullptr) return nullptr;
    if (numberOfBits < 64) value &= (uint64_t{1} << numberOfBits) - 1;
    number->ivars = new OSNumber_IVars{value, numberOfBits};
    return number;
}

OSNumberPtr OSNumber::withNumber(const char* text, size_t numberOfBits) {
    if (text == nullptr) return nullptr;
    errno = 0;
    char* end = nullptr;
    const uint64_t value = strtoull(text, &end, 0);
    if (end == text || *end != '\0' || errno != 0) return nullptr;
    return withNumber(value, numberOfBits);
}

size_t OSNumber::numberOfBits() const {
    return ivars->bits;
}
uint8_t OSNumber::unsigned8BitValue() const {
    return static_cast<uint8_t>(ivars->value);
}
uint16_t OSNumber::unsigned16BitValue() const {
    return static_cast<uint16_t>(ivars->value);
}
uint32_t OSNumber::unsigned32BitValue() const {
    return static_cast<uint32_t>(ivars->value);
}
uint64_t OSNumber::unsigned64BitValue() const {
    return ivars->value;
}
bool OSNumber::isEqualTo(const OSNumber* aNumber) const {
    return aNumber != nullptr && aNumber->ivars->value == ivars->value;
}
bool OSNumber::isEqualTo(const OSMetaClassBase* anObject) const {
    return isEqualTo(OSDynamicCast(OSNumber, anObject));
}
void OSNumber::free() {
    delete ivars;
    super::free();
}
