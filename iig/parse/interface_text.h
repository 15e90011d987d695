// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

/// What can be read off the text of an interface file without a compiler.
namespace opendext::iig {

/// A name, number, literal or mark. Comments and white space are none.
struct Lexeme {
    std::string_view text;
    size_t begin = 0;
    bool directive = false;    ///< on a line of the preprocessor
    bool conditional = false;  ///< on a line such as #if, #ifdef, #elif
};

/// Cuts any text into lexemes; what is not C++ comes out as single characters.
[[nodiscard]] std::vector<Lexeme> lexemes(std::string_view text);

/// True for the words of the interface language: LOCAL, KERNEL, TYPE …
[[nodiscard]] bool is_word(std::string_view text);
/// The word has an argument in parentheses.
[[nodiscard]] bool takes_argument(std::string_view word);

/// While iig runs, KERNEL must not be a macro: headers of drivers ask `#if KERNEL` and mean the
/// kernel. Interface files are read with this name of the same length in the places of the word, so
/// that no offset moves.
inline constexpr std::string_view kKernelAlias = "IIG_KN";
[[nodiscard]] std::string with_kernel_alias(std::string_view text);
/// The text as it was, for messages and output.
[[nodiscard]] std::string without_kernel_alias(std::string text);

/// The files that `#include` and `#import` lines name, without quotes; `<` or `"` first.
[[nodiscard]] std::vector<std::string> included_names(std::string_view text);

/// A word where clang takes no attribute.
struct Misplaced {
    size_t offset = 0;
    std::string what;
    std::string fix;
    bool breaks_class = false;  ///< everything after it is misunderstood
};
[[nodiscard]] std::vector<Misplaced> misplaced_words(std::string_view text);

}  // namespace opendext::iig
