// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "daemon/registry/entry.h"

/// What the author of a matching dictionary may have meant: words for who asks why nothing matches.
namespace opendext::daemon {

[[nodiscard]] std::string in_quotes(std::string_view text);
/// The value as a message shows it, with the word for its kind where `other` is of another kind.
[[nodiscard]] std::string with_kind(const Value& value, const Value& other);

// Each gives "" if nothing comes near.

/// One of `known` that comes near `wanted`.
[[nodiscard]] std::string hint_for_text(std::string_view wanted,
                                        const std::vector<std::string>& known);
/// How `found` would be written, where `wanted` was.
[[nodiscard]] std::string hint_for_value(const Value& wanted, const Value& found);
/// A property of the entry whose name comes near `key`.
[[nodiscard]] std::string hint_for_key(const Entry& entry, std::string_view key);

}  // namespace opendext::daemon
