// SPDX-License-Identifier: Apache-2.0
#include "daemon/matching/hints.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <optional>
#include <set>

#include "daemon/matching/match.h"
#include "rpc/nearest_name.h"

namespace opendext::daemon {
namespace {

std::string lower(std::string_view text) {
    std::string result(text);
    std::transform(result.begin(), result.end(), result.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return result;
}

/// The number that a text is, decimal or hexadecimal.
std::optional<uint64_t> number_in(const std::string& text) {
    const bool hexadecimal = text.starts_with("0x") || text.starts_with("0X");
    const char* begin = text.data() + (hexadecimal ? 2 : 0);
    const char* end = text.data() + text.size();
    uint64_t value = 0;
    const auto [stop, error] = std::from_chars(begin, end, value, hexadecimal ? 16 : 10);
    if (begin == end || stop != end || error != std::errc{}) return std::nullopt;
    return value;
}

}  // namespace

std::string in_quotes(std::string_view text) {
    return "\"" + std::string(text) + "\"";
}

std::string with_kind(const Value& value, const Value& other) {
    if (value.kind() == other.kind()) return describe(value);
    return "the " + std::string(to_string(value.kind())) + " " + describe(value);
}

std::string hint_for_text(std::string_view wanted, const std::vector<std::string>& known) {
    for (const std::string& name : known) {
        if (name != wanted && lower(name) == lower(wanted))
            return "is " + in_quotes(name) + " meant? They differ in upper and lower case";
    }
    const std::string near = nearest_name(wanted, {known.begin(), known.end()});
    return near.empty() ? "" : "is " + in_quotes(near) + " meant?";
}

std::string hint_for_value(const Value& wanted, const Value& found) {
    if (wanted.string() != nullptr && found.string() != nullptr)
        return hint_for_text(*wanted.string(), {*found.string()});
    if (wanted.string() != nullptr && found.number() != nullptr) {
        const auto number = number_in(*wanted.string());
        if (number == found.number()->raw)
            return "write a number: <integer>" + std::to_string(*number) + "</integer>";
    }
    if (wanted.number() != nullptr && found.string() != nullptr &&
        number_in(*found.string()) == wanted.number()->raw)
        return "write a text: <string>" + *found.string() + "</string>";
    if (wanted.number() != nullptr && found.boolean() != nullptr)
        return std::string("write ") + (*found.boolean() ? "<true/>" : "<false/>");
    if (wanted.boolean() != nullptr && found.number() != nullptr)
        return "write <integer>" + std::to_string(found.number()->raw) + "</integer>";
    return {};
}

std::string hint_for_key(const Entry& entry, std::string_view key) {
    std::set<std::string> known;
    entry.visit_properties([&](std::string_view name, const Value&) { known.emplace(name); });
    std::string near;
    for (const std::string& name : known) {
        if (lower(name) == lower(key)) near = name;
    }
    if (near.empty()) near = nearest_name(key, known);
    if (near.empty()) return {};
    const Value* value = entry.property(near);
    return "is " + near + " meant?" + (value == nullptr ? "" : " It is " + describe(*value));
}

}  // namespace opendext::daemon
