// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace opendext::keeper {

/// Which limits of its control group a driver process ran into, in words, from the kernel's
/// counters in the group's folder. Empty if none, or if the folder cannot be read.
[[nodiscard]] std::vector<std::string> limits_hit(const std::filesystem::path& group);

}  // namespace opendext::keeper
