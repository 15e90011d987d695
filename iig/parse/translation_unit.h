// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <clang-c/Index.h>

#include <string>
#include <vector>

#include "iig/diagnostics.h"

namespace opendext::iig {

/// What is to be read, and how.
struct ParseRequest {
    std::string file;
    std::vector<std::string> names;       ///< `<NAME/X.h>` of the project's own interfaces
    std::vector<std::string> interfaces;  ///< of the project, besides `file`
    std::vector<std::string> arguments;   ///< clang's: -I, -isystem, -D …
};

/// A parsed `.iig` file. Every error of clang is in `diagnostics` afterwards.
class TranslationUnit {
  public:
    TranslationUnit() = default;
    ~TranslationUnit();
    TranslationUnit(const TranslationUnit&) = delete;
    TranslationUnit& operator=(const TranslationUnit&) = delete;

    /// False if clang reports an error.
    bool parse(const ParseRequest& request, Diagnostics& diagnostics);
    [[nodiscard]] CXTranslationUnit get() const { return unit_; }
    /// Every file of the disk that was read, for a dependency file.
    [[nodiscard]] std::vector<std::string> inclusions() const;

  private:
    CXIndex index_ = nullptr;
    CXTranslationUnit unit_ = nullptr;
};

}  // namespace opendext::iig
