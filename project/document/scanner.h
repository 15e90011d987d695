// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cctype>
#include <string>
#include <string_view>

#include "project/document/node.h"

namespace opendext::project {

/// Walks over the bytes of a text and knows line and column; what the parsers of this folder share.
class Scanner {
  public:
    Scanner(std::string_view bytes, std::string file) : bytes_(bytes), file_(std::move(file)) {
        if (bytes_.starts_with("\xef\xbb\xbf")) bytes_.remove_prefix(3);
    }

    [[nodiscard]] bool at_end() const { return at_ >= bytes_.size(); }
    [[nodiscard]] char peek() const { return bytes_[at_]; }
    [[nodiscard]] bool starts_with(std::string_view text) const {
        return bytes_.substr(at_).starts_with(text);
    }
    void advance(size_t count = 1) {
        for (; count > 0 && !at_end(); --count, ++at_) {
            if (bytes_[at_] == '\n') {
                ++position_.line;
                position_.column = 1;
            } else if ((static_cast<unsigned char>(bytes_[at_]) & 0xC0) != 0x80) {
                ++position_.column;  // characters, not bytes, of UTF-8
            }
        }
    }
    void skip_blanks() {
        while (!at_end() && (std::isspace(static_cast<unsigned char>(peek())) != 0)) advance();
    }
    [[nodiscard]] bundle::Position position() const { return position_; }

    [[nodiscard]] Error fail(bundle::Position place, std::string_view message) const {
        return Error{Errc::malformed, 0,
                     file_ + ":" + std::to_string(place.line) + ":" + std::to_string(place.column) +
                         ": " + std::string(message)};
    }
    [[nodiscard]] Error fail(std::string_view message) const { return fail(position_, message); }

    /// UTF-8 of a code point; U+FFFD for what is none.
    static std::string utf8(uint32_t code) {
        if (code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) code = 0xFFFD;
        std::string result;
        if (code < 0x80) {
            result += static_cast<char>(code);
        } else if (code < 0x800) {
            result += static_cast<char>(0xC0 | (code >> 6));
            result += static_cast<char>(0x80 | (code & 0x3F));
        } else if (code < 0x10000) {
            result += static_cast<char>(0xE0 | (code >> 12));
            result += static_cast<char>(0x80 | ((code >> 6) & 0x3F));
            result += static_cast<char>(0x80 | (code & 0x3F));
        } else {
            result += static_cast<char>(0xF0 | (code >> 18));
            result += static_cast<char>(0x80 | ((code >> 12) & 0x3F));
            result += static_cast<char>(0x80 | ((code >> 6) & 0x3F));
            result += static_cast<char>(0x80 | (code & 0x3F));
        }
        return result;
    }

    /// The four digits behind \u or \U, and those of the second half of a surrogate pair.
    Result<std::string> utf16_escape() {
        uint32_t code = OD_TRY(four_digits());
        if (code >= 0xD800 && code < 0xDC00 && (starts_with("\\u") || starts_with("\\U"))) {
            advance(2);
            const uint32_t low = OD_TRY(four_digits());
            code = low >= 0xDC00 && low < 0xE000
                       ? 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00)
                       : 0xFFFD;
        }
        return utf8(code);
    }

  private:
    Result<uint32_t> four_digits() {
        uint32_t code = 0;
        for (int i = 0; i < 4; ++i, advance()) {
            if (at_end() || std::isxdigit(static_cast<unsigned char>(peek())) == 0)
                return fail("four hexadecimal digits have to stand here");
            const auto digit = static_cast<unsigned char>(std::tolower(peek()));
            code = code * 16 + (std::isdigit(digit) != 0 ? digit - '0' : digit - 'a' + 10U);
        }
        return code;
    }

    std::string_view bytes_;
    std::string file_;
    size_t at_ = 0;
    bundle::Position position_{1, 1};
};

}  // namespace opendext::project
