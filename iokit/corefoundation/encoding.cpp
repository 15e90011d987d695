// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <bit>

#include "iokit/corefoundation/string.h"

namespace opendext::cf {
namespace {

/// The upper half of MacRoman, as its public mapping table has it.
constexpr std::array<char16_t, 128> kMacRoman{
    0x00c4, 0x00c5, 0x00c7, 0x00c9, 0x00d1, 0x00d6, 0x00dc, 0x00e1, 0x00e0, 0x00e2, 0x00e4, 0x00e3,
    0x00e5, 0x00e7, 0x00e9, 0x00e8, 0x00ea, 0x00eb, 0x00ed, 0x00ec, 0x00ee, 0x00ef, 0x00f1, 0x00f3,
    0x00f2, 0x00f4, 0x00f6, 0x00f5, 0x00fa, 0x00f9, 0x00fb, 0x00fc, 0x2020, 0x00b0, 0x00a2, 0x00a3,
    0x00a7, 0x2022, 0x00b6, 0x00df, 0x00ae, 0x00a9, 0x2122, 0x00b4, 0x00a8, 0x2260, 0x00c6, 0x00d8,
    0x221e, 0x00b1, 0x2264, 0x2265, 0x00a5, 0x00b5, 0x2202, 0x2211, 0x220f, 0x03c0, 0x222b, 0x00aa,
    0x00ba, 0x03a9, 0x00e6, 0x00f8, 0x00bf, 0x00a1, 0x00ac, 0x221a, 0x0192, 0x2248, 0x2206, 0x00ab,
    0x00bb, 0x2026, 0x00a0, 0x00c0, 0x00c3, 0x00d5, 0x0152, 0x0153, 0x2013, 0x2014, 0x201c, 0x201d,
    0x2018, 0x2019, 0x00f7, 0x25ca, 0x00ff, 0x0178, 0x2044, 0x20ac, 0x2039, 0x203a, 0xfb01, 0xfb02,
    0x2021, 0x00b7, 0x201a, 0x201e, 0x2030, 0x00c2, 0x00ca, 0x00c1, 0x00cb, 0x00c8, 0x00cd, 0x00ce,
    0x00cf, 0x00cc, 0x00d3, 0x00d4, 0xf8ff, 0x00d2, 0x00da, 0x00db, 0x00d9, 0x0131, 0x02c6, 0x02dc,
    0x00af, 0x02d8, 0x02d9, 0x02da, 0x00b8, 0x02dd, 0x02db, 0x02c7,
};

constexpr char32_t kBad = 0xffffffff;

bool is_surrogate(char32_t c) {
    return c >= 0xd800 && c < 0xe000;
}

/// Takes one character from the front of `bytes`; kBad if they do not begin with one.
char32_t next_utf8(std::string_view& bytes) {
    const auto lead = static_cast<unsigned char>(bytes[0]);
    const int size = lead < 0x80 ? 1 : lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if ((lead >= 0x80 && lead < 0xc2) || lead > 0xf4 || bytes.size() < static_cast<size_t>(size))
        return kBad;
    char32_t character = size == 1 ? lead : lead & (0x7f >> size);
    for (int i = 1; i < size; ++i) {
        const auto next = static_cast<unsigned char>(bytes[static_cast<size_t>(i)]);
        if ((next & 0xc0) != 0x80) return kBad;
        character = character << 6 | (next & 0x3f);
    }
    constexpr std::array<char32_t, 5> kLeast{0, 0, 0x80, 0x800, 0x10000};
    if (character < kLeast[static_cast<size_t>(size)] || character > 0x10ffff ||
        is_surrogate(character))
        return kBad;
    bytes.remove_prefix(static_cast<size_t>(size));
    return character;
}

/// The width in bytes of a unit and whether the highest byte comes first; width 0: not such an
/// encoding.
struct WideForm {
    int width = 0;
    bool big_endian = false;
};

WideForm wide_form(CFStringEncoding encoding) {
    switch (encoding) {
        case kCFStringEncodingUTF16:
            return {2, std::endian::native == std::endian::big};
        case kCFStringEncodingUTF16BE:
            return {2, true};
        case kCFStringEncodingUTF16LE:
            return {2, false};
        case kCFStringEncodingUTF32:
            return {4, std::endian::native == std::endian::big};
        case kCFStringEncodingUTF32BE:
            return {4, true};
        case kCFStringEncodingUTF32LE:
            return {4, false};
        default:
            return {};
    }
}

void append_unit(std::string& bytes, char32_t unit, WideForm form) {
    for (int i = 0; i < form.width; ++i) {
        const int shift = 8 * (form.big_endian ? form.width - 1 - i : i);
        bytes.push_back(static_cast<char>(unit >> shift & 0xff));
    }
}

char32_t unit_at(std::string_view bytes, size_t offset, WideForm form) {
    char32_t unit = 0;
    for (int i = 0; i < form.width; ++i) {
        const int shift = 8 * (form.big_endian ? form.width - 1 - i : i);
        unit |= char32_t{static_cast<unsigned char>(bytes[offset + static_cast<size_t>(i)])}
                << shift;
    }
    return unit;
}

std::optional<std::string> decode_wide(std::string_view bytes, WideForm form) {
    if (bytes.size() % static_cast<size_t>(form.width) != 0) return std::nullopt;
    // A byte order mark at the front rules, and is not part of the text.
    if (!bytes.empty() && unit_at(bytes, 0, form) == (form.width == 2 ? 0xfffeU : 0xfffe0000U)) {
        form.big_endian = !form.big_endian;
    }
    std::string text;
    std::u16string units;
    for (size_t i = 0; i < bytes.size(); i += static_cast<size_t>(form.width)) {
        const char32_t unit = unit_at(bytes, i, form);
        if (i == 0 && unit == 0xfeff) continue;
        if (form.width == 2) {
            units.push_back(static_cast<char16_t>(unit));
        } else {
            if (unit > 0x10ffff || is_surrogate(unit)) return std::nullopt;
            append_utf8(text, unit);
        }
    }
    return form.width == 2 ? to_utf8(units) : text;
}

/// The byte for `character` in a single-byte encoding, or -1.
int narrow(char32_t character, CFStringEncoding encoding) {
    if (character < 0x80) return static_cast<int>(character);
    if (encoding == kCFStringEncodingISOLatin1 && character < 0x100)
        return static_cast<int>(character);
    if (encoding == kCFStringEncodingMacRoman) {
        const auto* found = std::find(kMacRoman.begin(), kMacRoman.end(), character);
        if (found != kMacRoman.end()) return 0x80 + static_cast<int>(found - kMacRoman.begin());
    }
    return -1;
}

}  // namespace

bool is_utf8(std::string_view bytes) {
    while (!bytes.empty()) {
        if (next_utf8(bytes) == kBad) return false;
    }
    return true;
}

std::u16string to_utf16(std::string_view utf8) {
    std::u16string units;
    while (!utf8.empty()) {
        char32_t c = next_utf8(utf8);
        if (c == kBad) {
            c = 0xfffd;
            utf8.remove_prefix(1);
        }
        if (c >= 0x10000) {
            units.push_back(static_cast<char16_t>(0xd800 + ((c - 0x10000) >> 10)));
            units.push_back(static_cast<char16_t>(0xdc00 + ((c - 0x10000) & 0x3ff)));
        } else {
            units.push_back(static_cast<char16_t>(c));
        }
    }
    return units;
}

std::string to_utf8(std::u16string_view units) {
    std::string text;
    for (size_t i = 0; i < units.size(); ++i) {
        char32_t c = units[i];
        if (is_surrogate(c)) {
            const bool pair =
                c < 0xdc00 && i + 1 < units.size() && (units[i + 1] & 0xfc00) == 0xdc00;
            c = pair ? 0x10000 + ((c - 0xd800) << 10) + (units[++i] - 0xdc00U) : 0xfffd;
        }
        append_utf8(text, c);
    }
    return text;
}

std::optional<std::string> decode(std::string_view bytes, CFStringEncoding encoding) {
    if (const WideForm form = wide_form(encoding); form.width != 0) return decode_wide(bytes, form);
    const bool ascii =
        std::all_of(bytes.begin(), bytes.end(), [](unsigned char c) { return c < 0x80; });
    switch (encoding) {
        case kCFStringEncodingUTF8:
            if (!is_utf8(bytes)) return std::nullopt;
            return std::string(bytes);
        case kCFStringEncodingASCII:
        case kCFStringEncodingNonLossyASCII:
            if (!ascii) return std::nullopt;
            return std::string(bytes);
        case kCFStringEncodingISOLatin1:
        case kCFStringEncodingMacRoman: {
            std::string text;
            for (const unsigned char byte : bytes) {
                const bool mac = encoding == kCFStringEncodingMacRoman && byte >= 0x80;
                append_utf8(text, mac ? kMacRoman[byte - 0x80U] : byte);
            }
            return text;
        }
        default:
            return std::nullopt;
    }
}

std::optional<std::string> encode(const std::u16string& units, CFStringEncoding encoding,
                                  char loss) {
    const std::string text = to_utf8(units);
    if (encoding == kCFStringEncodingUTF8) return text;
    const WideForm form = wide_form(encoding);
    const bool known = form.width != 0 || encoding == kCFStringEncodingASCII ||
                       encoding == kCFStringEncodingISOLatin1 ||
                       encoding == kCFStringEncodingMacRoman ||
                       encoding == kCFStringEncodingNonLossyASCII;
    if (!known) return std::nullopt;
    std::string bytes;
    if (form.width == 2) {
        for (const char16_t unit : units) append_unit(bytes, unit, form);
        return bytes;
    }
    std::string_view rest = text;
    while (!rest.empty()) {
        const char32_t character = next_utf8(rest);
        if (form.width == 4) {
            append_unit(bytes, character, form);
            continue;
        }
        const int byte = narrow(character, encoding);
        if (byte < 0 && loss == 0) return std::nullopt;
        bytes.push_back(byte < 0 ? loss : static_cast<char>(byte));
    }
    return bytes;
}

}  // namespace opendext::cf
