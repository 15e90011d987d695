// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "project/lint/finding.h"
#include "project/target.h"
#include "rpc/result.h"

namespace opendext::lint {

struct Options {
    std::set<std::string> ignored;  ///< ids of rules
    std::string target;             ///< of a project; empty: every driver
    std::string configuration;
    project::TargetOptions common;  ///< values of build variables and the like
    std::filesystem::path prefix;   ///< of the installation
};

/// Looks at PATH: a folder or project as `opendext build` takes it, a built NAME.dext, or a single
/// property list or .entitlements file. An Error says that there is nothing to look at; what is
/// wrong with a driver is a finding.
[[nodiscard]] Result<std::vector<Finding>> lint(const std::filesystem::path& path,
                                                const Options& options);

/// "FILE:LINE:COLUMN: error: MESSAGE [RULE]" and the fix below it.
[[nodiscard]] std::string to_text(const Finding& finding);
/// All of them as docs/schemas/lint.json describes.
[[nodiscard]] std::string to_json(const std::filesystem::path& path,
                                  const std::vector<Finding>& findings);

}  // namespace opendext::lint
