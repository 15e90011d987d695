// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "iig/diagnostics.h"
#include "iig/model.h"
#include "iig/parse/source.h"

namespace opendext::iig {

/// Cuts the source into text and the classes of `file`, takes the `@iig implementation` blocks out
/// and turns .iig includes into .h. The ranges of `cut` are left out; `path` names the file in
/// messages.
void split(File& file, const Source& source, std::vector<std::pair<size_t, size_t>> cut,
           const std::string& path, Diagnostics& diagnostics);

/// Where methods stood, blank lines are left: one is enough.
[[nodiscard]] std::string without_empty_lines(const std::string& text);

}  // namespace opendext::iig
