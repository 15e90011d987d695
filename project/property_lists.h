// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "project/settings/settings.h"
#include "project/target.h"
#include "rpc/result.h"

namespace opendext::project {

/// Info.plist and entitlements as the bundle will hold them.
struct PropertyLists {
    Dictionary info;
    Value entitlements;  ///< null: the driver has none
    std::string executable;
    std::vector<std::string> warnings;
};

/// Adds the keys to Info.plist that Xcode adds too when a project leaves them out.
[[nodiscard]] Status complete_info(Dictionary& root, const Target& target,
                                   const Settings& settings);

/// Reads both, expands them, completes Info.plist as Xcode does, and checks them against the rules
/// of bundle/rules.h and against the classes that the sources and the SDK below `sdk` define.
[[nodiscard]] Result<PropertyLists> prepare_property_lists(
    const Target& target, const Settings& settings, const std::filesystem::path& sdk,
    const std::set<std::string>& provider_classes);

}  // namespace opendext::project
