// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string_view>
#include <vector>

#include "rpc/result.h"

namespace opendext::project {

/// What `opendext build PATH` is to build.
struct Located {
    enum class Kind {
        folder,       ///< a plain folder of driver sources
        description,  ///< a .dexttarget file
        xcode,        ///< one or several .xcodeproj (those of a workspace)
        xcodegen,     ///< a project.yml
        cmake,        ///< a folder whose CMakeLists.txt uses add_dext()
    };
    Kind kind = Kind::folder;
    std::vector<std::filesystem::path> paths;  ///< absolute; one, or the projects of a workspace
    std::filesystem::path folder;              ///< where build/ goes if nobody says otherwise
};
[[nodiscard]] std::string_view to_string(Located::Kind kind);

/// Looks at PATH: a project file is what it is; a folder is its only .xcodeproj, else the projects
/// of its only .xcworkspace, else its project.yml, else its CMakeLists.txt with add_dext(), else
/// its sources. A folder without any of these, but with exactly one project below, is that project.
/// The error names the choices when there are several.
[[nodiscard]] Result<Located> locate(const std::filesystem::path& path);

}  // namespace opendext::project
