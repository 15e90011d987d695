// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rpc/result.h"
#include "rpc/value.h"

/// Registry values as text (the XML that IOKit writes: like a property list without its head) and
/// as IOKit's binary form. What is read may be hostile: depth, length and the number of values are
/// bounded, and a reference repeats a value only within that bound.
namespace opendext::client {

[[nodiscard]] std::string to_xml(const Value& value);
[[nodiscard]] Result<Value> from_xml(std::string_view text);

[[nodiscard]] std::vector<uint8_t> to_binary(const Value& value);
[[nodiscard]] bool is_binary(std::span<const uint8_t> bytes);
[[nodiscard]] Result<Value> from_binary(std::span<const uint8_t> bytes);

/// Values in one text or message, repeated ones counted each time with their weight.
inline constexpr size_t kMaxSerializedValues = size_t{1} << 20;
/// What a repetition of the value costs: one for each value in it, and one for each 64 bytes.
[[nodiscard]] size_t weight_of(const Value& value);

}  // namespace opendext::client
