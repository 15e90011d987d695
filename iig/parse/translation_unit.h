// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <clang-c/Index.h>

#include <memory>
#include <string>
#include <vector>

#include "iig/diagnostics.h"

namespace opendext::iig {

/// A directory of one-line headers that stand for interface files while iig runs: `F/X.h` includes
/// `F/X.iig` for every
/// `.iig` in an include directory, so that a class is not seen both as interface and as generated
/// header. Removed with the object.
class Shims {
  public:
    Shims() = default;
    ~Shims();
    Shims(const Shims&) = delete;
    Shims& operator=(const Shims&) = delete;

    /// Makes them for the include directories; false and a message if the directory cannot be made.
    bool make(const std::vector<std::string>& include_directories, Diagnostics& diagnostics);
    [[nodiscard]] const std::string& directory() const { return directory_; }

  private:
    std::string directory_;
};

/// A parsed `.iig` file. Every error of clang is in `diagnostics` afterwards.
class TranslationUnit {
  public:
    TranslationUnit() = default;
    ~TranslationUnit();
    TranslationUnit(const TranslationUnit&) = delete;
    TranslationUnit& operator=(const TranslationUnit&) = delete;

    /// `arguments` are clang's: -I, -isystem, -D …. False if clang reports an error.
    bool parse(const std::string& file, const std::vector<std::string>& arguments,
               Diagnostics& diagnostics);
    [[nodiscard]] CXTranslationUnit get() const { return unit_; }
    /// Every file that was read, for a dependency file; shims are left out.
    [[nodiscard]] std::vector<std::string> inclusions() const;

  private:
    Shims shims_;
    CXIndex index_ = nullptr;
    CXTranslationUnit unit_ = nullptr;
};

}  // namespace opendext::iig
