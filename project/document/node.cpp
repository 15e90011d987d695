// SPDX-License-Identifier: Apache-2.0
#include "project/document/node.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <fstream>
#include <iterator>

namespace opendext::project {

const Node* Node::find(std::string_view key) const {
    const auto found =
        std::ranges::find_if(members, [key](const Member& member) { return member.first == key; });
    return found == members.end() ? nullptr : &found->second;
}

std::string_view Node::text_of(std::string_view key) const {
    const Node* found = find(key);
    return found != nullptr && found->kind == Kind::text ? std::string_view(found->text)
                                                         : std::string_view{};
}

std::vector<std::string> Node::texts() const {
    std::vector<std::string> result;
    if (kind == Kind::text) result.push_back(text);
    for (const Node& item : items) {
        if (item.kind == Kind::text) result.push_back(item.text);
    }
    return result;
}

void Node::set(std::string key, Node value) {
    const auto found =
        std::ranges::find_if(members, [&key](const Member& member) { return member.first == key; });
    if (found != members.end()) {
        found->second = std::move(value);
    } else {
        members.emplace_back(std::move(key), std::move(value));
    }
}

std::string_view to_string(Node::Kind kind) {
    switch (kind) {
        case Node::Kind::text:
            return "a text";
        case Node::Kind::array:
            return "a list";
        case Node::Kind::dictionary:
            return "a dictionary";
    }
    return "?";
}

std::string Document::where(const Node& node) const {
    if (node.position.line == 0) return file;
    return file + ":" + std::to_string(node.position.line) + ":" +
           std::to_string(node.position.column);
}

Error Document::error(const Node& node, std::string_view message) const {
    return Error{Errc::invalid, 0, where(node) + ": " + std::string(message)};
}

Result<std::string> read_file(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) return Error::system("cannot read " + path);
    std::string bytes(std::istreambuf_iterator<char>(file), {});
    if (file.bad()) return Error::system("cannot read " + path);
    if (bytes.size() > kMaximumDocumentSize)
        return Error{Errc::invalid, 0, path + ": is too big to be a project file"};
    return bytes;
}

Result<Document> parse_project_file(std::string_view bytes, std::string file) {
    std::string_view rest = bytes;
    if (rest.starts_with("\xef\xbb\xbf")) rest.remove_prefix(3);
    const size_t first = rest.find_first_not_of(" \t\r\n");
    if (first == std::string_view::npos)
        return Error{Errc::malformed, 0, file + ": is empty: restore it from version control"};
    rest.remove_prefix(first);
    if (rest.starts_with("<?xml") || rest.starts_with("<!DOCTYPE") || rest.starts_with("<plist"))
        return parse_xml_document(bytes, std::move(file));
    if (rest.front() == '{') {
        // Only JSON has a colon behind its first key, or nothing in the braces but a quote.
        const size_t key = rest.find_first_not_of(" \t\r\n", 1);
        if (key != std::string_view::npos && rest[key] == '"') {
            const size_t end = rest.find('"', key + 1);
            const size_t next =
                end == std::string_view::npos ? end : rest.find_first_not_of(" \t\r\n", end + 1);
            if (next != std::string_view::npos && rest[next] == ':')
                return parse_json_document(bytes, std::move(file));
        }
    }
    return parse_openstep(bytes, std::move(file));
}

namespace {

Node from_value(const Value& value, const std::string& path, const bundle::Positions& positions) {
    Node node;
    if (const auto found = positions.find(path); found != positions.end())
        node.position = found->second;
    const auto below = [&path](const std::string& key) {
        return path.empty() ? key : path + "/" + key;
    };
    if (const std::string* text = value.string()) {
        node.text = *text;
    } else if (const bool* boolean = value.boolean()) {
        node.text = *boolean ? "YES" : "NO";
    } else if (const Number* number = value.number()) {
        node.text = std::to_string(number->as_signed());
    } else if (const Array* array = value.array()) {
        node.kind = Node::Kind::array;
        for (size_t i = 0; i < array->size(); ++i)
            node.items.push_back(from_value((*array)[i], below(std::to_string(i)), positions));
    } else if (const Dictionary* dictionary = value.dictionary()) {
        node.kind = Node::Kind::dictionary;
        for (const auto& [key, member] : *dictionary)
            node.members.emplace_back(key, from_value(member, below(key), positions));
    }
    return node;
}

bool is_one_of(std::string_view text, std::initializer_list<const char*> words) {
    return std::ranges::any_of(words, [text](const char* word) {
        return text.size() == std::strlen(word) &&
               ::strncasecmp(text.data(), word, text.size()) == 0;
    });
}

}  // namespace

Result<Document> parse_xml_document(std::string_view bytes, std::string file) {
    const bundle::Plist plist = OD_TRY(bundle::parse_plist(bytes, file));
    return Document{std::move(file), from_value(plist.root, "", plist.positions)};
}

Value to_value(const Node& node) {
    if (node.kind == Node::Kind::array) {
        Array array;
        for (const Node& item : node.items) array.push_back(to_value(item));
        return Value(std::move(array));
    }
    if (node.kind == Node::Kind::dictionary) {
        Dictionary dictionary;
        for (const auto& [key, member] : node.members)
            dictionary.insert_or_assign(key, to_value(member));
        return Value(std::move(dictionary));
    }
    if (!node.quoted) {
        if (is_one_of(node.text, {"true", "yes", "on"})) return Value(true);
        if (is_one_of(node.text, {"false", "no", "off"})) return Value(false);
        const bool hexadecimal = node.text.starts_with("0x");
        const char* begin = node.text.data() + (hexadecimal ? 2 : 0);
        const char* end = node.text.data() + node.text.size();
        int64_t number = 0;
        const auto [stop, problem] = std::from_chars(begin, end, number, hexadecimal ? 16 : 10);
        if (begin != end && stop == end && problem == std::errc{}) return Value(number);
    }
    return Value(node.text);
}

}  // namespace opendext::project
