// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "iokit/corefoundation/object.h"

namespace opendext::cf {

class Date final : public Object {
  public:
    static constexpr Type kType = Type::date;
    explicit Date(CFAbsoluteTime at) : Object(kType), at(at) {}
    [[nodiscard]] bool equals(const Object& other) const override {
        return at == static_cast<const Date&>(other).at;
    }
    [[nodiscard]] CFHashCode hash() const override { return std::hash<double>{}(at); }
    [[nodiscard]] std::string describe() const override;

    const CFAbsoluteTime at;
};

/// A point in time in UTC, year to second.
struct CivilTime {
    int64_t year = 2001;
    int month = 1;
    int day = 1;
    int hour = 0;
    int minute = 0;
    double second = 0;
};
/// Years beyond what fits give the nearest that does.
[[nodiscard]] CivilTime civil_time(CFAbsoluteTime at);
[[nodiscard]] CFAbsoluteTime absolute_time(const CivilTime& time);
/// "2001-01-01T00:00:00Z", and back.
[[nodiscard]] std::string to_iso8601(CFAbsoluteTime at);
[[nodiscard]] std::optional<CFAbsoluteTime> from_iso8601(std::string_view text);

}  // namespace opendext::cf
