// SPDX-License-Identifier: Apache-2.0
#include "families/hid/client/value.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "families/hid/parse/report_fields.h"

namespace opendext::hid_client {

const cf::Type Value::kType = cf::add_type("IOHIDValue");

namespace {

/// Of one value of the element; a virtual one may say nothing of its size.
size_t bytes_for(const hid::Element& what) {
    const uint64_t bits = what.total_bits();
    return bits == 0 ? sizeof(int64_t) : static_cast<size_t>((bits + 7) / 8);
}

std::vector<uint8_t> to_bytes(const hid::Element& what, int64_t integer) {
    std::vector<uint8_t> bytes(bytes_for(what));
    // A negative number fills the element with its sign, and nothing behind the last bit.
    const uint64_t bits = std::max<uint64_t>(what.total_bits(), 1);
    uint64_t raw = static_cast<uint64_t>(integer);
    if (what.total_bits() > 0 && bits < 64) raw &= (uint64_t{1} << bits) - 1;
    for (size_t i = 0; i < std::min(bytes.size(), sizeof raw); ++i)
        bytes[i] = static_cast<uint8_t>(raw >> (8 * i));
    return bytes;
}

int64_t to_integer(const hid::Element& what, std::span<const uint8_t> bytes) {
    uint64_t raw = 0;
    const size_t count = std::min(bytes.size(), sizeof raw);
    for (size_t i = 0; i < count; ++i) raw |= uint64_t{bytes[i]} << (8 * i);
    const uint64_t bits = what.count == 1 && what.bits != 0 ? what.bits : 8 * count;
    if (!what.is_signed() || bits == 0 || bits >= 64) return static_cast<int64_t>(raw);
    const uint64_t sign = uint64_t{1} << (bits - 1);
    return static_cast<int64_t>((raw & (2 * sign - 1)) ^ sign) - static_cast<int64_t>(sign);
}

}  // namespace

Value::Value(cf::Owned<Element*> element, uint64_t time, int64_t integer)
    : Object(kType),
      element(std::move(element)),
      time(time),
      integer(integer),
      own_(to_bytes(this->element.get()->what, integer)),
      bytes_(own_) {}

Value::Value(cf::Owned<Element*> element, uint64_t time, std::vector<uint8_t> bytes)
    : Object(kType),
      element(std::move(element)),
      time(time),
      integer(to_integer(this->element.get()->what, bytes)),
      own_(std::move(bytes)),
      bytes_(own_) {}

Value::Value(cf::Owned<Element*> element, uint64_t time, std::span<const uint8_t> bytes)
    : Object(kType),
      element(std::move(element)),
      time(time),
      integer(to_integer(this->element.get()->what, bytes)),
      bytes_(bytes) {}

bool Value::equals(const Object& other) const {
    const auto& value = static_cast<const Value&>(other);
    return element.get() == value.element.get() && time == value.time &&
           std::ranges::equal(bytes_, value.bytes_);
}

CFHashCode Value::hash() const {
    return element.get()->hash() ^ static_cast<CFHashCode>(time) ^ static_cast<CFHashCode>(integer);
}

std::string Value::describe() const {
    char text[96];
    std::snprintf(text, sizeof text, "<IOHIDValue %p %lld at %llu of ",
                  static_cast<const void*>(this), static_cast<long long>(integer),
                  static_cast<unsigned long long>(time));
    return text + element.get()->describe() + ">";
}

namespace {

/// The value in the extent of the element's calibration properties.
double calibrated(const Element& element, double value) {
    const auto property = [&](const char* key, double otherwise) {
        const cf::Owned name(CFStringCreateWithCString(nullptr, key, kCFStringEncodingUTF8));
        return element.number_property(name.get()).value_or(otherwise);
    };
    const auto logical_min = static_cast<double>(element.what.logical_min);
    const auto logical_max = static_cast<double>(element.what.logical_max);
    const double low = property(kIOHIDElementCalibrationSaturationMinKey, logical_min);
    const double high = property(kIOHIDElementCalibrationSaturationMaxKey, logical_max);
    const double out_min = property(kIOHIDElementCalibrationMinKey, -1);
    const double out_max = property(kIOHIDElementCalibrationMaxKey, 1);
    const double dead_min = property(kIOHIDElementCalibrationDeadZoneMinKey, 0);
    const double dead_max = property(kIOHIDElementCalibrationDeadZoneMaxKey, 0);
    const double granularity = property(kIOHIDElementCalibrationGranularityKey, 0);
    const double middle = (out_min + out_max) / 2;
    double scaled = middle;
    // What is saturated is the end of the extent; in the dead zone it is the middle; on either side
    // of it the rest of the extent is spread.
    if (value <= low) {
        scaled = out_min;
    } else if (value >= high) {
        scaled = out_max;
    } else if (dead_min < dead_max) {
        if (value < dead_min) {
            scaled = out_min + (value - low) / (dead_min - low) * (middle - out_min);
        } else if (value > dead_max) {
            scaled = middle + (value - dead_max) / (high - dead_max) * (out_max - middle);
        }
    } else if (high > low) {
        scaled = out_min + (value - low) / (high - low) * (out_max - out_min);
    }
    return granularity > 0 ? std::round(scaled / granularity) * granularity : scaled;
}

const Value& value_of(IOHIDValueRef ref, const char* function) {
    return cf::to<Value>(ref, function);
}

}  // namespace
}  // namespace opendext::hid_client

