// SPDX-License-Identifier: Apache-2.0
#include "rpc/log_format/return_name.h"

#include <algorithm>
#include <array>
#include <cstdio>

namespace opendext {
namespace {

struct Name {
    int32_t code;
    const char* name;
    const char* text;
};

constexpr auto kNames = std::to_array<Name>({
#include "rpc/log_format/return_names.inc"
});

const Name* find(int32_t code) {
    const auto* found = std::find_if(kNames.begin(), kNames.end(),
                                     [code](const Name& name) { return name.code == code; });
    return found == kNames.end() ? nullptr : found;
}

}  // namespace

const char* return_name(int32_t code) {
    const Name* name = find(code);
    return name == nullptr ? nullptr : name->name;
}

const char* return_text(int32_t code) {
    const Name* name = find(code);
    return name == nullptr ? nullptr : name->text;
}

std::string return_words(int32_t code) {
    if (const char* text = return_text(code)) return text;
    char number[16];
    std::snprintf(number, sizeof number, "0x%x", static_cast<unsigned>(code));
    return number;
}

}  // namespace opendext
