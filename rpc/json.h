// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "rpc/result.h"
#include "rpc/value.h"

namespace opendext {

/// JSON text of `value` (RFC 8259), keys in the order of the dictionary. Numbers are unsigned, as
/// the registry has them; data is `{"$data": "0a0b…"}` and a set `{"$set": […]}`. Bytes that are no
/// UTF-8 become U+FFFD. `indent` 0: one line; else so many spaces a level.
[[nodiscard]] std::string to_json(const Value& value, int indent = 0);

/// `text` as a JSON string, with its quotes.
[[nodiscard]] std::string quote_json(std::string_view text);

/// Reads JSON. Whole numbers become Numbers of 64 bits; others are refused: our files have none.
[[nodiscard]] Result<Value> parse_json(std::string_view text);

}  // namespace opendext
