// SPDX-License-Identifier: Apache-2.0
#include "iokit/corefoundation/percent.h"

namespace opendext::cf {
namespace {

bool is_unreserved(unsigned char byte) {
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') ||
           std::string_view("-._~").find(static_cast<char>(byte)) != std::string_view::npos;
}

int hex(char digit) {
    if (digit >= '0' && digit <= '9') return digit - '0';
    if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
    if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
    return -1;
}

void append_escape(std::string& text, unsigned char byte) {
    constexpr std::string_view kDigits = "0123456789ABCDEF";
    text += '%';
    text += kDigits[byte >> 4];
    text += kDigits[byte & 0xf];
}

/// The byte that the escape at `at` stands for, or -1.
int escaped_byte(std::string_view text, size_t at) {
    if (at + 2 >= text.size()) return -1;
    const int high = hex(text[at + 1]);
    const int low = hex(text[at + 2]);
    return high < 0 || low < 0 ? -1 : high << 4 | low;
}

}  // namespace

bool is_url_byte(unsigned char byte) {
    constexpr std::string_view kReserved = ":/?#[]@!$&'()*+,;=%";
    return is_unreserved(byte) || kReserved.find(static_cast<char>(byte)) != std::string_view::npos;
}

bool is_url_text(std::string_view text) {
    for (size_t i = 0; i < text.size(); ++i) {
        if (!is_url_byte(static_cast<unsigned char>(text[i]))) return false;
        if (text[i] == '%' && escaped_byte(text, i) < 0) return false;
    }
    return true;
}

std::string escape_path(std::string_view path) {
    std::string text;
    for (const unsigned char byte : path) {
        const bool stays = is_unreserved(byte) ||
                           std::string_view("/!$&'()*+,=:@").find(static_cast<char>(byte)) !=
                               std::string_view::npos;
        if (stays) {
            text += static_cast<char>(byte);
        } else {
            append_escape(text, byte);
        }
    }
    return text;
}

std::string escape(std::string_view text, std::string_view never, std::string_view also) {
    std::string result;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        const bool stays = never.find(c) != std::string_view::npos ||
                           (is_url_byte(byte) && c != '%' && c != '[' && c != ']' && c != '#' &&
                            also.find(c) == std::string_view::npos);
        if (stays) {
            result += c;
        } else {
            append_escape(result, byte);
        }
    }
    return result;
}

std::optional<std::string> unescape(std::string_view text, std::string_view leave) {
    std::string result;
    for (size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            result += text[i];
            continue;
        }
        const int byte = escaped_byte(text, i);
        if (byte < 0) return std::nullopt;
        if (leave.find(static_cast<char>(byte)) != std::string_view::npos) {
            result += text.substr(i, 3);
        } else {
            result += static_cast<char>(byte);
        }
        i += 2;
    }
    return result;
}

}  // namespace opendext::cf
