// SPDX-License-Identifier: Apache-2.0
#include "daemon/registry/traits.h"

#include <functional>

namespace opendext::daemon {
namespace {

// Keys of traits that are no properties.
constexpr uint8_t kClass = 0;
constexpr uint8_t kName = 1;
constexpr uint8_t kProperties = 2;

uint64_t hash_of(std::string_view text) {
    return std::hash<std::string_view>{}(text);
}

Trait trait(uint8_t key, uint64_t hash) {
    // Numbers that count up differ in their lowest bits only.
    constexpr uint64_t kOdd = 0x9e3779b97f4a7c15;
    return static_cast<Trait>(key) << 24 | static_cast<Trait>((hash * kOdd) >> 40);
}

}  // namespace

Trait trait_of_class(std::string_view name) {
    return trait(kClass, hash_of(name));
}

Trait trait_of_name(std::string_view name) {
    return trait(kName, hash_of(name));
}

std::optional<Trait> trait_of_property(std::string_view key, const Value& value) {
    const uint64_t of_key = hash_of(key);
    uint64_t hash = of_key + static_cast<uint64_t>(value.kind());
    if (const std::string* text = value.string()) {
        hash += hash_of(*text);
    } else if (const Number* number = value.number()) {
        hash += number->raw;
    } else if (const bool* boolean = value.boolean()) {
        hash += *boolean ? 64 : 0;
    } else {
        return std::nullopt;
    }
    return trait(static_cast<uint8_t>(kProperties + of_key % (256 - kProperties)), hash);
}

}  // namespace opendext::daemon
