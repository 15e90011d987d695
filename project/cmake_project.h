// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include "project/locate.h"
#include "project/project_build.h"
#include "rpc/result.h"

namespace opendext::project {

/// Configures and builds a CMake project with the OpenDext package of the installation at `prefix`,
/// in NAME.cmake below the output folder, and copies the bundles that add_dext() made into it.
[[nodiscard]] Result<ProjectResult> build_cmake(const Located& located,
                                                const ProjectOptions& options,
                                                const std::filesystem::path& prefix);

}  // namespace opendext::project
