// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace opendext::cf {

[[nodiscard]] std::string to_base64(const std::vector<uint8_t>& bytes);
/// White space does not count; nullopt for what is not base 64. Padding may be missing.
[[nodiscard]] std::optional<std::vector<uint8_t>> from_base64(std::string_view text);

}  // namespace opendext::cf
