// SPDX-License-Identifier: Apache-2.0
#include "iig/parse/source.h"

#include <algorithm>

#include "iig/parse/interface_text.h"

namespace opendext::iig {

std::string take(CXString text) {
    const char* chars = clang_getCString(text);
    std::string result = chars ? chars : "";
    clang_disposeString(text);
    return result;
}

Source::Source(CXTranslationUnit unit, CXFile file) {
    size_t size = 0;
    const char* contents = clang_getFileContents(unit, file, &size);
    text_ = without_kernel_alias(std::string(contents ? contents : "", contents ? size : 0));
    const CXSourceRange whole =
        clang_getRange(clang_getLocationForOffset(unit, file, 0),
                       clang_getLocationForOffset(unit, file, static_cast<unsigned>(size)));
    CXToken* tokens = nullptr;
    unsigned count = 0;
    clang_tokenize(unit, whole, &tokens, &count);
    tokens_.reserve(count);
    for (unsigned i = 0; i < count; ++i) {
        const CXSourceRange extent = clang_getTokenExtent(unit, tokens[i]);
        unsigned begin = 0;
        unsigned end = 0;
        clang_getSpellingLocation(clang_getRangeStart(extent), nullptr, nullptr, nullptr, &begin);
        clang_getSpellingLocation(clang_getRangeEnd(extent), nullptr, nullptr, nullptr, &end);
        tokens_.push_back({clang_getTokenKind(tokens[i]),
                           without_kernel_alias(take(clang_getTokenSpelling(unit, tokens[i]))),
                           begin, end});
    }
    clang_disposeTokens(unit, tokens, count);
}

size_t Source::token_from(size_t offset) const {
    const auto at =
        std::lower_bound(tokens_.begin(), tokens_.end(), offset,
                         [](const Token& token, size_t value) { return token.begin < value; });
    return static_cast<size_t>(at - tokens_.begin());
}

size_t Source::after_word(size_t index) const {
    size_t next = index + 1;
    if (next >= tokens_.size() || tokens_[next].text != "(") return next;
    int depth = 0;
    for (; next < tokens_.size(); ++next) {
        if (tokens_[next].text == "(") ++depth;
        if (tokens_[next].text == ")" && --depth == 0) return next + 1;
    }
    return next;
}

bool Source::on_directive(size_t offset) const {
    const size_t newline = text_.rfind('\n', offset);
    const size_t first =
        text_.find_first_not_of(" \t", newline == std::string::npos ? 0 : newline + 1);
    return text_[first] == '#';
}

void Source::widen(size_t& begin, size_t& end, bool has_body) const {
    size_t first = token_from(begin);
    while (first > 0) {
        size_t previous = first - 1;
        if (tokens_[previous].text == ")" ||
            tokens_[previous].text == "]") {  // WORD(…), __attribute__((…)), [[…]]
            int depth = 0;
            size_t open = previous;
            for (;; --open) {
                const std::string& text = tokens_[open].text;
                if (text == ")" || text == "]") ++depth;
                if ((text == "(" || text == "[") && --depth == 0) break;
                if (open == 0) break;
            }
            if (tokens_[open].text == "[") {
                first = open;
                continue;
            }
            if (open == 0 ||
                !(is_word(tokens_[open - 1].text) || tokens_[open - 1].text == "__attribute__"))
                break;
            first = open - 1;
            continue;
        }
        if (!is_word(tokens_[previous].text) || on_directive(tokens_[previous].begin)) break;
        first = previous;
    }
    if (first < tokens_.size()) begin = std::min(begin, tokens_[first].begin);
    size_t next = token_from(end);
    if (has_body) {
        if (next < tokens_.size() && tokens_[next].text == ";") end = tokens_[next].end;
        return;
    }
    for (; next < tokens_.size(); ++next) {
        end = tokens_[next].end;
        if (tokens_[next].text == ";") return;
    }
}

std::string Source::without_words(size_t begin, size_t end) const {
    std::string result;
    size_t copied = begin;
    for (size_t i = token_from(begin); i < tokens_.size() && tokens_[i].begin < end; ++i) {
        if (tokens_[i].kind == CXToken_Comment || !is_word(tokens_[i].text)) continue;
        if (on_directive(tokens_[i].begin)) continue;  // `#ifdef KERNEL` is for the compiler
        result += text_.substr(copied, tokens_[i].begin - copied);
        while (!result.empty() && result.back() == ' ') result.pop_back();
        const size_t next = takes_argument(tokens_[i].text) ? after_word(i) : i + 1;
        copied = tokens_[next - 1].end;
        i = next - 1;
    }
    if (copied < end) result += text_.substr(copied, end - copied);
    return result;
}

std::string Source::one_line(size_t begin, size_t end, std::string* rest) const {
    std::string result;
    std::string* into = &result;
    int depth = 0;
    size_t last_end = 0;
    for (size_t i = token_from(begin); i < tokens_.size() && tokens_[i].begin < end; ++i) {
        const Token& token = tokens_[i];
        if (token.kind == CXToken_Comment) continue;
        if (is_word(token.text)) {
            if (takes_argument(token.text)) i = after_word(i) - 1;
            continue;
        }
        if (token.text == "(" || token.text == "[" || token.text == "{") ++depth;
        if (token.text == ")" || token.text == "]" || token.text == "}") --depth;
        if (token.text == "=" && depth == 0 && into == &result) {
            if (!rest) break;
            into = rest;
            continue;
        }
        if (!into->empty() && token.begin > last_end) *into += ' ';
        *into += token.text;
        last_end = token.end;
    }
    return result;
}

size_t Source::leading_comment(size_t offset) const {
    for (size_t index = token_from(offset); index > 0; --index) {
        const Token& previous = tokens_[index - 1];
        if (previous.kind != CXToken_Comment) break;
        const std::string_view gap(text_.data() + previous.end, offset - previous.end);
        if (gap.find_first_not_of(" \t\r\n") != std::string_view::npos) break;
        // A comment behind other code on its line belongs to that code.
        const size_t line = text_.rfind('\n', previous.begin);
        const size_t start = line == std::string::npos ? 0 : line + 1;
        if (text_.find_first_not_of(" \t", start) != previous.begin) break;
        offset = previous.begin;
    }
    return offset;
}

}  // namespace opendext::iig
