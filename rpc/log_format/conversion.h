// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace opendext {

enum class Length : uint8_t { none, hh, h, l, ll, z, t, j, big };

/// One conversion as it stands in the format: %{options}flags width.precision length letter.
struct Conversion {
    std::string_view options;  ///< between the braces
    std::string flags;
    int width = -1;
    int precision = -1;
    Length length = Length::none;
    char letter = 0;

    /// One of the words between the braces.
    [[nodiscard]] bool has(std::string_view word) const;
};

/// Appends the meaning that an option gives an integer: %{bool}d, %{errno}d, %{bytes}llu … False if
/// the options say nothing about it.
bool append_meaning(std::string& out, const Conversion& conversion, uint64_t value);

/// Appends what %.*P says: `size` bytes, as an option says or in hexadecimal.
void append_bytes(std::string& out, const Conversion& conversion, const uint8_t* bytes,
                  size_t size);

}  // namespace opendext
