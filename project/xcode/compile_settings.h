// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "project/target.h"
#include "project/xcode/model.h"

namespace opendext::project::xcode {

/// What the settings of a target say about compiling, in the words of our builder.
struct Compilation {
    std::vector<std::filesystem::path> include_folders;
    std::vector<std::string> definitions;
    CompileOptions options;
    std::vector<std::string> link_flags;
    /// Folders of search paths that are not there: told when a header is missing.
    std::vector<std::filesystem::path> absent_folders;
};

/// Reads the settings; relative paths start at `folder` (SRCROOT). Flags that only Apple's tools
/// know are left out and named in `notes`.
[[nodiscard]] Result<Compilation> compile_settings(const Settings& settings,
                                                   const std::filesystem::path& folder,
                                                   std::vector<std::string>& notes);

/// Takes out what only Apple's compiler driver knows (`-arch arm64`, `-fobjc-arc`, `-Werror` …).
/// What is left out and could matter is added to `left_out`.
[[nodiscard]] std::vector<std::string> portable_flags(const std::vector<std::string>& flags,
                                                      std::vector<std::string>& left_out);

}  // namespace opendext::project::xcode
