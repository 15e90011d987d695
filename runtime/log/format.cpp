// SPDX-License-Identifier: Apache-2.0
#include "runtime/log/format.h"

#include <arpa/inet.h>
#include <time.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <cwchar>
#include <string_view>

namespace opendext::runtime {
namespace {

enum class Length { none, hh, h, l, ll, z, t, j, big_double };

/// One conversion as it stands in the format.
struct Conversion {
    std::string_view options;  ///< between the braces
    std::string flags;
    int width = -1;
    int precision = -1;
    Length length = Length::none;
    char letter = 0;
};

bool has_option(std::string_view options, std::string_view wanted) {
    while (!options.empty()) {
        const size_t comma = options.find(',');
        std::string_view word = options.substr(0, comma);
        while (!word.empty() && word.front() == ' ') word.remove_prefix(1);
        while (!word.empty() && word.back() == ' ') word.remove_suffix(1);
        if (word == wanted) return true;
        if (comma == std::string_view::npos) break;
        options.remove_prefix(comma + 1);
    }
    return false;
}

std::string specification(const Conversion& conversion, const char* length) {
    std::string text = "%" + conversion.flags;
    if (conversion.width >= 0) text += std::to_string(conversion.width);
    if (conversion.precision >= 0) text += "." + std::to_string(conversion.precision);
    return text + length + conversion.letter;
}

template <typename T>
void append(std::string& out, const std::string& specification, T value) {
    char buffer[256];
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wformat-nonliteral"
    const int size = snprintf(buffer, sizeof buffer, specification.c_str(), value);
    if (size < 0) return;
    if (static_cast<size_t>(size) < sizeof buffer) {
        out.append(buffer, static_cast<size_t>(size));
        return;
    }
    std::string big(static_cast<size_t>(size), '\0');
    snprintf(big.data(), big.size() + 1, specification.c_str(), value);
#pragma clang diagnostic pop
    out += big;
}

std::string error_text(int number) {
    char buffer[128];
    return "[" + std::to_string(number) + ": " + strerror_r(number, buffer, sizeof buffer) + "]";
}

/// Integers that an option gives a meaning. False if the options say nothing about it.
bool append_decoded(std::string& out, const Conversion& conversion, uint64_t value) {
    if (has_option(conversion.options, "BOOL")) {
        out += value ? "YES" : "NO";
    } else if (has_option(conversion.options, "bool")) {
        out += value ? "true" : "false";
    } else if (has_option(conversion.options, "errno") ||
               has_option(conversion.options, "darwin.errno")) {
        out += error_text(static_cast<int>(value));
    } else if (has_option(conversion.options, "time_t")) {
        const auto seconds = static_cast<time_t>(value);
        tm parts{};
        char buffer[64];
        gmtime_r(&seconds, &parts);
        out.append(buffer, strftime(buffer, sizeof buffer, "%Y-%m-%d %H:%M:%S+0000", &parts));
    } else if (has_option(conversion.options, "network:in_addr")) {
        in_addr address{};
        address.s_addr = static_cast<uint32_t>(value);
        char buffer[INET_ADDRSTRLEN];
        out += inet_ntop(AF_INET, &address, buffer, sizeof buffer);
    } else {
        return false;
    }
    return true;
}

void append_bytes(std::string& out, const Conversion& conversion, const uint8_t* bytes) {
    const size_t size = conversion.precision < 0 ? 0 : static_cast<size_t>(conversion.precision);
    if (bytes == nullptr) {
        out += "(null)";
        return;
    }
    static constexpr char kDigits[] = "0123456789ABCDEF";
    const bool uuid = has_option(conversion.options, "uuid_t") && size == 16;
    const bool mac = has_option(conversion.options, "network:mac_addr");
    for (size_t i = 0; i < size; ++i) {
        if (uuid && (i == 4 || i == 6 || i == 8 || i == 10)) out += '-';
        if (!uuid && i > 0) out += mac ? ':' : ' ';
        out += kDigits[bytes[i] >> 4];
        out += kDigits[bytes[i] & 15];
    }
}

/// Reads the conversion that starts behind the '%' at `at`; moves `at` behind it. False at the end
/// of the text.
bool parse(const char*& at, Conversion& conversion, va_list* arguments) {
    if (*at == '{') {
        const char* end = strchr(at, '}');
        if (end == nullptr) return false;
        conversion.options = std::string_view(at + 1, static_cast<size_t>(end - at - 1));
        at = end + 1;
    }
    while (*at != '\0' && strchr("-+ #0'", *at) != nullptr) conversion.flags += *at++;
    const auto number = [&](int& result) {
        if (*at == '*') {
            result = va_arg(*arguments, int);
            ++at;
            return;
        }
        result = 0;
        while (*at >= '0' && *at <= '9' && result < 100000) result = result * 10 + (*at++ - '0');
    };
    if (*at == '*' || (*at >= '0' && *at <= '9')) {
        number(conversion.width);
        if (conversion.width < 0) {
            conversion.flags += '-';
            conversion.width = -conversion.width;
        }
    }
    if (*at == '.') {
        ++at;
        number(conversion.precision);
    }
    switch (*at) {
        case 'h':
            conversion.length = at[1] == 'h' ? Length::hh : Length::h;
            break;
        case 'l':
            conversion.length = at[1] == 'l' ? Length::ll : Length::l;
            break;
        case 'q':
            conversion.length = Length::ll;
            break;
        case 'z':
            conversion.length = Length::z;
            break;
        case 't':
            conversion.length = Length::t;
            break;
        case 'j':
            conversion.length = Length::j;
            break;
        case 'L':
            conversion.length = Length::big_double;
            break;
        default:
            break;
    }
    if (conversion.length != Length::none) {
        const bool two = at[1] == at[0] && (at[0] == 'h' || at[0] == 'l');
        at += two ? 2 : 1;
    }
    if (*at == '\0') return false;
    conversion.letter = *at++;
    return true;
}

uint64_t take_unsigned(Length length, va_list* arguments) {
    switch (length) {
        case Length::hh:
            return static_cast<unsigned char>(va_arg(*arguments, unsigned));
        case Length::h:
            return static_cast<unsigned short>(va_arg(*arguments, unsigned));
        case Length::none:
        case Length::big_double:
            return va_arg(*arguments, unsigned);
        default:
            return va_arg(*arguments, unsigned long long);
    }
}

int64_t take_signed(Length length, va_list* arguments) {
    switch (length) {
        case Length::hh:
            return static_cast<signed char>(va_arg(*arguments, int));
        case Length::h:
            return static_cast<short>(va_arg(*arguments, int));
        case Length::none:
        case Length::big_double:
            return va_arg(*arguments, int);
        default:
            return va_arg(*arguments, long long);
    }
}

void append_string(std::string& out, const Conversion& conversion, const char* text) {
    append(out, specification(conversion, ""), text == nullptr ? "(null)" : text);
}

/// False if the conversion is not known.
bool append_conversion(std::string& out, const Conversion& conversion, va_list* arguments,
                       int error_number) {
    switch (conversion.letter) {
        case 'd':
        case 'i':
        case 'D': {
            const int64_t value = take_signed(conversion.length, arguments);
            Conversion decimal = conversion;
            decimal.letter = 'd';
            if (!append_decoded(out, conversion, static_cast<uint64_t>(value))) {
                append(out, specification(decimal, "ll"), static_cast<long long>(value));
            }
            return true;
        }
        case 'u':
        case 'U':
        case 'o':
        case 'O':
        case 'x':
        case 'X': {
            const uint64_t value = take_unsigned(conversion.length, arguments);
            Conversion plain = conversion;
            if (plain.letter == 'U' || plain.letter == 'O')
                plain.letter = static_cast<char>(plain.letter | 0x20);
            if (!append_decoded(out, conversion, value)) {
                append(out, specification(plain, "ll"), static_cast<unsigned long long>(value));
            }
            return true;
        }
        case 'c':
            append(out, specification(conversion, ""), va_arg(*arguments, int));
            return true;
        case 's':
            append_string(out, conversion, va_arg(*arguments, const char*));
            return true;
        case 'p':
            append(out, specification(conversion, ""), va_arg(*arguments, void*));
            return true;
        case 'P':
            append_bytes(out, conversion, va_arg(*arguments, const uint8_t*));
            return true;
        case 'm': {
            char buffer[128];
            out += strerror_r(error_number, buffer, sizeof buffer);
            return true;
        }
        case 'a':
        case 'A':
        case 'e':
        case 'E':
        case 'f':
        case 'F':
        case 'g':
        case 'G':
            if (conversion.length == Length::big_double) {
                append(out, specification(conversion, "L"), va_arg(*arguments, long double));
            } else {
                append(out, specification(conversion, ""), va_arg(*arguments, double));
            }
            return true;
        case '%':
            out += '%';
            return true;
        default:
            return false;
    }
}

}  // namespace

std::string format_os_log(const char* format, va_list arguments, int error_number) {
    std::string out;
    va_list rest;
    va_copy(rest, arguments);
    const char* at = format;
    while (*at != '\0') {
        const char* percent = strchr(at, '%');
        if (percent == nullptr) {
            out += at;
            break;
        }
        out.append(at, static_cast<size_t>(percent - at));
        at = percent + 1;
        Conversion conversion;
        if (!parse(at, conversion, &rest) ||
            !append_conversion(out, conversion, &rest, error_number)) {
            out += percent;
            break;
        }
    }
    va_end(rest);
    return out;
}

}  // namespace opendext::runtime
