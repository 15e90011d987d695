// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>

#include "rpc/result.h"
#include "rpc/value.h"

namespace opendext::bundle {

/// A place in a text file, counted from 1; line 0 = unknown (a binary property list has no lines).
struct Position {
    uint32_t line = 0;
    uint32_t column = 0;
};

/// Where each key of an XML property list stands. A path is the keys from the root down, joined by
/// '/', array members as their index: "IOKitPersonalities/Driver/IONameMatch/0".
using Positions = std::map<std::string, Position, std::less<>>;

/// A property list that has been read, with what an error message about it needs.
struct Plist {
    std::string file;  ///< the name to print
    Value root;
    Positions positions;  ///< empty for the binary form

    /// "Info.plist:12:5" for a key whose place is known, else that of the nearest parent, else the
    /// file alone.
    [[nodiscard]] std::string where(std::string_view path) const;
    /// The root as a dictionary, or an error that says what it is instead.
    [[nodiscard]] Result<Dictionary> dictionary() const;
};

/// Bigger files are refused: nothing that belongs into a bundle's property list comes near it.
inline constexpr size_t kMaximumPlistSize = 1 << 20;
/// Deeper nesting and more nodes are refused, before any recursive code sees them.
inline constexpr unsigned kMaximumPlistDepth = 64;
inline constexpr size_t kMaximumPlistNodes = 100'000;

/// Reads a property list, XML or binary, from memory. `file` is only for messages. The bytes may
/// come from anybody. Dates, reals and UIDs have no counterpart in `Value` and are refused.
[[nodiscard]] Result<Plist> parse_plist(std::string_view bytes, std::string file);
[[nodiscard]] Result<Plist> read_plist(const std::filesystem::path& path);

/// The XML form. Fails for a null inside. A Set is written as an array.
[[nodiscard]] Result<std::string> to_xml(const Value& value);
/// Writes the XML form beside `path` and renames it into place: the file is there as a whole or not
/// at all.
[[nodiscard]] Status write_plist(const std::filesystem::path& path, const Value& value);

/// A value in an error message: strings quoted and cut, containers by kind and size.
[[nodiscard]] std::string describe(const Value& value);

}  // namespace opendext::bundle
