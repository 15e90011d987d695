// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace opendext {

/// Appends the bytes of one character. Surrogates and numbers above U+10FFFF are the caller's to
/// refuse.
void append_utf8(std::string& text, char32_t character);

}  // namespace opendext
