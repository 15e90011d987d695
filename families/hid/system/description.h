// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "rpc/result.h"
#include "rpc/value.h"

namespace opendext::hid {

/// What a device is, as its nubs have it.
struct Description {
    Dictionary properties;
    bool numbered = false;  ///< whether its reports have ids
    /// Keys of what was given that were left out, since they are not a device's to set.
    std::vector<std::string> left_out;
    std::string name;  ///< for logs: product, or vendor and product id
};

/// Checks what a program, a driver or sysfs says of a device, and adds what follows from its report
/// descriptor: usage pairs, primary usage, sizes of reports. Errors name the key and what it should
/// be. `transport`: where none is given.
[[nodiscard]] Result<Description> describe_device(Dictionary given, std::string_view transport);

}  // namespace opendext::hid
