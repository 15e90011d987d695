// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <clang-c/Index.h>

#include "iig/diagnostics.h"

namespace opendext::iig {

/// Puts every error of clang into `diagnostics`, with the source line and the way out. An error
/// that comes of a word in a place where clang takes none is told as that.
void report_clang_errors(CXTranslationUnit unit, Diagnostics& diagnostics);

}  // namespace opendext::iig
