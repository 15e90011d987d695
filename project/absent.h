// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace opendext::project {

/// Why a file that a project names may not be there, and the step that makes it: CocoaPods,
/// Carthage, a submodule, a template beside it and the makefile that fills it in. Ends with a way
/// out; never empty.
[[nodiscard]] std::string why_absent(const std::filesystem::path& file,
                                     const std::filesystem::path& project_folder);

/// The message for sources that a target lists and that are not there: `places[i]` is the entry of
/// the project file that names `files[i]`; `listed` is how many sources the target has.
[[nodiscard]] std::string absent_sources(const std::string& target,
                                         const std::vector<std::filesystem::path>& files,
                                         const std::vector<std::string>& places, size_t listed,
                                         const std::filesystem::path& project_folder);

}  // namespace opendext::project
