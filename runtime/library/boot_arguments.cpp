// SPDX-License-Identifier: Apache-2.0
#include "runtime/library/boot_arguments.h"

#include <DriverKit/IOLib.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

namespace opendext::runtime {
namespace {

std::string& text() {
    static auto& arguments = *new std::string([] {
        const char* environment = getenv("OPENDEXT_BOOT_ARGS");
        return environment == nullptr ? "" : environment;
    }());
    return arguments;
}

/// What stands behind NAME= in the last such word, or "" for the word NAME alone.
std::optional<std::string_view> find(std::string_view name) {
    std::optional<std::string_view> found;
    std::string_view rest = text();
    while (!name.empty() && !rest.empty()) {
        const size_t end = rest.find_first_of(" \t\n");
        const std::string_view word = rest.substr(0, end);
        if (word == name) {
            found = std::string_view();
        } else if (word.starts_with(name) && word[name.size()] == '=') {
            found = word.substr(name.size() + 1);
        }
        rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    }
    return found;
}

/// Decimal, 0x… or 0…, with a sign, perhaps with K, M or G behind it.
std::optional<uint64_t> number_of(const std::string& value) {
    errno = 0;
    char* end = nullptr;
    const uint64_t number = strtoull(value.c_str(), &end, 0);
    if (end == value.c_str() || errno != 0) return std::nullopt;
    int shift = 0;
    switch (*end) {
        case 'k':
        case 'K':
            shift = 10;
            break;
        case 'm':
        case 'M':
            shift = 20;
            break;
        case 'g':
        case 'G':
            shift = 30;
            break;
        default:
            break;
    }
    if (shift > 0) ++end;
    if (*end != '\0') return std::nullopt;
    return number << shift;
}

}  // namespace

void set_boot_arguments(const char* arguments) {
    text() = arguments == nullptr ? "" : arguments;
}

}  // namespace opendext::runtime

extern "C" {

bool IOParseBootArgNumber(const char* name, void* result, int size) {
    if (name == nullptr || result == nullptr) return false;
    const auto value = opendext::runtime::find(name);
    if (!value) return false;
    const auto number =
        value->empty() ? uint64_t{1} : opendext::runtime::number_of(std::string(*value));
    if (!number) return false;
    switch (size) {
        case 1:
        case 2:
        case 4:
        case 8:
            memcpy(result, &*number, static_cast<size_t>(size));  // little-endian, as all our hosts
            return true;
        default:
            return false;
    }
}

bool IOParseBootArgString(const char* name, char* result, int size) {
    if (name == nullptr || result == nullptr || size <= 0) return false;
    const auto value = opendext::runtime::find(name);
    if (!value) return false;
    const size_t copied = std::min(value->size(), static_cast<size_t>(size) - 1);
    if (copied > 0) memcpy(result, value->data(), copied);
    result[copied] = '\0';
    return true;
}

}  // extern "C"
