// SPDX-License-Identifier: Apache-2.0
#include "iokit/corefoundation/number.h"

#include <cmath>
#include <cstdio>
#include <cstring>
#include <functional>
#include <limits>

namespace opendext::cf {
namespace {

Boolean true_object(true);
Boolean false_object(false);
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
Number infinity(kCFNumberFloat64Type, kInfinity, Object::Lifetime::immortal);
Number negative_infinity(kCFNumberFloat64Type, -kInfinity, Object::Lifetime::immortal);
Number not_a_number(kCFNumberFloat64Type, kNaN, Object::Lifetime::immortal);

/// The SInt or Float type that `type` is a name for on this platform; 0 for a type that does not
/// exist.
CFNumberType canonical(CFNumberType type) {
    switch (type) {
        case kCFNumberSInt8Type:
        case kCFNumberCharType:
            return kCFNumberSInt8Type;
        case kCFNumberSInt16Type:
        case kCFNumberShortType:
            return kCFNumberSInt16Type;
        case kCFNumberSInt32Type:
        case kCFNumberIntType:
            return kCFNumberSInt32Type;
        case kCFNumberSInt64Type:
        case kCFNumberLongLongType:
            return kCFNumberSInt64Type;
        case kCFNumberLongType:
        case kCFNumberCFIndexType:
        case kCFNumberNSIntegerType:
            return sizeof(long) == 8 ? kCFNumberSInt64Type : kCFNumberSInt32Type;
        case kCFNumberFloat32Type:
        case kCFNumberFloatType:
            return kCFNumberFloat32Type;
        case kCFNumberFloat64Type:
        case kCFNumberDoubleType:
        case kCFNumberCGFloatType:
            return kCFNumberFloat64Type;
    }
    return static_cast<CFNumberType>(0);
}

template <typename T>
T load(const void* from) {
    T value;
    std::memcpy(&value, from, sizeof value);
    return value;
}

/// Stores `number` as an integer type; whether nothing was lost.
template <typename T>
bool store_integer(const Number& number, void* to) {
    int64_t whole = number.integer;
    bool exact = true;
    if (number.is_float()) {
        const bool fits =
            number.floating >= -9223372036854775808.0 && number.floating < 9223372036854775808.0;
        whole = fits                  ? static_cast<int64_t>(number.floating)
                : number.floating > 0 ? INT64_MAX
                                      : INT64_MIN;
        exact = fits && static_cast<double>(whole) == number.floating;
    }
    const T value = static_cast<T>(whole);
    std::memcpy(to, &value, sizeof value);
    return exact && value == whole;
}

template <typename T>
bool store_floating(const Number& number, void* to) {
    const T value =
        number.is_float() ? static_cast<T>(number.floating) : static_cast<T>(number.integer);
    std::memcpy(to, &value, sizeof value);
    if (number.is_float())
        return std::isnan(number.floating) || static_cast<double>(value) == number.floating;
    // The round trip of a value at the edge would overflow: 2^63 has no int64_t.
    return value < static_cast<T>(9223372036854775808.0) &&
           static_cast<int64_t>(value) == number.integer;
}

}  // namespace

CFComparisonResult compare(const Number& a, const Number& b) {
    if (!a.is_float() && !b.is_float()) {
        return a.integer < b.integer   ? kCFCompareLessThan
               : a.integer > b.integer ? kCFCompareGreaterThan
                                       : kCFCompareEqualTo;
    }
    const double left = a.as_double();
    const double right = b.as_double();
    return left < right   ? kCFCompareLessThan
           : left > right ? kCFCompareGreaterThan
                          : kCFCompareEqualTo;
}

bool Number::equals(const Object& other) const {
    return compare(*this, static_cast<const Number&>(other)) == kCFCompareEqualTo;
}

CFHashCode Number::hash() const {
    return std::hash<double>{}(as_double());
}

std::string Number::describe() const {
    if (!is_float()) return std::to_string(integer);
    char text[32];
    std::snprintf(text, sizeof text, "%.17g", floating);
    return text;
}

}  // namespace opendext::cf

