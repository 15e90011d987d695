// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "rpc/result.h"

namespace opendext::hid {

/// A report descriptor for people: each item with its bytes, then the reports and what is in them.
[[nodiscard]] Result<std::string> explain_descriptor(std::span<const uint8_t> bytes);

}  // namespace opendext::hid
