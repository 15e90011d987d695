// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "project/target.h"

namespace opendext::project {

/// What can be said about a failed build besides what clang printed: frameworks that this OpenDext
/// does not have, names that no version of DriverKit has, steps that Xcode takes and that were left
/// out. One line each, to be printed below the error; empty if the diagnostics say it all.
[[nodiscard]] std::vector<std::string> explain_failure(std::string_view printed,
                                                       const Target& target,
                                                       const std::filesystem::path& sdk);

/// Names that the public interface of DriverKit has, of all frameworks and versions.
[[nodiscard]] std::set<std::string> api_names(const std::filesystem::path& sdk);

/// Names of the frameworks that the SDK has: "DriverKit" …
[[nodiscard]] std::vector<std::string> sdk_frameworks(const std::filesystem::path& sdk);

}  // namespace opendext::project
