// SPDX-License-Identifier: Apache-2.0
#include "iig/parse/interface_text.h"

#include <algorithm>
#include <array>
#include <cctype>

namespace opendext::iig {

namespace {

bool is_letter(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '$' ||
           static_cast<unsigned char>(c) >= 0x80;
}

bool is_digit(char c) {
    return std::isdigit(static_cast<unsigned char>(c)) != 0;
}

class Lexer {
  public:
    explicit Lexer(std::string_view text) : text_(text) {}

    std::vector<Lexeme> run() {
        if (text_.starts_with("\xEF\xBB\xBF")) at_ = 3;
        while (at_ < text_.size()) step();
        return std::move(result_);
    }

  private:
    void step() {
        const char c = text_[at_];
        if (c == '\n') {
            line_start_ = true, directive_ = false, conditional_ = false;
            ++at_;
        } else if (c == '\\' && (starts("\\\n") || starts("\\\r\n"))) {
            at_ += text_[at_ + 1] == '\n' ? 2 : 3;  // the line goes on
        } else if (std::isspace(static_cast<unsigned char>(c))) {
            ++at_;
        } else if (starts("//")) {
            line_comment();
        } else if (starts("/*")) {
            const size_t end = text_.find("*/", at_ + 2);
            at_ = end == std::string_view::npos ? text_.size() : end + 2;
        } else {
            lexeme(c);
        }
    }

    [[nodiscard]] bool starts(std::string_view what) const {
        return text_.substr(at_).starts_with(what);
    }

    void line_comment() {
        while (at_ < text_.size() && text_[at_] != '\n') {
            const bool goes_on = starts("\\\n") || starts("\\\r\n");
            at_ += !goes_on ? 1 : text_[at_ + 1] == '\n' ? 2 : 3;
        }
        at_ = std::min(at_, text_.size());
    }

    void lexeme(char c) {
        const size_t begin = at_;
        if (c == '#' && line_start_) {
            directive_ = true;
            ++at_;
        } else if (c == '"' || c == '\'') {
            quoted(c);
        } else if (is_digit(c)) {
            while (at_ < text_.size() &&
                   (is_letter(text_[at_]) || text_[at_] == '.' ||
                    (text_[at_] == '\'' && at_ + 1 < text_.size() && is_letter(text_[at_ + 1]))))
                ++at_;
        } else if (is_letter(c)) {
            while (at_ < text_.size() && is_letter(text_[at_])) ++at_;
            if (at_ < text_.size() && text_[at_] == '"' && text_[at_ - 1] == 'R') raw_string();
        } else {
            at_ += starts("->") || starts("::") || starts("&&") ? 2 : 1;
        }
        const std::string_view found = text_.substr(begin, at_ - begin);
        if (directive_ && !result_.empty() && result_.back().text == "#") {
            conditional_ = found.starts_with("if") || found.starts_with("elif") || found == "undef";
        }
        result_.push_back({found, begin, directive_, conditional_});
        line_start_ = false;
    }

    void quoted(char mark) {
        for (++at_; at_ < text_.size() && text_[at_] != '\n'; ++at_) {
            if (text_[at_] == '\\' && at_ + 1 < text_.size()) {
                ++at_;
            } else if (text_[at_] == mark) {
                ++at_;
                return;
            }
        }
        at_ = std::min(at_, text_.size());
    }

    void raw_string() {
        const size_t open = text_.find('(', at_);
        if (open == std::string_view::npos) return quoted('"');
        const std::string close = ")" + std::string(text_.substr(at_ + 1, open - at_ - 1)) + "\"";
        const size_t end = text_.find(close, open);
        at_ = end == std::string_view::npos ? text_.size() : end + close.size();
    }

    std::string_view text_;
    size_t at_ = 0;
    bool line_start_ = true;
    bool directive_ = false;
    bool conditional_ = false;
    std::vector<Lexeme> result_;
};

}  // namespace

std::vector<Lexeme> lexemes(std::string_view text) {
    return Lexer(text).run();
}

bool is_word(std::string_view text) {
    static constexpr std::array<std::string_view, 16> kWords = {
        "KERNEL",  "NATIVE",      "LOCAL",        "LOCALONLY",    "LOCALHOST",    "REMOTE",
        "REPLY",   "INVOKEREPLY", "TARGET",       "PORTMAKESEND", "PORTCOPYSEND", "TYPE",
        "EXTENDS", "QUEUENAME",   "SERIALIZABLE", "CONCRETE"};
    const bool prefixed = text.starts_with("IIG_");
    if (prefixed) text.remove_prefix(4);
    if (!prefixed && (text == "SERIALIZABLE" || text == "CONCRETE")) return false;
    return std::find(kWords.begin(), kWords.end(), text) != kWords.end();
}

bool takes_argument(std::string_view word) {
    return word.ends_with("TYPE") || word.ends_with("EXTENDS") || word.ends_with("QUEUENAME");
}

std::string with_kernel_alias(std::string_view text) {
    std::string result(text);
    if (text.find("KERNEL") == std::string_view::npos) return result;
    std::string_view previous;
    for (const Lexeme& lexeme : lexemes(text)) {
        const bool defined_here = lexeme.directive && previous == "define";
        if (lexeme.text == "KERNEL" && !lexeme.conditional && !defined_here)
            result.replace(lexeme.begin, kKernelAlias.size(), kKernelAlias);
        previous = lexeme.text;
    }
    return result;
}

std::string without_kernel_alias(std::string text) {
    for (size_t at = 0; (at = text.find(kKernelAlias, at)) != std::string::npos;)
        text.replace(at, kKernelAlias.size(), "KERNEL");
    return text;
}

std::vector<std::string> included_names(std::string_view text) {
    std::vector<std::string> names;
    const std::vector<Lexeme> all = lexemes(text);
    for (size_t i = 1; i + 1 < all.size(); ++i) {
        if (!all[i].directive || all[i - 1].text != "#") continue;
        if (all[i].text != "include" && all[i].text != "import") continue;
        const std::string_view first = all[i + 1].text;
        if (first.size() > 2 && first.front() == '"') {
            names.emplace_back(first.substr(0, first.size() - 1));
        } else if (first == "<") {
            const size_t begin = all[i + 1].begin;
            const size_t end = text.find_first_of(">\n", begin);
            if (end != std::string_view::npos && end > begin + 1 && text[end] == '>')
                names.emplace_back(text.substr(begin, end - begin));
        }
    }
    return names;
}

namespace {

/// The lexemes of the code, and for each place what stands there when words are left out.
class WordPlaces {
  public:
    explicit WordPlaces(std::string_view text) : source_(text) {
        for (const Lexeme& lexeme : lexemes(text)) {
            if (!lexeme.directive) all_.push_back(lexeme);
        }
        part_of_word_.resize(all_.size());
        for (size_t i = 0; i < all_.size(); ++i) {
            if (!is_word(all_[i].text)) continue;
            words_.push_back(i);
            part_of_word_[i] = true;
            if (!takes_argument(all_[i].text) || text_at(i + 1) != "(") continue;
            int depth = 0;
            for (++i; i < all_.size(); ++i) {
                part_of_word_[i] = true;
                if (all_[i].text == "(") ++depth;
                if (all_[i].text == ")" && --depth == 0) break;
            }
        }
    }

