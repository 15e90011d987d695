// SPDX-License-Identifier: Apache-2.0
#include "rpc/log_format/format.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <cwchar>
#include <string_view>

#include "rpc/log_format/conversion.h"

namespace opendext {
namespace {

/// More than any line needs: what is asked for beyond it is a mistake, or not a number at all.
constexpr int kMaxWidth = 4096;
/// Bytes of one %.*P that a line shows.
constexpr size_t kMaxBytes = 4096;

/// The arguments of one line, taken one after the other.
class Arguments {
  public:
    explicit Arguments(va_list list) { va_copy(list_, list); }
    ~Arguments() { va_end(list_); }
    Arguments(const Arguments&) = delete;
    Arguments& operator=(const Arguments&) = delete;

    int number() { return va_arg(list_, int); }
    double real() { return va_arg(list_, double); }
    long double long_real() { return va_arg(list_, long double); }
    template <typename T>
    const T* pointer() {
        return va_arg(list_, const T*);
    }
    /// Of the width that the length says, with or without its sign.
    uint64_t integer(Length length, bool is_signed) {
        switch (length) {
            case Length::hh: {
                const int value = va_arg(list_, int);
                return is_signed ? extended(static_cast<signed char>(value))
                                 : static_cast<unsigned char>(value);
            }
            case Length::h: {
                const int value = va_arg(list_, int);
                return is_signed ? extended(static_cast<short>(value))
                                 : static_cast<unsigned short>(value);
            }
            case Length::none: {
                const int value = va_arg(list_, int);
                return is_signed ? extended(value) : static_cast<unsigned>(value);
            }
            default:  // all others are 64 bits wide
                return va_arg(list_, unsigned long long);
        }
    }

