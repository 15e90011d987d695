// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "bundle/plist.h"
#include "project/settings/settings.h"
#include "project/target.h"
#include "rpc/result.h"

namespace opendext::project {

/// The settings of a target that is no Xcode target: its variables, and a reference to another one
/// is an error.
[[nodiscard]] Settings settings_from(const Variables& variables);

/// Replaces $(NAME), ${NAME} and $(NAME:modifier…) in `text` (settings/settings.h); values may hold
/// further variables. The error says which variable has no value, or goes in a circle, and how to
/// give it one.
[[nodiscard]] Result<std::string> expand(std::string_view text, const Variables& variables);

/// The property list with every string expanded, keys too. The error names file, line, key and
/// variable. References that Xcode would replace by nothing are told in `notes`, if given.
[[nodiscard]] Result<bundle::Plist> expand(bundle::Plist plist, const Settings& settings,
                                           std::vector<std::string>* notes = nullptr);
[[nodiscard]] Result<bundle::Plist> expand(bundle::Plist plist, const Variables& variables);

}  // namespace opendext::project
