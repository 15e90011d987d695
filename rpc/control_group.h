// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "rpc/result.h"

namespace opendext {

/// A control group (cgroup v2) whose inside is left to us.
struct ControlGroup {
    std::filesystem::path folder;
    /// Which of "memory", "pids" and "cpu" limits below it may have.
    std::vector<std::string> controllers;
};

/// Where to look; tests have folders of their own.
struct ControlGroupPlaces {
    std::filesystem::path own = "/proc/self/cgroup";
    std::filesystem::path mounts = "/proc/self/mounts";
};

/// The group of the calling process, if this process may write there, whoever manages the groups
/// has delegated it (systemd: Delegate=yes; a container's root group counts too), and it has
/// controllers to give. Changes nothing. The error says what is missing.
[[nodiscard]] Result<ControlGroup> find_control_group(const ControlGroupPlaces& places = {});

/// The same of a folder that the administrator named: nobody is asked whether it is delegated.
[[nodiscard]] Result<ControlGroup> control_group_at(const std::filesystem::path& folder);

}  // namespace opendext
