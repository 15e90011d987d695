// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <vector>

#include "tools/doctor/machine.h"

namespace opendext::doctor {

/// What the system's realm changed of the machine and did not change back, since keeper and
/// opendextd were killed together. The families have written down where it is noted:
/// PREFIX/share/opendext/left-behind/NAME.json with
///     {"name": "input devices held off", "notes": a file of one device a line, "attribute": what
///      has the value 1 for each of them, "%" stands for its name, "cost": what is lost,
///      "fix": the way out}
/// Files that cannot be read are left out. While the realm is up nothing is left behind: it uses
/// what it has noted, or gives it back. `root` stands before "notes" and "attribute"; for tests.
[[nodiscard]] std::vector<Feature> examine_left_behind(const std::filesystem::path& folder,
                                                       bool realm_is_up,
                                                       const std::filesystem::path& root = "/");

}  // namespace opendext::doctor
