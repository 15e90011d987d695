// SPDX-License-Identifier: Apache-2.0
#include "project/variables.h"

#include <algorithm>
#include <cctype>

namespace opendext::project {
namespace {

constexpr unsigned kMaximumDepth = 32;

Error invalid(std::string message) {
    return Error{Errc::invalid, 0, std::move(message)};
}

std::string replace_others(std::string text, std::string_view allowed, char by) {
    std::replace_if(
        text.begin(), text.end(),
        [allowed](unsigned char c) {
            return std::isalnum(c) == 0 &&
                   allowed.find(static_cast<char>(c)) == std::string_view::npos;
        },
        by);
    return text;
}

std::string map(std::string text, int (*change)(int)) {
    std::transform(text.begin(), text.end(), text.begin(),
                   [change](unsigned char c) { return static_cast<char>(change(c)); });
    return text;
}

Result<std::string> modify(std::string text, std::string_view modifier) {
    if (modifier == "rfc1034identifier") return replace_others(std::move(text), ".-", '-');
    if (modifier == "c99extidentifier" || modifier == "identifier") {
        if (!text.empty() && std::isdigit(static_cast<unsigned char>(text.front())) != 0)
            text.front() = '_';
        return replace_others(std::move(text), "_", '_');
    }
    if (modifier == "lower") return map(std::move(text), std::tolower);
    if (modifier == "upper") return map(std::move(text), std::toupper);
    if (modifier.starts_with("default="))
        return text.empty() ? std::string(modifier.substr(8)) : std::move(text);
    return invalid("unknown modifier \"" + std::string(modifier) +
                   "\": use rfc1034identifier, c99extidentifier, lower, upper or default=TEXT");
}

Result<std::string> expand_text(std::string_view text, const Variables& variables, unsigned depth);

Result<std::string> expand_reference(std::string_view inside, const Variables& variables,
                                     unsigned depth) {
    const size_t colon = inside.find(':');
    const std::string name(inside.substr(0, colon));
    const bool has_default = inside.find(":default=") != std::string_view::npos;
    const auto found = variables.find(name);
    std::string value;
    if (found != variables.end()) {
        if (depth > kMaximumDepth)
            return invalid("$(" + name + ") refers to itself: give it a value with --set " + name +
                           "=VALUE");
        value = OD_TRY(expand_text(found->second, variables, depth + 1));
    } else if (!has_default) {
        const std::string option = name == "PRODUCT_BUNDLE_IDENTIFIER"
                                       ? "--bundle-id com.example.driver"
                                       : "--set " + name + "=VALUE";
        return invalid("$(" + name + ") has no value: give it one with " + option);
    }
    std::string_view rest =
        colon == std::string_view::npos ? std::string_view{} : inside.substr(colon + 1);
    while (!rest.empty()) {
        const size_t next = rest.find(':');
        value = OD_TRY(modify(std::move(value), rest.substr(0, next)));
        rest = next == std::string_view::npos ? std::string_view{} : rest.substr(next + 1);
    }
    return value;
}

Result<std::string> expand_text(std::string_view text, const Variables& variables, unsigned depth) {
    std::string result;
    for (size_t at = 0; at < text.size();) {
        const bool opens =
            text[at] == '$' && at + 1 < text.size() && (text[at + 1] == '(' || text[at + 1] == '{');
        if (!opens) {
            result += text[at++];
            continue;
        }
        // The name itself may hold a reference: $(SETTING_$(CONFIGURATION)).
        const char open = text[at + 1];
        const char close = open == '(' ? ')' : '}';
        size_t end = at + 2;
        for (int level = 1; end < text.size(); ++end) {
            if (text[end] == open && text[end - 1] == '$') ++level;
            if (text[end] == close && --level == 0) break;
        }
        if (end >= text.size()) {
            return invalid("\"" + std::string(text.substr(at)) + "\" is not closed: add '" + close +
                           "'");
        }
        if (depth > kMaximumDepth)
            return invalid("\"" + std::string(text) +
                           "\" refers to itself: give it a value with --set NAME=VALUE");
        const std::string inside =
            OD_TRY(expand_text(text.substr(at + 2, end - at - 2), variables, depth + 1));
        result += OD_TRY(expand_reference(inside, variables, depth));
        at = end + 1;
    }
    return result;
}

Result<Value> expand_value(const Value& value, const std::string& path, const bundle::Plist& plist,
                           const Variables& variables) {
    const auto located = [&](const std::string& below,
                             std::string_view text) -> Result<std::string> {
        auto expanded = expand_text(text, variables, 0);
        if (expanded.ok()) return expanded;
        return std::move(expanded).error().in(plist.where(below) + ": " + below);
    };
    const auto join = [&](const std::string& key) { return path.empty() ? key : path + "/" + key; };
    if (const std::string* text = value.string(); text != nullptr)
        return Value(OD_TRY(located(path, *text)));
    if (const Array* array = value.array(); array != nullptr) {
        Array result;
        for (size_t i = 0; i < array->size(); ++i) {
            result.push_back(
                OD_TRY(expand_value((*array)[i], join(std::to_string(i)), plist, variables)));
        }
        return Value(std::move(result));
    }
    if (const Dictionary* dictionary = value.dictionary(); dictionary != nullptr) {
        Dictionary result;
        for (const auto& [key, member] : *dictionary) {
            result.insert_or_assign(OD_TRY(located(join(key), key)),
                                    OD_TRY(expand_value(member, join(key), plist, variables)));
        }
        return Value(std::move(result));
    }
    return value;
}

}  // namespace

Result<std::string> expand(std::string_view text, const Variables& variables) {
    return expand_text(text, variables, 0);
}

Result<bundle::Plist> expand(bundle::Plist plist, const Variables& variables) {
    plist.root = OD_TRY(expand_value(plist.root, "", plist, variables));
    return plist;
}

}  // namespace opendext::project
