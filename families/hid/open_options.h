// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace opendext::hid {

/// Of _OpenLink (docs/design/hid-links.md), beside kIOHIDOptionsTypeSeizeDevice: the driver has the
/// interface open and lost its link. Not for drivers' own Open.
inline constexpr uint32_t kOpenAgain = 1U << 31;

}  // namespace opendext::hid
