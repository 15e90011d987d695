// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "project/builder.h"
#include "project/locate.h"
#include "project/target.h"
#include "rpc/result.h"

namespace opendext::project {

/// What the command line says about a build of whatever kind.
struct ProjectOptions {
    std::string target;            ///< --target; empty: all dexts
    std::string configuration;     ///< --configuration; empty: the project's default
    std::filesystem::path output;  ///< -o, absolute; empty: build/CONFIGURATION beside the project
    TargetOptions common;
    BuildOptions build;  ///< its output is set by the build
};

/// What was made.
struct ProjectResult {
    std::vector<BuildResult> dexts;
    std::vector<std::filesystem::path> applications;  ///< APP.app with dexts in it
    /// Targets of the project that are not built, with the reason.
    std::vector<std::string> notes;
};

/// Builds the dexts of Xcode and XcodeGen projects, and puts them into the applications that embed
/// them.
[[nodiscard]] Result<ProjectResult> build_project(const Located& located,
                                                  const ProjectOptions& options,
                                                  const Toolchain& toolchain);

/// The dexts of Xcode and XcodeGen projects that `options` mean, as they would be built. `sdk`: the
/// folder with include/.
[[nodiscard]] Result<std::vector<Target>> describe_dexts(const Located& located,
                                                         const ProjectOptions& options,
                                                         const std::filesystem::path& sdk);

/// What --list prints: targets with their types, configurations, default first.
[[nodiscard]] Result<std::string> list_project(const Located& located,
                                               const ProjectOptions& options);

}  // namespace opendext::project
