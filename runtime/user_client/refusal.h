// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace opendext::runtime {

/// Why the runtime refused what a driver's method asked of it on this thread: goes to the client
/// with the method's error.
void set_refusal(std::string reason);
/// The reason since the last call, empty if there was none.
std::string take_refusal();

}  // namespace opendext::runtime
