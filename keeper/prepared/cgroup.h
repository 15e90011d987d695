// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "keeper/prepared/settings.h"
#include "rpc/control_group.h"
#include "rpc/fd.h"
#include "rpc/result.h"

/// Limits of driver processes by control groups: one group for each, below one that is ours.
namespace opendext::prepared {

/// Makes `group` one with groups below it: what runs in it (keeper, opendextd, this process) moves
/// into a group of its own, and the controllers are handed down. Groups that drivers of an earlier
/// keeper left are removed.
Status claim_group(const ControlGroup& group);

struct DriverGroup {
    std::filesystem::path folder;
    UniqueFd fd;  ///< for CLONE_INTO_CGROUP
};
/// A new group with its limits set. `controllers`: those that the parent hands down; limits of
/// others are left out.
Result<DriverGroup> make_group(const std::filesystem::path& parent, const std::string& name,
                               const std::vector<std::string>& controllers, const Limits& limits);

}  // namespace opendext::prepared
