// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <clang-c/Index.h>

#include <string>
#include <string_view>
#include <vector>

namespace opendext::iig {

/// A token of the main file. Offsets are bytes from its start.
struct Token {
    CXTokenKind kind;
    std::string text;
    size_t begin;
    size_t end;
};

/// The text of the main file and its tokens: what cursors do not tell is read off here.
class Source {
  public:
    Source(CXTranslationUnit unit, CXFile file);

    [[nodiscard]] const std::string& text() const { return text_; }
    [[nodiscard]] const std::vector<Token>& tokens() const { return tokens_; }
    /// Index of the first token that starts at or after `offset`.
    [[nodiscard]] size_t token_from(size_t offset) const;
    /// The range of a declaration whose extent is [begin, end), with words and attributes before
    /// it, and everything up to its ';' (not looked for if `has_body`).
    void widen(size_t& begin, size_t& end, bool has_body) const;
    /// The text of [begin, end) without words; white space as it was.
    [[nodiscard]] std::string without_words(size_t begin, size_t end) const;
    /// The same on one line: comments dropped, white space single, cut at a top-level '='. `rest`
    /// gets what follows it.
    [[nodiscard]] std::string one_line(size_t begin, size_t end, std::string* rest = nullptr) const;
    /// Start of the comments that directly precede `offset` (only white space between), or
    /// `offset`.
    [[nodiscard]] size_t leading_comment(size_t offset) const;

  private:
    /// The index after a word's token at `index`, its parenthesised argument included.
    [[nodiscard]] size_t after_word(size_t index) const;
    [[nodiscard]] bool on_directive(size_t offset) const;

    std::string text_;
    std::vector<Token> tokens_;
};

/// clang's string, owned and released.
[[nodiscard]] std::string take(CXString text);

}  // namespace opendext::iig
