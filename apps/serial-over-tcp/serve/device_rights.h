// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "rpc/result.h"

namespace opendext::serial_tcp {

/// Why a device could not be opened or looked at, and what helps: errno of open() or access().
[[nodiscard]] Error device_error(const std::string& path, int number);
/// Whether this user may read and write the device, without opening it.
[[nodiscard]] Status check_device_rights(const std::string& path);

}  // namespace opendext::serial_tcp
