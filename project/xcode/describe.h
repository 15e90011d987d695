// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "project/target.h"
#include "project/xcode/environment.h"
#include "project/xcode/model.h"

namespace opendext::project::xcode {

/// What the description of a target needs to know besides the project.
struct DescribeOptions {
    Environment environment;
    std::set<std::string> frameworks;                    ///< that the SDK has: "DriverKit" …
    std::vector<std::filesystem::path> include_folders;  ///< of the command line
    std::vector<std::string> definitions;
};

/// A dext of a project as the builder wants it.
[[nodiscard]] Result<project::Target> describe(const Project& project, const Target& target,
                                               const DescribeOptions& options);

/// An application that carries dexts.
struct Application {
    std::string target;
    std::string wrapper;             ///< "My App.app"
    std::vector<std::string> dexts;  ///< names of targets
    Dictionary info;                 ///< Info.plist; empty if it cannot be told
};

/// Applications of the project that embed driver extensions.
[[nodiscard]] Result<std::vector<Application>> applications(const Project& project,
                                                            const Environment& environment);

/// Names of the driver extensions that `application` embeds or depends on.
[[nodiscard]] std::vector<std::string> embedded(const Project& project, const Target& application);

/// True for targets that become a dext: driver extensions, and system extensions for DriverKit.
[[nodiscard]] bool is_dext(const Project& project, const Target& target);

}  // namespace opendext::project::xcode
