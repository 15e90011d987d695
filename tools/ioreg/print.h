// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>

#include "tools/ioreg/tree.h"

namespace opendext::ioreg {

/// What of the tree is shown, and how.
struct Style {
    bool all_properties = false;  ///< -l
    bool inheritance = false;     ///< -i
    bool hexadecimal = false;     ///< -x
    size_t width = 0;             ///< columns; 0 = as long as it takes
    int depth = 0;                ///< levels; 0 = all
    Criteria criteria;            ///< entries whose properties are shown without -l
};

/// The tree in the form that ioreg's users know. `way` holds the ancestors that are shown above its
/// last entry (-t), or only that entry.
[[nodiscard]] std::string to_text(const Way& way, const Style& style);
/// A value as ioreg prints it: "text", 12, Yes, <0a0b>, (a,b), {"k"=v}, [a].
[[nodiscard]] std::string to_text(const Value& value, bool hexadecimal);

/// The tree as a property list's root: the properties of an entry beside IORegistryEntryName,
/// IOObjectClass and so on.
[[nodiscard]] Value to_archive(const Node& node, const Style& style, int depth = 1);
/// The tree as docs/schemas/ioreg.json describes it.
[[nodiscard]] Value to_json_value(const Node& node, const Style& style, int depth = 1);

}  // namespace opendext::ioreg
