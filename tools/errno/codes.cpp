// SPDX-License-Identifier: Apache-2.0
#include "tools/errno/codes.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <set>

#include "tools/common/nearest_name.h"

namespace opendext::errno_tool {
namespace {

struct Subsystem {
    uint32_t number;
    const char* name;
};

#include "tools/errno/return_codes.inc"

constexpr uint32_t kSystemKernel = 0;
constexpr uint32_t kSystemIoKit = 0x38;
constexpr uint32_t kSubsystemUnix = 3;

std::string lower(std::string_view text) {
    std::string result(text);
    std::transform(result.begin(), result.end(), result.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return result;
}

constexpr std::string_view kPrefixes[] = {"", "kIOReturn", "kIOMessage", "OSSystemExtensionError"};

const Code* find_name(std::string_view text) {
    const std::string wanted = lower(text);
    for (const std::string_view prefix : kPrefixes) {
        const std::string name = lower(prefix) + wanted;
        for (const Code& code : kCodes) {
            if (lower(code.name) == name) return &code;
        }
    }
    return nullptr;
}

Error unknown_name(const std::string& text) {
    std::set<std::string> names;
    for (const Code& code : kCodes) names.insert(code.name);
    std::string near;
    for (const std::string_view prefix : kPrefixes) {
        if (near.empty()) near = tools::nearest_name(std::string(prefix) + text, names);
    }
    return {
        Errc::invalid, 0,
        "there is no code '" + text + "'" + (near.empty() ? "" : "; did you mean " + near + "?")};
}

/// The whole text as digits of that base.
bool parse_digits(std::string_view digits, int base, uint64_t& value, bool& too_large) {
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
    too_large = error == std::errc::result_out_of_range;
    return !digits.empty() && end == digits.data() + digits.size() &&
           (error == std::errc{} || too_large);
}

std::string hexadecimal(uint32_t number) {
    char text[16];
    std::snprintf(text, sizeof text, "0x%08x", number);
    return text;
}

}  // namespace

std::vector<const Code*> codes_of(uint32_t number) {
    std::vector<const Code*> found;
    for (const Code& code : kCodes) {
        if (code.number == number) found.push_back(&code);
    }
    return found;
}

Result<uint32_t> read_code(const std::string& text) {
    const bool negative = text.starts_with("-");
    std::string_view digits = std::string_view(text).substr(negative ? 1 : 0);
    int base = 10;
    if (digits.starts_with("0x") || digits.starts_with("0X")) {
        digits.remove_prefix(2);
        base = 16;
    } else if (!negative && digits.size() >= 2 && digits.size() <= 16 &&
               digits.find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos &&
               digits.find_first_not_of("0123456789") != std::string_view::npos) {
        base = 16;  // it has a letter, and so cannot be decimal
    }
    uint64_t value = 0;
    bool too_large = false;
    if (!parse_digits(digits, base, value, too_large)) {
        if (const Code* code = negative ? nullptr : find_name(text)) return code->number;
        return unknown_name(text);
    }
    // A code of 32 bits, or the same with its sign carried on to 64.
    constexpr uint64_t kSigned = 0xffffffff00000000;
    const bool fits =
        negative ? value <= uint64_t{1} << 31
                 : value <= 0xffffffff || ((value & kSigned) == kSigned && (value >> 31 & 1) != 0);
    if (too_large || !fits)
        return Error{Errc::invalid, 0, "'" + text + "' does not fit into the 32 bits of a code"};
    return static_cast<uint32_t>(negative ? 0 - value : value);
}

Fields fields_of(uint32_t number) {
    return {number >> 26 & 0x3f, number >> 14 & 0xfff, number & 0x3fff};
}

std::string_view system_name(const Fields& fields) {
    if (fields.system == kSystemIoKit) return "IOKit";
    return fields.system == kSystemKernel ? "kernel" : "";
}

std::string_view subsystem_name(const Fields& fields) {
    if (fields.system == kSystemKernel && fields.subsystem == kSubsystemUnix) return "errno";
    if (fields.system != kSystemIoKit) return "";
    for (const Subsystem& subsystem : kSubsystems) {
        if (subsystem.number == fields.subsystem) return subsystem.name;
    }
    return "";
}

std::string wrapped_errno(const Fields& fields) {
    if (fields.system != kSystemKernel || fields.subsystem != kSubsystemUnix) return "";
    const char* name = strerrorname_np(static_cast<int>(fields.code));
    if (name == nullptr) return "";
    return std::string(name) + ": " + strerrordesc_np(static_cast<int>(fields.code));
}

std::string to_text(uint32_t number) {
    const std::vector<const Code*> codes = codes_of(number);
    const Fields fields = fields_of(number);
    const auto signed_form = std::to_string(static_cast<int32_t>(number));
    std::string text;
    for (const Code* code : codes) {
        text += std::string(code->name) + "  " + hexadecimal(number) + "  " + signed_form + "  (" +
                code->group + ")\n";
        if (code->meaning[0] != '\0') text += std::string("  ") + code->meaning + "\n";
        for (const std::string& advice : advice_for(code->name)) text += "  - " + advice + "\n";
    }
    if (codes.empty()) {
        text += hexadecimal(number) + "  " + signed_form + "  has no name\n";
        const std::string error = wrapped_errno(fields);
        if (!error.empty()) text += "  an errno in a Mach code: " + error + "\n";
    }
    const auto named = [](uint32_t value, std::string_view name) {
        char number_text[16];
        std::snprintf(number_text, sizeof number_text, "0x%x", value);
        return std::string(number_text) + (name.empty() ? "" : " (" + std::string(name) + ")");
    };
    text += "  system " + named(fields.system, system_name(fields)) + ", subsystem " +
            named(fields.subsystem, subsystem_name(fields)) + ", code " + named(fields.code, "") +
            "\n";
    return text;
}

Value to_value(const std::string& typed, uint32_t number) {
    const Fields fields = fields_of(number);
    Array names;
    for (const Code* code : codes_of(number)) {
        Array advice;
        for (const std::string& sentence : advice_for(code->name)) advice.emplace_back(sentence);
        names.push_back(Dictionary{{"name", code->name},
                                   {"group", code->group},
                                   {"kind", code->is_result ? "result" : "message"},
                                   {"meaning", code->meaning},
                                   {"advice", std::move(advice)}});
    }
    return Dictionary{{"given", typed},
                      {"hex", hexadecimal(number)},
                      {"unsigned", Number{number, 32}},
                      {"signed", std::to_string(static_cast<int32_t>(number))},
                      {"system", Number{fields.system, 32}},
                      {"system_name", std::string(system_name(fields))},
                      {"subsystem", Number{fields.subsystem, 32}},
                      {"subsystem_name", std::string(subsystem_name(fields))},
                      {"code", Number{fields.code, 32}},
                      {"errno", wrapped_errno(fields)},
                      {"names", std::move(names)}};
}

}  // namespace opendext::errno_tool
