// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace opendext {

/// The name of a result code, "kIOReturnBadArgument", or nullptr. Not part of this folder: the
/// runtime and the client library each bring their table (docs/facts/ioreturn.csv).
const char* return_name(int32_t code);

}  // namespace opendext