  private:
    static uint64_t extended(int64_t value) { return static_cast<uint64_t>(value); }
    va_list list_;
};

std::string specification(const Conversion& conversion, const char* length) {
    std::string text = "%" + conversion.flags;
    if (conversion.width >= 0) text += std::to_string(conversion.width);
    if (conversion.precision >= 0) text += "." + std::to_string(conversion.precision);
    return text + length + conversion.letter;
}

template <typename T>
void append_number(std::string& out, const Conversion& conversion, const char* length, T value) {
    const std::string how = specification(conversion, length);
    char buffer[256];
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wformat-nonliteral"
    const int size = snprintf(buffer, sizeof buffer, how.c_str(), value);
    if (size < 0) return;
    if (static_cast<size_t>(size) < sizeof buffer) {
        out.append(buffer, static_cast<size_t>(size));
        return;
    }
    std::string big(static_cast<size_t>(size), '\0');
    snprintf(big.data(), big.size() + 1, how.c_str(), value);
#pragma clang diagnostic pop
    out += big;
}

void append_padded(std::string& out, const Conversion& conversion, std::string_view text) {
    const size_t width = conversion.width < 0 ? 0 : static_cast<size_t>(conversion.width);
    const size_t blanks = width > text.size() ? width - text.size() : 0;
    const bool left = conversion.flags.find('-') != std::string::npos;
    if (!left) out.append(blanks, ' ');
    out += text;
    if (left) out.append(blanks, ' ');
}

/// Without a precision up to the zero; with one not a byte further than it says.
void append_string(std::string& out, const Conversion& conversion, const char* text) {
    if (text == nullptr) return append_padded(out, conversion, "(null)");
    const size_t most =
        conversion.precision < 0 ? kMaxLogLine : static_cast<size_t>(conversion.precision);
    append_padded(out, conversion, {text, strnlen(text, most)});
}

/// UTF-8 of one character; the replacement character for what is none.
void append_character(std::string& out, uint32_t code) {
    if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) code = 0xfffd;
    const auto tail = [&](int shift) { out += static_cast<char>(0x80 | ((code >> shift) & 0x3f)); };
    if (code < 0x80) {
        out += static_cast<char>(code);
    } else if (code < 0x800) {
        out += static_cast<char>(0xc0 | (code >> 6));
        tail(0);
    } else if (code < 0x10000) {
        out += static_cast<char>(0xe0 | (code >> 12));
        tail(6);
        tail(0);
    } else {
        out += static_cast<char>(0xf0 | (code >> 18));
        tail(12);
        tail(6);
        tail(0);
    }
}

/// The precision counts bytes of the text, and no character is cut.
void append_wide_string(std::string& out, const Conversion& conversion, const wchar_t* text) {
    if (text == nullptr) return append_padded(out, conversion, "(null)");
    const size_t most =
        conversion.precision < 0 ? kMaxLogLine : static_cast<size_t>(conversion.precision);
    std::string narrow;
    while (narrow.size() < most && *text != L'\0') {
        const size_t before = narrow.size();
        append_character(narrow, static_cast<uint32_t>(*text++));
        if (narrow.size() > most) narrow.resize(before);
        if (narrow.size() == before) break;
    }
    append_padded(out, conversion, narrow);
}

/// Width and precision: digits, or the next argument. 0 where neither stands.
int read_number(const char*& at, Arguments& arguments) {
    if (*at == '*') {
        ++at;
        return std::clamp(arguments.number(), -kMaxWidth, INT32_MAX);
    }
    int number = 0;
    for (; *at >= '0' && *at <= '9'; ++at) number = std::min(number * 10 + (*at - '0'), 1 << 20);
    return number;
}

Length read_length(const char*& at) {
    const char first = *at;
    const bool twice = first != '\0' && at[1] == first;
    switch (first) {
        case 'h':
            at += twice ? 2 : 1;
            return twice ? Length::hh : Length::h;
        case 'l':
            at += twice ? 2 : 1;
            return twice ? Length::ll : Length::l;
        case 'q':
            ++at;
            return Length::ll;
        case 'z':
            ++at;
            return Length::z;
        case 't':
            ++at;
            return Length::t;
        case 'j':
            ++at;
            return Length::j;
        case 'L':
            ++at;
            return Length::big;
        default:
            return Length::none;
    }
}

/// Reads the conversion that starts behind the '%' at `at`; moves `at` behind it. False at the end
/// of the text.
bool read(const char*& at, Conversion& conversion, Arguments& arguments) {
    if (*at == '{') {
        const char* end = strchr(at, '}');
        if (end == nullptr) return false;
        conversion.options = std::string_view(at + 1, static_cast<size_t>(end - at - 1));
        at = end + 1;
    }
    for (; *at != '\0' && strchr("-+ #0'", *at) != nullptr; ++at) {
        if (conversion.flags.find(*at) == std::string::npos) conversion.flags += *at;
    }
    if (*at == '*' || (*at >= '0' && *at <= '9')) {
        conversion.width = read_number(at, arguments);
        if (conversion.width < 0) {
            conversion.flags += '-';
            conversion.width = -conversion.width;
        }
        conversion.width = std::min(conversion.width, kMaxWidth);
    }
    if (*at == '.') {
        ++at;
        conversion.precision = read_number(at, arguments);  // below 0: as if there were none
        if (conversion.precision < 0) conversion.precision = -1;
    }
    conversion.length = read_length(at);
    if (*at == '\0') return false;
    conversion.letter = *at++;
    return true;
}

void append_integer(std::string& out, Conversion conversion, Arguments& arguments) {
    // %D, %O and %U are the long ones of %d, %o and %u.
    if (strchr("DOU", conversion.letter) != nullptr) {
        conversion.letter = static_cast<char>(conversion.letter | 0x20);
        if (conversion.length == Length::none) conversion.length = Length::l;
    }
    const bool is_signed = conversion.letter == 'd' || conversion.letter == 'i';
    const uint64_t value = arguments.integer(conversion.length, is_signed);
    std::string meaning;
    if (append_meaning(meaning, conversion, value)) return append_padded(out, conversion, meaning);
    conversion.precision = std::min(conversion.precision, kMaxWidth);
    append_number(out, conversion, "ll", static_cast<unsigned long long>(value));
}

void append_real(std::string& out, Conversion conversion, Arguments& arguments) {
    conversion.precision = std::min(conversion.precision, kMaxWidth);
    if (conversion.length == Length::big) {
        append_number(out, conversion, "L", arguments.long_real());
    } else {
        append_number(out, conversion, "", arguments.real());
    }
}

void append_memory(std::string& out, const Conversion& conversion, const uint8_t* bytes) {
    const size_t size = conversion.precision < 0 ? 0 : static_cast<size_t>(conversion.precision);
    if (bytes == nullptr) {
        out += "(null)";
        return;
    }
    append_bytes(out, conversion, bytes, std::min(size, kMaxBytes));
    if (size > kMaxBytes) out += " … (" + std::to_string(size) + " bytes)";
}

/// False if the conversion is not known.
bool append_conversion(std::string& out, const Conversion& conversion, Arguments& arguments,
                       int error_number) {
    const bool wide = conversion.length == Length::l;
    switch (conversion.letter) {
        case 'd':
        case 'i':
        case 'D':
        case 'u':
        case 'U':
        case 'o':
        case 'O':
        case 'x':
        case 'X':
            append_integer(out, conversion, arguments);
            return true;
        case 'a':
        case 'A':
        case 'e':
        case 'E':
        case 'f':
        case 'F':
        case 'g':
        case 'G':
            append_real(out, conversion, arguments);
            return true;
        case 'c':
        case 'C': {
            const int code = arguments.number();
            std::string text;
            if (wide || conversion.letter == 'C') {
                append_character(text, static_cast<uint32_t>(code));
            } else {
                text += static_cast<char>(code);
            }
            append_padded(out, conversion, text[0] == '\0' ? "" : text);
            return true;
        }
        case 's':
        case 'S':
            if (wide || conversion.letter == 'S') {
                append_wide_string(out, conversion, arguments.pointer<wchar_t>());
            } else {
                append_string(out, conversion, arguments.pointer<char>());
            }
            return true;
        case 'p': {
            char text[24];
            snprintf(text, sizeof text, "0x%llx",
                     static_cast<unsigned long long>(
                         reinterpret_cast<uintptr_t>(arguments.pointer<void>())));
            append_padded(out, conversion, text);
            return true;
        }
        case 'P':
            append_memory(out, conversion, arguments.pointer<uint8_t>());
            return true;
        case 'm': {
            char buffer[128];
            append_padded(out, conversion, strerror_r(error_number, buffer, sizeof buffer));
            return true;
        }
        case '@':  // objects of another language
        case 'n':  // would write to the driver's memory
            arguments.pointer<void>();
            out += "<%";
            out += conversion.letter;
            out += " is not supported>";
            return true;
        case '%':
            out += '%';
            return true;
        default:
            return false;
    }
}

}  // namespace

void cut_log_line(std::string& line) {
    if (line.size() <= kMaxLogLine) return;
    line.resize(kMaxLogLine);
    // Not within a character.
    while (!line.empty() && (static_cast<unsigned char>(line.back()) & 0xc0) == 0x80)
        line.pop_back();
    if (!line.empty() && (line.back() & 0x80) != 0) line.pop_back();
    line += " … (the line is too long)";
}

std::string format_os_log(const char* format, va_list list, int error_number) {
    if (format == nullptr) return "(null)";
    std::string out;
    Arguments arguments(list);
    const char* at = format;
    while (*at != '\0' && out.size() <= kMaxLogLine) {
        const char* percent = strchrnul(at, '%');
        out.append(at, static_cast<size_t>(percent - at));
        if (*percent == '\0') break;
        at = percent + 1;
        Conversion conversion;
        if (!read(at, conversion, arguments) ||
            !append_conversion(out, conversion, arguments, error_number)) {
            out += percent;
            break;
        }
    }
    cut_log_line(out);
    return out;
}

}  // namespace opendext