using namespace opendext;
using namespace opendext::hid_client;

CFTypeID IOHIDValueGetTypeID(void) {
    return static_cast<CFTypeID>(hid_client::Value::kType);
}

IOHIDValueRef IOHIDValueCreateWithIntegerValue(CFAllocatorRef, IOHIDElementRef element,
                                               uint64_t timeStamp, CFIndex value) {
    Element& of = element_of(element, "IOHIDValueCreateWithIntegerValue");
    return ref_of(new hid_client::Value(cf::Owned<Element*>::share(&of), timeStamp,
                                        static_cast<int64_t>(value)));
}

namespace {

IOHIDValueRef with_bytes(IOHIDElementRef ref, uint64_t time, const uint8_t* bytes, CFIndex length,
                         bool copy, const char* function) {
    Element& of = element_of(ref, function);
    const uint64_t bits = of.what.total_bits();
    if (bytes == nullptr || length <= 0 ||
        (bits > 0 && static_cast<uint64_t>(length) > (bits + 7) / 8))
        return nullptr;
    const std::span<const uint8_t> all(bytes, static_cast<size_t>(length));
    const auto element = cf::Owned<Element*>::share(&of);
    if (copy)
        return ref_of(
            new hid_client::Value(element, time, std::vector<uint8_t>(all.begin(), all.end())));
    return ref_of(new hid_client::Value(element, time, all));
}

}  // namespace

IOHIDValueRef IOHIDValueCreateWithBytes(CFAllocatorRef, IOHIDElementRef element, uint64_t timeStamp,
                                        const uint8_t* bytes, CFIndex length) {
    return with_bytes(element, timeStamp, bytes, length, true, "IOHIDValueCreateWithBytes");
}

IOHIDValueRef IOHIDValueCreateWithBytesNoCopy(CFAllocatorRef, IOHIDElementRef element,
                                              uint64_t timeStamp, const uint8_t* bytes,
                                              CFIndex length) {
    return with_bytes(element, timeStamp, bytes, length, false, "IOHIDValueCreateWithBytesNoCopy");
}

IOHIDElementRef IOHIDValueGetElement(IOHIDValueRef value) {
    return ref_of(value_of(value, "IOHIDValueGetElement").element.get());
}

uint64_t IOHIDValueGetTimeStamp(IOHIDValueRef value) {
    return value_of(value, "IOHIDValueGetTimeStamp").time;
}

CFIndex IOHIDValueGetLength(IOHIDValueRef value) {
    return static_cast<CFIndex>(value_of(value, "IOHIDValueGetLength").bytes().size());
}

const uint8_t* IOHIDValueGetBytePtr(IOHIDValueRef value) {
    return value_of(value, "IOHIDValueGetBytePtr").bytes().data();
}

CFIndex IOHIDValueGetIntegerValue(IOHIDValueRef value) {
    return static_cast<CFIndex>(value_of(value, "IOHIDValueGetIntegerValue").integer);
}

double_t IOHIDValueGetScaledValue(IOHIDValueRef ref, IOHIDValueScaleType type) {
    const auto& value = value_of(ref, "IOHIDValueGetScaledValue");
    const Element& element = *value.element.get();
    if (type == kIOHIDValueScaleTypeCalibrated)
        return calibrated(element, static_cast<double>(value.integer));
    const double physical = hid::to_physical(element.what, value.integer);
    if (type == kIOHIDValueScaleTypeExponent)
        return physical * std::pow(10.0, element.what.exponent());
    return physical;
}
