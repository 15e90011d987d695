// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

/// Percent escapes of URLs.
namespace opendext::cf {

/// Whether a URL may have this byte as it stands ('%' included: it begins an escape).
[[nodiscard]] bool is_url_byte(unsigned char byte);
/// Whether all of `text` may stand in a URL and its escapes are whole.
[[nodiscard]] bool is_url_text(std::string_view text);
[[nodiscard]] std::string escape_path(std::string_view path);
/// Escapes what a URL cannot have and what stands in `also`, unless it stands in `never`.
[[nodiscard]] std::string escape(std::string_view text, std::string_view never,
                                 std::string_view also);
/// Resolves escapes but those of the ASCII characters in `leave`; nullopt: an escape is broken.
[[nodiscard]] std::optional<std::string> unescape(std::string_view text, std::string_view leave);

}  // namespace opendext::cf
