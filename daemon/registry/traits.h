// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "rpc/value.h"

namespace opendext::daemon {

/// One thing about an entry that a personality can ask for (its class, a name, a property with its
/// value) as a number, so that many can be compared without reading them. What is equal has equal
/// traits; what differs nearly always has others. So a trait that an entry lacks rules a
/// personality out, and one that it has proves nothing. Its upper 8 bits are those of the key
/// alone.
using Trait = uint32_t;

[[nodiscard]] constexpr uint8_t key_of(Trait trait) {
    return static_cast<uint8_t>(trait >> 24);
}
[[nodiscard]] Trait trait_of_class(std::string_view name);
/// Of a name that IONameMatch looks at.
[[nodiscard]] Trait trait_of_name(std::string_view name);
/// Strings, numbers and booleans have one; what has other values is to be compared.
[[nodiscard]] std::optional<Trait> trait_of_property(std::string_view key, const Value& value);

}  // namespace opendext::daemon
