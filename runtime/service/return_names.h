// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <DriverKit/IOReturn.h>

namespace opendext::runtime {

/// The name of a result code, "kIOReturnBadArgument", or nullptr.
const char* return_name(IOReturn code);

}  // namespace opendext::runtime