namespace cf = opendext::cf;
using cf::to;
using cf::to_ref;

const CFBooleanRef kCFBooleanTrue = to_ref<CFBooleanRef>(&cf::true_object);
const CFBooleanRef kCFBooleanFalse = to_ref<CFBooleanRef>(&cf::false_object);

const CFNumberRef kCFNumberPositiveInfinity = to_ref<CFNumberRef>(&cf::infinity);
const CFNumberRef kCFNumberNegativeInfinity = to_ref<CFNumberRef>(&cf::negative_infinity);
const CFNumberRef kCFNumberNaN = to_ref<CFNumberRef>(&cf::not_a_number);

CFTypeID CFBooleanGetTypeID(void) {
    return static_cast<CFTypeID>(cf::Type::boolean);
}
Boolean CFBooleanGetValue(CFBooleanRef boolean) {
    return to<cf::Boolean>(boolean, "CFBooleanGetValue").value;
}

CFTypeID CFNumberGetTypeID(void) {
    return static_cast<CFTypeID>(cf::Type::number);
}

CFNumberRef CFNumberCreate(CFAllocatorRef, CFNumberType theType, const void* valuePtr) {
    if (valuePtr == nullptr) cf::misuse("CFNumberCreate", "got NULL for the value");
    const CFNumberType type = cf::canonical(theType);
    const auto integer = [&](int64_t value) {
        return to_ref<CFNumberRef>(new cf::Number(type, value));
    };
    const auto floating = [&](double value) {
        return to_ref<CFNumberRef>(new cf::Number(type, value));
    };
    switch (type) {
        case kCFNumberSInt8Type:
            return integer(cf::load<int8_t>(valuePtr));
        case kCFNumberSInt16Type:
            return integer(cf::load<int16_t>(valuePtr));
        case kCFNumberSInt32Type:
            return integer(cf::load<int32_t>(valuePtr));
        case kCFNumberSInt64Type:
            return integer(cf::load<int64_t>(valuePtr));
        case kCFNumberFloat32Type:
            return floating(cf::load<float>(valuePtr));
        case kCFNumberFloat64Type:
            return floating(cf::load<double>(valuePtr));
        default:
            cf::misuse("CFNumberCreate", "unknown number type " + std::to_string(theType));
    }
}

CFNumberType CFNumberGetType(CFNumberRef number) {
    return to<cf::Number>(number, "CFNumberGetType").number_type;
}

CFIndex CFNumberGetByteSize(CFNumberRef number) {
    switch (CFNumberGetType(number)) {
        case kCFNumberSInt8Type:
            return 1;
        case kCFNumberSInt16Type:
            return 2;
        case kCFNumberSInt32Type:
        case kCFNumberFloat32Type:
            return 4;
        default:
            return 8;
    }
}

Boolean CFNumberIsFloatType(CFNumberRef number) {
    return to<cf::Number>(number, "CFNumberIsFloatType").is_float();
}

Boolean CFNumberGetValue(CFNumberRef number, CFNumberType theType, void* valuePtr) {
    const auto& value = to<cf::Number>(number, "CFNumberGetValue");
    switch (cf::canonical(theType)) {
        case kCFNumberSInt8Type:
            return cf::store_integer<int8_t>(value, valuePtr);
        case kCFNumberSInt16Type:
            return cf::store_integer<int16_t>(value, valuePtr);
        case kCFNumberSInt32Type:
            return cf::store_integer<int32_t>(value, valuePtr);
        case kCFNumberSInt64Type:
            return cf::store_integer<int64_t>(value, valuePtr);
        case kCFNumberFloat32Type:
            return cf::store_floating<float>(value, valuePtr);
        case kCFNumberFloat64Type:
            return cf::store_floating<double>(value, valuePtr);
        default:
            cf::misuse("CFNumberGetValue", "unknown number type " + std::to_string(theType));
    }
}

CFComparisonResult CFNumberCompare(CFNumberRef number, CFNumberRef otherNumber, void*) {
    return cf::compare(to<cf::Number>(number, "CFNumberCompare"),
                       to<cf::Number>(otherNumber, "CFNumberCompare"));
}
