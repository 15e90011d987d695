// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "rpc/result.h"

namespace opendext::lint {

struct Captured {
    int status = 0;
    std::string text;  ///< what the command wrote to standard output and standard error
};

/// Runs a command to its end.
[[nodiscard]] Result<Captured> capture(const std::vector<std::string>& command);

}  // namespace opendext::lint
