// SPDX-License-Identifier: Apache-2.0
#include "project/lint/facts.h"

#include <algorithm>
#include <fstream>
#include <sstream>

namespace opendext::lint {
namespace {

namespace fs = std::filesystem;

using Row = std::map<std::string, std::string, std::less<>>;

/// One field of a line of CSV; quotes may hold commas, and quotes doubled.
std::string next_field(std::string_view line, size_t& at) {
    std::string field;
    const bool quoted = at < line.size() && line[at] == '"';
    if (quoted) ++at;
    for (; at < line.size(); ++at) {
        if (quoted && line[at] == '"') {
            if (at + 1 < line.size() && line[at + 1] == '"')
                ++at;
            else
                break;
        } else if (!quoted && line[at] == ',') {
            break;
        }
        field += line[at];
    }
    at = std::min(line.find(',', at), line.size());
    return field;
}

Result<std::vector<Row>> read_csv(const fs::path& path) {
    std::ifstream file(path);
    std::vector<std::string> names;
    std::vector<Row> rows;
    for (std::string line; std::getline(file, line);) {
        std::vector<std::string> fields;
        for (size_t at = 0; at <= line.size(); ++at) fields.push_back(next_field(line, at));
        if (names.empty()) {
            names = fields;
            continue;
        }
        Row row;
        for (size_t i = 0; i < names.size(); ++i)
            row[names[i]] = i < fields.size() ? fields[i] : "";
        rows.push_back(std::move(row));
    }
    if (rows.empty())
        return Error{Errc::not_found, 0,
                     path.string() + ": is missing: this OpenDext is incomplete"};
    return rows;
}

std::vector<std::string> words_of(const std::string& text) {
    std::istringstream stream(text);
    std::vector<std::string> words;
    for (std::string word; stream >> word;) words.push_back(word);
    return words;
}

bool fits_one(const Value& value, std::string_view type) {
    if (type.starts_with("array of ")) {
        return value.array() != nullptr && std::ranges::all_of(*value.array(), [&](const Value& v) {
                   return fits_one(v, type.substr(9));
               });
    }
    if (type.starts_with("dictionary of ")) {
        return value.dictionary() != nullptr &&
               std::ranges::all_of(*value.dictionary(), [&](const auto& entry) {
                   return fits_one(entry.second, type.substr(14));
               });
    }
    if (type == "string") return value.string() != nullptr;
    if (type == "\"*\"") return value.string() != nullptr && *value.string() == "*";
    if (type == "number") return value.number() != nullptr;
    if (type == "boolean") return value.boolean() != nullptr;
    if (type == "true") return value.boolean() != nullptr && *value.boolean();
    if (type == "false") return value.boolean() != nullptr && !*value.boolean();
    if (type == "dictionary") return value.dictionary() != nullptr;
    if (type == "array") return value.array() != nullptr;
    if (type == "data") return value.kind() == Value::Kind::data;
    return true;  // "any", or a word that this version does not know
}

std::string plural(std::string_view type) {
    if (type.starts_with("array of ")) return "arrays of " + plural(type.substr(9));
    return type == "dictionary" ? "dictionaries" : std::string(type) + "s";
}

std::string named(std::string_view type) {
    if (type == "\"*\"" || type == "true" || type == "false") return std::string(type);
    if (type.starts_with("array of ")) return "an array of " + plural(type.substr(9));
    if (type.starts_with("dictionary of ")) return "a dictionary of " + plural(type.substr(14));
    return (type == "array" || type == "any" ? "an " : "a ") + std::string(type);
}

std::string sample(std::string_view type) {
    if (type.starts_with("array of ")) return "<array>" + sample(type.substr(9)) + "</array>";
    if (type.starts_with("dictionary of "))
        return "<dict><key>NAME</key>" + sample(type.substr(14)) + "</dict>";
    if (type == "number") return "<integer>1</integer>";
    if (type == "boolean" || type == "true") return "<true/>";
    if (type == "false") return "<false/>";
    if (type == "dictionary") return "<dict>…</dict>";
    if (type == "array") return "<array>…</array>";
    if (type == "data") return "<data>…</data>";
    if (type == "\"*\"") return "<string>*</string>";
    return "<string>…</string>";
}

}  // namespace

TypeFact::TypeFact(std::string_view text) {
    // "number (or "*")", "array of dictionary (true for in-house builds)", "number (signed 32)".
    std::string plain(text.substr(0, text.find(" (")));
    const std::string note(text.size() > plain.size() ? text.substr(plain.size())
                                                      : std::string_view{});
    if (note.find("\"*\"") != std::string::npos) plain += " or \"*\"";
    if (note.starts_with(" (true")) plain += " or true";
    // Alternatives: "string, array, or array of array of string", "array of string or one string".
    while (!plain.empty()) {
        const size_t comma = plain.find(", ");
        const size_t word = plain.find(" or ");
        const size_t end = std::min({comma, word, plain.size()});
        std::string one = plain.substr(0, end);
        if (one.starts_with("or ")) one.erase(0, 3);
        if (one.starts_with("one ")) one.erase(0, 4);
        if (!one.empty()) alternatives_.push_back(std::move(one));
        plain.erase(0, end == plain.size() ? end : end + (end == comma ? 2 : 4));
    }
}

bool TypeFact::fits(const Value& value) const {
    return std::ranges::any_of(alternatives_,
                               [&](const auto& type) { return fits_one(value, type); });
}

std::string TypeFact::words() const {
    std::string text;
    for (const auto& type : alternatives_) text += (text.empty() ? "" : " or ") + named(type);
    return text;
}

std::string TypeFact::example() const {
    return alternatives_.empty() ? "a value" : sample(alternatives_.front());
}

Result<Facts> Facts::load(const fs::path& folder) {
    Facts facts;
    auto keys = OD_TRY(read_csv(folder / "plist-keys.csv"));
    for (Row& row : keys) facts.keys.push_back({row["key"], row["where"], row["type"]});
    auto match = OD_TRY(read_csv(folder / "match-sets.csv"));
    for (Row& row : match) {
        facts.match.push_back({row["kind"], words_of(row["provider"]), words_of(row["keys"]),
                               words_of(row["with"]), words_of(row["without"]), row["condition"],
                               row["score"]});
    }
    auto classes = OD_TRY(read_csv(folder / "family-classes.csv"));
    for (Row& row : classes) {
        facts.classes.push_back(
            {row["class"], row["role"], row["ioclass"], row["kernel_bundle"], row["entitlement"]});
    }
    auto api = OD_TRY(read_csv(folder / "driverkit-api.csv"));
    for (Row& row : api) {
        if (row["kind"] == "class") facts.superclasses.emplace(row["class"], row["superclass"]);
    }
    return facts;
}

const KeyFact* Facts::key(std::string_view name, std::string_view place) const {
    const auto found = std::ranges::find_if(
        keys, [&](const KeyFact& fact) { return fact.key == name && fact.in(place); });
    return found == keys.end() ? nullptr : &*found;
}

bool Facts::knows_key(std::string_view name) const {
    return std::ranges::any_of(keys, [&](const KeyFact& fact) { return fact.key == name; });
}

}  // namespace opendext::lint
