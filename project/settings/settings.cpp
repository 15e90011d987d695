// SPDX-License-Identifier: Apache-2.0
#include "project/settings/settings.h"

#include <fnmatch.h>

#include <algorithm>
#include <cctype>

namespace opendext::project {
namespace {

// Longer values, deeper references and more steps are refused: settings can double with each level.
constexpr size_t kMaximumLength = 1U << 20;
constexpr unsigned kMaximumDepth = 64;
constexpr size_t kMaximumSteps = 100'000;

Error invalid(std::string message) {
    return Error{Errc::invalid, 0, std::move(message)};
}

bool is_name(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

char closing(char open) {
    return open == '(' ? ')' : open == '{' ? '}' : ']';
}

std::string_view trimmed(std::string_view text) {
    const size_t begin = text.find_first_not_of(" \t");
    if (begin == std::string_view::npos) return {};
    return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

/// The end of the reference that begins with the '$' at `at`: behind its bracket. npos: not closed.
size_t reference_end(std::string_view text, size_t at) {
    std::string open;
    for (size_t i = at + 1; i < text.size(); ++i) {
        const bool begins =
            text[i - 1] == '$' && (text[i] == '(' || text[i] == '{' || text[i] == '[');
        if (begins) {
            open += text[i];
        } else if (!open.empty() && text[i] == closing(open.back())) {
            open.pop_back();
            if (open.empty()) return i + 1;
        }
    }
    return std::string_view::npos;
}

bool begins_reference(std::string_view text, size_t at) {
    return text[at] == '$' && at + 1 < text.size() &&
           (text[at + 1] == '(' || text[at + 1] == '{' || text[at + 1] == '[');
}

/// A word of a list, its quotes taken off, and whether it is one bare reference.
struct Word {
    std::string text;
    bool reference = false;
};

/// Splits at blanks outside quotes and references. Quotes and backslashes go, but not inside
/// references, which are expanded later.
Result<std::vector<Word>> split(std::string_view text, bool references) {
    std::vector<Word> words;
    std::string word;
    bool inside = false;
    bool literal = false;  // something else than one reference
    size_t count = 0;
    char quote = 0;
    const auto finish = [&] {
        if (inside) words.push_back({std::move(word), count == 1 && !literal});
        word.clear();
        inside = literal = false;
        count = 0;
    };
    for (size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (references && begins_reference(text, i)) {
            const size_t end = reference_end(text, i);
            if (end == std::string_view::npos)
                return invalid("\"" + std::string(text.substr(i)) + "\" is not closed: add '" +
                               closing(text[i + 1]) + "'");
            word += text.substr(i, end - i);
            inside = true;
            ++count;
            if (quote != 0) literal = true;
            i = end - 1;
        } else if (c == '\\' && quote != '\'' && i + 1 < text.size()) {
            word += text[++i];
            inside = literal = true;
        } else if (quote != 0) {
            if (c == quote) {
                quote = 0;
            } else {
                word += c;
            }
        } else if (c == '"' || c == '\'') {
            quote = c;
            inside = literal = true;
        } else if (std::isspace(static_cast<unsigned char>(c)) != 0) {
            finish();
        } else {
            word += c;
            inside = literal = true;
        }
    }
    finish();
    return words;
}

}  // namespace

/// One evaluation. Knows which assignments it is inside of, so that a setting that refers to itself
/// goes on with what it hides.
class Expansion {
  public:
    explicit Expansion(const Settings& settings, std::vector<std::string>* missing = nullptr)
        : settings_(settings), missing_(missing) {}

    Result<std::string> text(std::string_view text) {
        OD_TRY(step());
        const Depth deeper(depth_);
        std::string result;
        for (size_t at = 0; at < text.size();) {
            if (text[at] != '$' || at + 1 >= text.size()) {
                result += text[at++];
            } else if (begins_reference(text, at)) {
                const size_t end = reference_end(text, at);
                if (end == std::string_view::npos) {
                    return invalid("\"" + std::string(text.substr(at)) + "\" is not closed: add '" +
                                   closing(text[at + 1]) + "'");
                }
                result += OD_TRY(reference(text.substr(at + 2, end - at - 3)));
                at = end;
            } else if (text[at + 1] == '$') {
                result += '$';
                at += 2;
            } else {
                // $NAME counts only where there is such a setting: texts hold dollars too.
                size_t end = at + 1;
                while (end < text.size() && is_name(text[end])) ++end;
                const std::string_view name = text.substr(at + 1, end - at - 1);
                result += !name.empty() && settings_.has(name)
                              ? OD_TRY(named(name))
                              : std::string(text.substr(at, end - at));
                at = end;
            }
            if (result.size() > kMaximumLength) return too_big();
        }
        return result;
    }

    Result<std::vector<std::string>> list(std::string_view raw) {
        OD_TRY(step());
        const Depth deeper(depth_);
        std::vector<std::string> result;
        for (const Word& word : OD_TRY(split(raw, true))) {
            const std::string_view inside =
                word.reference ? std::string_view(word.text).substr(2, word.text.size() - 3)
                               : std::string_view{};
            const bool bare = !inside.empty() && std::ranges::all_of(inside, is_name);
            if (bare) {
                const auto [name, assignment, index] = find(inside);
                if (assignment == nullptr) {
                    OD_TRY(named(inside));  // reports it where that is asked for
                    continue;
                }
                const Inside hidden(stack_, name, index);
                for (auto& item : OD_TRY(list(assignment->value)))
                    result.push_back(std::move(item));
            } else {
                std::string expanded = OD_TRY(text(word.text));
                const bool kept = !expanded.empty() || word.text.empty();
                if (kept) result.push_back(std::move(expanded));
            }
            if (result.size() > kMaximumSteps) return too_big();
        }
        return result;
    }

    Result<std::string> named(std::string_view wanted) {
        const auto [name, assignment, index] = find(wanted);
        if (assignment == nullptr) {
            const bool inherited = wanted == "inherited" || inside(name);
            if (!inherited && missing_ != nullptr) missing_->emplace_back(name);
            if (!inherited && settings_.unknown_ == Settings::Unknown::refused)
                return invalid("$(" + name + ") has no value: give it one with " + option(name));
            if (inherited && settings_.unknown_ == Settings::Unknown::refused)
                return invalid("$(" + name + ") refers to itself: give it a value with --set " +
                               name + "=VALUE");
            return std::string();
        }
        const Inside hidden(stack_, name, index);
        return text(assignment->value);
    }

    [[nodiscard]] auto find(std::string_view wanted) const
        -> std::tuple<std::string, const Assignment*, size_t> {
        // Inside a value of X, both $(inherited) and $(X) mean what lies below that value.
        std::string name(wanted);
        if (wanted == "inherited" && !stack_.empty()) name = stack_.back().first;
        const auto found = settings_.assignments_.find(name);
        if (found == settings_.assignments_.end()) return {name, nullptr, 0};
        size_t below = found->second.size();
        for (const auto& [other, index] : stack_) {
            if (other == name) below = std::min(below, index);
        }
        while (below-- > 0) {
            if (settings_.holds(found->second[below])) return {name, &found->second[below], below};
        }
        return {name, nullptr, 0};
    }

  private:
    using Stack = std::vector<std::pair<std::string, size_t>>;
    struct Inside {
        Inside(Stack& stack, const std::string& name, size_t index) : stack(stack) {
            stack.emplace_back(name, index);
        }
        Inside(const Inside&) = delete;
        Inside& operator=(const Inside&) = delete;
        ~Inside() { stack.pop_back(); }
        Stack& stack;
    };
    struct Depth {
        explicit Depth(unsigned& depth) : depth(depth) { ++depth; }
        Depth(const Depth&) = delete;
        Depth& operator=(const Depth&) = delete;
        ~Depth() { --depth; }
        unsigned& depth;
    };

    static std::string option(const std::string& name) {
        return name == "PRODUCT_BUNDLE_IDENTIFIER" ? "--bundle-id com.example.driver"
                                                   : "--set " + name + "=VALUE";
    }
    static Error too_big() {
        return invalid("this value grows without bound: settings refer to each other too often");
    }
    Status step() {
        if (depth_ > kMaximumDepth || ++steps_ > kMaximumSteps) return too_big();
        return success();
    }
    [[nodiscard]] bool inside(const std::string& name) const {
        return std::ranges::any_of(stack_, [&](const auto& entry) { return entry.first == name; });
    }

    /// What stands between the brackets: NAME or NAME:modifier:modifier=TEXT, all with references
    /// of its own.
    Result<std::string> reference(std::string_view inside_text) {
        std::vector<std::string> parts(1);
        for (size_t i = 0; i < inside_text.size();) {
            if (begins_reference(inside_text, i)) {
                const size_t end = reference_end(inside_text, i);
                if (end == std::string_view::npos) {
                    return invalid("\"" + std::string(inside_text.substr(i)) + "\" is not closed");
                }
                parts.back() += OD_TRY(reference(inside_text.substr(i + 2, end - i - 3)));
                i = end;
            } else if (inside_text[i] == ':') {
                parts.emplace_back();
                ++i;
            } else {
                parts.back() += inside_text[i++];
            }
        }
        const bool has_default = std::any_of(parts.begin() + 1, parts.end(), [](const auto& part) {
            return part.starts_with("default=");
        });
        std::string value;
        if (!has_default || std::get<1>(find(parts[0])) != nullptr) value = OD_TRY(named(parts[0]));
        for (size_t i = 1; i < parts.size(); ++i)
            value = OD_TRY(apply_modifier(std::move(value), parts[i]));
        return value;
    }

    const Settings& settings_;
    std::vector<std::string>* missing_;
    Stack stack_;
    unsigned depth_ = 0;
    size_t steps_ = 0;
};

Result<Assignment> parse_assignment_name(std::string_view written) {
    Assignment result;
    const size_t bracket = written.find('[');
    result.name = trimmed(written.substr(0, bracket));
    if (result.name.empty() || !std::ranges::all_of(result.name, is_name))
        return invalid("\"" + std::string(written) +
                       "\" cannot name a setting: a name is made of letters, digits and _");
    std::string_view rest =
        bracket == std::string_view::npos ? std::string_view{} : written.substr(bracket);
    for (rest = trimmed(rest); !rest.empty(); rest = trimmed(rest)) {
        const size_t end = rest.find(']');
        if (rest.front() != '[' || end == std::string_view::npos)
            return invalid("\"" + std::string(written) +
                           "\" has a condition that is not closed: write NAME[sdk=driverkit*]");
        std::string_view conditions = rest.substr(1, end - 1);
        while (!conditions.empty()) {
            const size_t comma = conditions.find(',');
            const std::string_view one = conditions.substr(0, comma);
            const size_t equals = one.find('=');
            if (equals == std::string_view::npos)
                return invalid("\"" + std::string(written) +
                               "\" has a condition without '=': write NAME[sdk=driverkit*]");
            result.conditions.push_back({std::string(trimmed(one.substr(0, equals))),
                                         std::string(trimmed(one.substr(equals + 1)))});
            conditions =
                comma == std::string_view::npos ? std::string_view{} : conditions.substr(comma + 1);
        }
        rest = rest.substr(end + 1);
    }
    return result;
}

void Settings::set_context(std::string key, std::string value) {
    context_.insert_or_assign(std::move(key), std::move(value));
}

void Settings::push(Level level) {
    for (auto& assignment : level) {
        auto& list = assignments_[assignment.name];
        list.push_back(std::move(assignment));
    }
}

void Settings::push(std::string name, std::string value) {
    push(Level{{std::move(name), {}, std::move(value), {}}});
}

bool Settings::holds(const Assignment& assignment) const {
    return std::ranges::all_of(assignment.conditions, [this](const Condition& condition) {
        const auto found = context_.find(condition.key);
        if (found == context_.end()) return condition.pattern == "*";
        // "driverkit" alone means every version of it, too.
        const std::string& value = found->second;
        const size_t digits = value.find_first_of("0123456789");
        return ::fnmatch(condition.pattern.c_str(), value.c_str(), 0) == 0 ||
               (condition.key == "sdk" && condition.pattern == value.substr(0, digits));
    });
}

Result<std::string> Settings::value(std::string_view name) const {
    Expansion expansion(*this);
    if (std::get<1>(expansion.find(name)) == nullptr) return std::string();
    return expansion.named(name);
}

Result<std::vector<std::string>> Settings::list(std::string_view name) const {
    return Expansion(*this).list("$(" + std::string(name) + ")");
}

bool Settings::is_on(std::string_view name) const {
    const auto text = value(name);
    return text.ok() && (*text == "YES" || *text == "yes" || *text == "true" || *text == "1");
}

bool Settings::has(std::string_view name) const {
    return std::get<1>(Expansion(*this).find(name)) != nullptr;
}

std::string Settings::where(std::string_view name) const {
    const Assignment* assignment = std::get<1>(Expansion(*this).find(name));
    return assignment != nullptr ? assignment->where : std::string();
}

Result<std::string> Settings::expand(std::string_view text) const {
    return Expansion(*this).text(text);
}

std::vector<std::string> Settings::names(std::string_view prefix) const {
    std::vector<std::string> result;
    for (auto it = assignments_.lower_bound(prefix);
         it != assignments_.end() && it->first.starts_with(prefix); ++it) {
        if (has(it->first)) result.push_back(it->first);
    }
    return result;
}

std::vector<std::string> Settings::missing(std::string_view text) const {
    std::vector<std::string> result;
    if (unknown_ == Unknown::empty) (void)Expansion(*this, &result).text(text);
    return result;
}

std::string quote_word(std::string_view word) {
    const bool plain = !word.empty() && word.find_first_of(" \t\n\"'\\") == std::string_view::npos;
    if (plain) return std::string(word);
    std::string result = "\"";
    for (const char c : word) {
        if (c == '"' || c == '\\') result += '\\';
        result += c;
    }
    return result + "\"";
}

std::vector<std::string> split_words(std::string_view text) {
    std::vector<std::string> result;
    auto words = split(text, false);
    if (!words.ok()) return result;
    for (auto& word : *words) result.push_back(std::move(word.text));
    return result;
}

}  // namespace opendext::project
