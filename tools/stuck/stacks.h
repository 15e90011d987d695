// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <string>

#include "rpc/result.h"

namespace opendext::stuck {

/// What the threads of a driver process are doing, for people: as opendext-stacks, which is run for
/// it, tells. The process stands still for some milliseconds.
[[nodiscard]] Result<std::string> stacks_of(pid_t pid);

}  // namespace opendext::stuck
