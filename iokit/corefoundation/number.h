// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "iokit/corefoundation/object.h"

namespace opendext::cf {

class Boolean final : public Object {
  public:
    static constexpr Type kType = Type::boolean;
    explicit Boolean(bool value) : Object(kType, Lifetime::immortal), value(value) {}
    [[nodiscard]] CFHashCode hash() const override { return value ? 1231 : 1237; }
    [[nodiscard]] std::string describe() const override { return value ? "true" : "false"; }
    const bool value;
};

/// An integer of up to 64 bits or a floating-point number.
class Number final : public Object {
  public:
    static constexpr Type kType = Type::number;
    Number(CFNumberType type, int64_t value) : Object(kType), number_type(type), integer(value) {}
    Number(CFNumberType type, double value, Lifetime lifetime = Lifetime::counted)
        : Object(kType, lifetime), number_type(type), floating(value) {}
    [[nodiscard]] bool is_float() const {
        return number_type == kCFNumberFloat32Type || number_type == kCFNumberFloat64Type;
    }
    [[nodiscard]] double as_double() const {
        return is_float() ? floating : static_cast<double>(integer);
    }
    [[nodiscard]] bool equals(const Object& other) const override;
    [[nodiscard]] CFHashCode hash() const override;
    [[nodiscard]] std::string describe() const override;

    const CFNumberType number_type;  ///< one of the SInt and Float types
    const int64_t integer = 0;
    const double floating = 0;
};

[[nodiscard]] CFComparisonResult compare(const Number& a, const Number& b);

}  // namespace opendext::cf
