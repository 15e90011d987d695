// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bundle/plist.h"
#include "rpc/result.h"
#include "rpc/value.h"

namespace opendext::project {

/// A value of a project file (project.pbxproj in any of its forms, project.yml) with its place, so
/// that every complaint can name line and column. Numbers and booleans are texts: what they mean
/// depends on the key.
struct Node {
    enum class Kind : uint8_t { text, array, dictionary };
    struct Member;

    Kind kind = Kind::text;
    bool quoted = false;  ///< a text that was quoted: never a YAML boolean, number or null
    bundle::Position position;
    std::string text;
    std::vector<Node> items;
    std::vector<Member> members;  ///< in the order of the file; of repeated keys the last one

    /// The member below `key`, or nullptr; also for what is no dictionary.
    [[nodiscard]] const Node* find(std::string_view key) const;
    /// The text below `key`; "" if there is none or it is no text.
    [[nodiscard]] std::string_view text_of(std::string_view key) const;
    /// The texts of an array, or of a text alone; members of other kinds are left out.
    [[nodiscard]] std::vector<std::string> texts() const;
    /// Adds or replaces.
    void set(std::string key, Node value);
};
struct Node::Member {
    std::string first;  ///< the key
    Node second;
};
[[nodiscard]] std::string_view to_string(Node::Kind kind);

/// A project file that has been read.
struct Document {
    std::string file;  ///< the name to print
    Node root;

    /// "project.pbxproj:12:5".
    [[nodiscard]] std::string where(const Node& node) const;
    /// "project.pbxproj:12:5: message".
    [[nodiscard]] Error error(const Node& node, std::string_view message) const;
};

/// Bigger files are refused.
inline constexpr size_t kMaximumDocumentSize = 64U << 20;
/// Deeper nesting is refused, before the stack is in danger.
inline constexpr unsigned kMaximumDocumentDepth = 128;

/// Readers of the four forms; `file` is only for messages. The bytes may come from anybody.
[[nodiscard]] Result<Document> parse_openstep(std::string_view bytes, std::string file);
[[nodiscard]] Result<Document> parse_json_document(std::string_view bytes, std::string file);
[[nodiscard]] Result<Document> parse_xml_document(std::string_view bytes, std::string file);
[[nodiscard]] Result<Document> parse_yaml(std::string_view bytes, std::string file);
/// OpenStep, JSON or XML, by how the bytes begin.
[[nodiscard]] Result<Document> parse_project_file(std::string_view bytes, std::string file);

/// The bytes of a file, or an error that says why not.
[[nodiscard]] Result<std::string> read_file(const std::string& path);

/// YAML's plain scalars become booleans, numbers and null; everything else strings.
[[nodiscard]] Value to_value(const Node& node);

}  // namespace opendext::project
