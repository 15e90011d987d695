// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CoreFoundation/CoreFoundation.h>

#include <optional>
#include <string_view>

namespace opendext::cf {

/// By Unicode's simple mappings; what is beyond the basic plane stays.
[[nodiscard]] char16_t to_lower(char16_t unit);
[[nodiscard]] char16_t to_upper(char16_t unit);
[[nodiscard]] bool is_letter(char16_t unit);
[[nodiscard]] bool is_white(char16_t unit);

/// < 0, 0 or > 0.
[[nodiscard]] int compare(std::u16string_view a, std::u16string_view b,
                          CFStringCompareFlags options);
/// Where `wanted` stands in `text`, the first or, with kCFCompareBackwards, the last place.
[[nodiscard]] std::optional<size_t> find(std::u16string_view text, std::u16string_view wanted,
                                         CFStringCompareFlags options);

}  // namespace opendext::cf
