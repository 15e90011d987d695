// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace opendext::iig {

/// A place in a source, as a compiler prints it. Line and column count from 1; 0 = no place.
struct Location {
    std::string file;
    unsigned line = 0;
    unsigned column = 0;
};

/// Collects what is wrong with the input, in the form of a compiler: place, what, the source line,
/// and the fix.
class Diagnostics {
  public:
    /// `fix` says in words what to write instead; it may be empty when the message says it.
    void error(const Location& where, const std::string& what, const std::string& fix = "");
    /// A finding that a compiler has already put into words, source line and fix-its included.
    void formatted(const std::string& text) { text_ += text, ++errors_; }

    [[nodiscard]] bool failed() const { return errors_ != 0; }
    [[nodiscard]] size_t errors() const { return errors_; }
    /// All messages in order, each ending with a newline.
    [[nodiscard]] const std::string& text() const { return text_; }

  private:
    std::string text_;
    size_t errors_ = 0;
};

}  // namespace opendext::iig
