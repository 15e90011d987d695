// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "bundle/plist.h"
#include "project/target.h"
#include "rpc/result.h"

namespace opendext::project {

/// Replaces $(NAME), ${NAME} and $(NAME:modifier…) in `text`; values may hold further variables.
/// Modifiers: rfc1034identifier, c99extidentifier, identifier, lower, upper, default=TEXT. The
/// error says which variable has no value, or goes in a circle, and how to give it one.
[[nodiscard]] Result<std::string> expand(std::string_view text, const Variables& variables);

/// The property list with every string expanded, keys too. The error names file, line, key and
/// variable.
[[nodiscard]] Result<bundle::Plist> expand(bundle::Plist plist, const Variables& variables);

}  // namespace opendext::project
