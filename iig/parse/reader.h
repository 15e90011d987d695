// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "iig/diagnostics.h"
#include "iig/model.h"
#include "iig/parse/translation_unit.h"

namespace opendext::iig {

/// Reads the classes of the main file of `unit`. What breaks a rule is in `diagnostics`; the model
/// is then not to be used.
[[nodiscard]] File read_file(const TranslationUnit& unit, const std::string& path,
                             Diagnostics& diagnostics);

/// Checks of the model alone: parameters that cannot be sent, one-way results, overloads, data
/// members …
void check(const File& file, Diagnostics& diagnostics);

}  // namespace opendext::iig
