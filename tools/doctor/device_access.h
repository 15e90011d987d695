// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "tools/doctor/machine.h"

namespace opendext::doctor {

/// Devices of the kernel that programs open with their own rights, as the families have written
/// them down: PREFIX/share/opendext/device-access/NAME.json with
///     {"name": "HID devices", "folder": "/dev", "begins": "hidraw", "cost": what is lost,
///      "rule": a udev rule, "file": where to put it}
/// Files that cannot be read are left out. `root` stands before "folder"; for tests.
[[nodiscard]] std::vector<Feature> examine_device_access(const std::filesystem::path& folder,
                                                         const std::filesystem::path& root = "/");

}  // namespace opendext::doctor
