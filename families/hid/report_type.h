// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

namespace opendext::hid {

/// The numbers are IOHIDReportType's (docs/facts/driverkit-api.csv).
enum class ReportType : uint8_t { input = 0, output = 1, feature = 2 };

[[nodiscard]] constexpr std::string_view to_string(ReportType type) {
    switch (type) {
        case ReportType::input:
            return "input";
        case ReportType::output:
            return "output";
        case ReportType::feature:
            return "feature";
    }
    return "unknown";
}

}  // namespace opendext::hid
