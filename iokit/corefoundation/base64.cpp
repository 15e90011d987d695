// SPDX-License-Identifier: Apache-2.0
#include "iokit/corefoundation/base64.h"

namespace opendext::cf {
namespace {
constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
}

std::string to_base64(const std::vector<uint8_t>& bytes) {
    std::string text;
    for (size_t i = 0; i < bytes.size(); i += 3) {
        const size_t count = std::min<size_t>(3, bytes.size() - i);
        uint32_t group = 0;
        for (size_t j = 0; j < 3; ++j) group = group << 8 | (j < count ? bytes[i + j] : 0U);
        for (size_t j = 0; j < 4; ++j)
            text += j <= count ? kAlphabet[group >> (18 - 6 * j) & 63] : '=';
    }
    return text;
}

std::optional<std::vector<uint8_t>> from_base64(std::string_view text) {
    std::vector<uint8_t> bytes;
    uint32_t group = 0;
    size_t digits = 0;
    size_t padding = 0;
    for (const char c : text) {
        if (c == ' ' || c == '\t' || c == '\r' || c == '\n') continue;
        if (c == '=') {
            ++padding;
            continue;
        }
        const size_t value = kAlphabet.find(c);
        if (value == std::string_view::npos || padding > 0) return std::nullopt;
        group = group << 6 | static_cast<uint32_t>(value);
        if (++digits % 4 == 0) {
            for (int shift = 16; shift >= 0; shift -= 8)
                bytes.push_back(static_cast<uint8_t>(group >> shift));
            group = 0;
        }
    }
    const size_t rest = digits % 4;
    if (rest == 1 || padding > 2 || (padding > 0 && rest + padding != 4)) return std::nullopt;
    if (rest >= 2) bytes.push_back(static_cast<uint8_t>(group >> (6 * rest - 8)));
    if (rest == 3) bytes.push_back(static_cast<uint8_t>(group >> 2));
    return bytes;
}

}  // namespace opendext::cf
