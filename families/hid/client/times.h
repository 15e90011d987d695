// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CoreFoundation/CFBase.h>

#include <algorithm>
#include <chrono>
#include <cmath>

namespace opendext::hid_client {

/// Seconds of the program, which may be anything; a day at most, so that deadlines can be reckoned.
[[nodiscard]] inline std::chrono::nanoseconds nanoseconds_of(CFTimeInterval seconds) {
    if (std::isnan(seconds) || seconds <= 0) return {};
    return std::chrono::nanoseconds(static_cast<int64_t>(std::min(seconds, 86400.0) * 1e9));
}

}  // namespace opendext::hid_client
