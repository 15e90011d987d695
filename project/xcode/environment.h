// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

#include "project/settings/settings.h"
#include "project/target.h"
#include "project/xcode/model.h"

namespace opendext::project::xcode {

/// Folders and choices of one build, which settings refer to.
struct Environment {
    std::string configuration;       ///< empty: the project's default
    std::filesystem::path products;  ///< BUILT_PRODUCTS_DIR: where NAME.dext is written
    Variables overrides;             ///< of the command line: above everything
};

/// The name of the configuration that counts for `target`: the one asked for, else the default of
/// the target, of the project, else its only one. The error names those that there are.
[[nodiscard]] Result<std::string> choose_configuration(const Project& project, const Target& target,
                                                       const std::string& wanted);

/// The build settings of a target: what Xcode sets by itself, the project's level, the target's
/// level, the command line; each level's .xcconfig file below its own settings. A file that is
/// named and not there is an error with the step that makes it.
[[nodiscard]] Result<Settings> settings_of(const Project& project, const Target& target,
                                           const Environment& environment);

/// NAME.build below the products: what is in between.
[[nodiscard]] std::filesystem::path work_folder(const std::filesystem::path& products,
                                                const std::string& name);

}  // namespace opendext::project::xcode
