// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace opendext::hid {

/// What devices that our drivers make through uhid have as their physical place (HID_PHYS): by it
/// the system half knows their hidraw nodes, which are no devices of the kernel's.
inline constexpr std::string_view kOwnPlace = "opendext/uhid";

}  // namespace opendext::hid
