// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "rpc/value.h"

namespace opendext::doctor {

/// How much depends on something of the machine.
enum class Need : uint8_t {
    essential,  ///< nothing works without it
    isolation,  ///< works, but less stands between a driver and the rest
    reach,      ///< opens more devices to drivers; everything else works without
};
[[nodiscard]] std::string_view to_string(Need need);

/// Something that the kernel, the container or the administrator gives or does not give.
struct Feature {
    std::string name;
    Need need = Need::essential;
    bool present = false;
    std::string found;  ///< what was tried and what came of it
    std::string cost;   ///< what is lost without it; empty if present
    std::string fix;    ///< how to get it; empty if present
};

/// Tries each in a child process or on a descriptor of its own; nothing of the machine changes.
[[nodiscard]] std::vector<Feature> examine_machine();
/// Room for bundles, records, reports and the log in an existing folder of a realm.
[[nodiscard]] Feature realm_space(const std::filesystem::path& realm);

[[nodiscard]] std::string to_text(const std::vector<Feature>& features, bool all);
[[nodiscard]] Value to_value(const std::vector<Feature>& features);

}  // namespace opendext::doctor
