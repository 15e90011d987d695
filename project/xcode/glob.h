// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace opendext::project::xcode {

/// `*` and `?` stop at '/', `**` does not; a pattern that names a folder means all in it.
[[nodiscard]] bool glob_matches(std::string_view pattern, std::string_view path);
[[nodiscard]] bool glob_matches_any(const std::vector<std::string>& patterns,
                                    std::string_view path);

}  // namespace opendext::project::xcode
