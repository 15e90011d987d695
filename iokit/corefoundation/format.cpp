// SPDX-License-Identifier: Apache-2.0
#include "iokit/corefoundation/format.h"

#include <cinttypes>
#include <cstddef>
#include <cstdio>
#include <string_view>

#include "iokit/corefoundation/object.h"

namespace opendext::cf {
namespace {

template <typename T>
void append(std::string& text, const std::string& conversion, T value) {
    const int size = std::snprintf(nullptr, 0, conversion.c_str(), value);
    if (size <= 0) return;
    std::string piece(static_cast<size_t>(size) + 1, '\0');
    std::snprintf(piece.data(), piece.size(), conversion.c_str(), value);
    piece.pop_back();
    text += piece;
}

enum class Width { normal, is_long, is_long_long, is_size, is_long_double };

struct Directive {
    std::string head;  ///< from % up to the length, '*' already replaced
    Width width = Width::normal;
};

}  // namespace

// The format comes from the caller, as printf's does: that is what the function is for.
#pragma clang diagnostic ignored "-Wformat-nonliteral"
#pragma clang diagnostic ignored "-Wformat-security"

std::string format(const std::string& format, va_list arguments) {
    // Some ABIs pass va_list as an array: a copy can be handed on and read here alike.
    va_list list;
    va_copy(list, arguments);
    std::string text;
    for (size_t i = 0; i < format.size(); ++i) {
        if (format[i] != '%') {
            text.push_back(format[i]);
            continue;
        }
        const size_t begin = i;
        Directive directive{"%"};
        for (++i; i < format.size() &&
                  std::string_view("-+ #0123456789.*").find(format[i]) != std::string::npos;
             ++i) {
            directive.head +=
                format[i] == '*' ? std::to_string(va_arg(list, int)) : std::string(1, format[i]);
        }
        std::string length;
        for (;
             i < format.size() && std::string_view("hlqjztL").find(format[i]) != std::string::npos;
             ++i) {
            length += format[i];
        }
        if (length == "l" || length == "t") directive.width = Width::is_long;
        if (length == "ll" || length == "q" || length == "j") directive.width = Width::is_long_long;
        if (length == "z") directive.width = Width::is_size;
        if (length == "L") directive.width = Width::is_long_double;
        const char conversion = i < format.size() ? format[i] : '\0';
        switch (conversion) {
            case '%':
                text.push_back('%');
                break;
            case '@':
                append(text, directive.head + "s", describe(va_arg(list, CFTypeRef)).c_str());
                break;
            case 's': {
                const char* value = va_arg(list, const char*);
                append(text, directive.head + "s", value == nullptr ? "(null)" : value);
                break;
            }
            case 'c':
            case 'C':
                append(text, directive.head + "c", va_arg(list, int));
                break;
            case 'p':
                append(text, directive.head + "p", va_arg(list, void*));
                break;
            case 'd':
            case 'i':
            case 'D':
            case 'u':
            case 'U':
            case 'x':
            case 'X':
            case 'o':
            case 'O': {
                const char plain = conversion == 'D'   ? 'd'
                                   : conversion == 'U' ? 'u'
                                   : conversion == 'O' ? 'o'
                                                       : conversion;
                switch (directive.width) {
                    case Width::is_long:
                        append(text, directive.head + "l" + plain, va_arg(list, long));
                        break;
                    case Width::is_size:
                        append(text, directive.head + "z" + plain, va_arg(list, size_t));
                        break;
                    case Width::is_long_long:
                    case Width::is_long_double:
                        append(text, directive.head + "ll" + plain, va_arg(list, long long));
                        break;
                    case Width::normal:
                        append(text, directive.head + length + plain, va_arg(list, int));
                        break;
                }
                break;
            }
            case 'f':
            case 'F':
            case 'e':
            case 'E':
            case 'g':
            case 'G':
            case 'a':
            case 'A':
                if (directive.width == Width::is_long_double) {
                    append(text, directive.head + "L" + conversion, va_arg(list, long double));
                } else {
                    append(text, directive.head + conversion, va_arg(list, double));
                }
                break;
            default:
                text += format.substr(begin, i - begin + (conversion == '\0' ? 0 : 1));
                break;
        }
    }
    va_end(list);
    return text;
}

}  // namespace opendext::cf
