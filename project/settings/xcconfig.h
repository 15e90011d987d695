// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "project/settings/settings.h"

namespace opendext::project {

/// What an .xcconfig file says: its assignments in order, those of the files it includes at the
/// place of the #include.
struct Xcconfig {
    Level assignments;
    std::vector<std::filesystem::path> files;  ///< all that were read, the first one first
};

/// Gives the text of a file that is included; an Error if there is none.
using XcconfigReader = std::function<Result<std::string>(const std::filesystem::path&)>;

/// Parses `text`. `#include "X.xcconfig"` is looked for beside the file, `<DEVELOPER_DIR>` is
/// refused; `#include?` may name a file that is not there. Errors name file, line and column.
[[nodiscard]] Result<Xcconfig> parse_xcconfig(std::string_view text,
                                              const std::filesystem::path& file,
                                              const XcconfigReader& reader);
/// Reads it from disk.
[[nodiscard]] Result<Xcconfig> read_xcconfig(const std::filesystem::path& file);

}  // namespace opendext::project
