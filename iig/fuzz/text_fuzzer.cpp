// SPDX-License-Identifier: Apache-2.0
// What reads interface files without a compiler, on any bytes: no crash, no offset outside the
// text, and nothing but KERNEL is renamed.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "iig/parse/interface_text.h"

namespace {

void require(bool good) {
    if (!good) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace opendext::iig;
    const std::string text(reinterpret_cast<const char*>(data), size);

    size_t end = 0;
    for (const Lexeme& lexeme : lexemes(text)) {
        require(!lexeme.text.empty() && lexeme.begin >= end);
        require(lexeme.text == std::string_view(text).substr(lexeme.begin, lexeme.text.size()));
        require(lexeme.directive || !lexeme.conditional);
        end = lexeme.begin + lexeme.text.size();
    }
    require(end <= text.size());

    const std::string aliased = with_kernel_alias(text);
    require(aliased.size() == text.size());
    if (text.find(kKernelAlias) == std::string::npos)
        require(without_kernel_alias(aliased) == text);

    for (const Misplaced& word : misplaced_words(text)) {
        require(word.offset < text.size() && !word.what.empty() && !word.fix.empty());
        require(is_word(std::string_view(text).substr(
            word.offset,
            text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ_", word.offset) - word.offset)));
    }
    for (const std::string& name : included_names(text))
        require(name.size() > 1 && (name.front() == '<' || name.front() == '"'));
    return 0;
}
