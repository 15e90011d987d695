// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "rpc/result.h"

namespace opendext::bundle {

/// Checks the object graph of a binary property list before libplist builds it: every offset inside
/// the file, no cycle, bounded depth and, because shared objects are copied for each reference, a
/// bounded number of copies.
[[nodiscard]] Status check_binary_plist(std::string_view bytes, std::string_view file);

}  // namespace opendext::bundle