    [[nodiscard]] std::vector<Misplaced> misplaced() const {
        std::vector<Misplaced> result;
        for (const size_t word : words_) judge(word, result);
        return result;
    }

  private:
    static constexpr size_t kNone = static_cast<size_t>(-1);

    [[nodiscard]] std::string_view text_at(size_t index) const {
        return index < all_.size() ? all_[index].text : std::string_view();
    }
    [[nodiscard]] size_t before(size_t index) const {
        while (index != kNone && index > 0) {
            if (!part_of_word_[--index]) return index;
        }
        return kNone;
    }
    [[nodiscard]] size_t after(size_t index) const {
        for (++index; index < all_.size(); ++index) {
            if (!part_of_word_[index]) return index;
        }
        return kNone;
    }

    /// The word with its argument.
    [[nodiscard]] std::string spelled(size_t word) const {
        size_t last = word;
        while (last + 1 < all_.size() && part_of_word_[last + 1] && !is_word(all_[last + 1].text))
            ++last;
        const size_t end = all_[last].begin + all_[last].text.size();
        return std::string(source_.substr(all_[word].begin, end - all_[word].begin));
    }

    /// The class key before the name of a class that ends at `index`.
    [[nodiscard]] bool after_class_name(size_t index) const {
        if (text_at(index) == "final") index = before(index);
        if (text_at(index).empty() || !is_letter(text_at(index).front())) return false;
        const std::string_view key = text_at(before(index));
        return key == "class" || key == "struct";
    }

    /// A `->` between `index` and the start of its declaration: a trailing result type.
    [[nodiscard]] bool after_arrow(size_t index) const {
        for (; index != kNone; index = before(index)) {
            const std::string_view text = text_at(index);
            if (text == "->") return true;
            if (text == ";" || text == "{" || text == "}" || text == "(" || text == ",") break;
        }
        return false;
    }

    void judge(size_t word, std::vector<Misplaced>& result) const {
        const std::string name = spelled(word);
        const size_t previous = before(word);
        const size_t next = after(word);
        const std::string_view left = text_at(previous);
        const std::string_view right = text_at(next);
        const auto is_specifier = [](std::string_view text) {
            return text == "override" || text == "final";
        };
        const auto add = [&](const std::string& what, const std::string& fix, bool breaks = false) {
            result.push_back({all_[word].begin,
                              "'" + std::string(all_[word].text) + "' cannot stand " + what, fix,
                              breaks});
        };
        if ((right == ":" || right == "{" || right == "final" || right == ";") &&
            after_class_name(previous)) {
            const std::string_view class_name =
                text_at(left == "final" ? before(previous) : previous);
            add("after the name of the class",
                "'" + name + "' stands before the class name: 'class " + name + " " +
                    std::string(class_name) + "'",
                true);
        } else if (right == "->") {
            add("between ')' and '->'",
                "write '" + name + "' before the declaration: '" + name + " virtual auto …'");
        } else if (left == "0" && text_at(before(previous)) == "=") {
            add("after '= 0'", "write '" + name + " = 0'");
        } else if (is_specifier(left) && is_specifier(right)) {
            add("between '" + std::string(left) + "' and '" + std::string(right) + "'",
                "write '" + std::string(left) + " " + std::string(right) + " " + name + "'");
        } else if (left == ")" && (right == "const" || right == "noexcept" || right == "volatile" ||
                                   right == "&" || right == "&&")) {
            add("before '" + std::string(right) + "'",
                "write '" + std::string(right) + " " + name + "'");
        } else if (after_arrow(previous)) {
            add("after a result type that trails",
                "write '" + name + "' before the declaration: '" + name + " virtual auto …'");
        }
    }

    std::string_view source_;
    std::vector<Lexeme> all_;
    std::vector<bool> part_of_word_;
    std::vector<size_t> words_;
};

}  // namespace

std::vector<Misplaced> misplaced_words(std::string_view text) {
    return WordPlaces(text).misplaced();
}

}  // namespace opendext::iig
