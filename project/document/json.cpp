// SPDX-License-Identifier: Apache-2.0
// The JSON form of a project file (RFC 8259); some generators write it.
#include "project/document/scanner.h"

namespace opendext::project {
namespace {

class JsonParser : private Scanner {
  public:
    JsonParser(std::string_view bytes, const std::string& file) : Scanner(bytes, file) {}

    Result<Node> parse() {
        Node root = OD_TRY(value(0));
        skip_blanks();
        if (!at_end()) return fail("there is more behind the end of the JSON value");
        return root;
    }

  private:
    Result<Node> value(unsigned depth) {
        if (depth > kMaximumDocumentDepth) return fail("this is nested too deeply");
        skip_blanks();
        if (at_end()) return fail("the file ends where a value is expected");
        Node node;
        node.position = position();
        if (peek() == '"') {
            node.quoted = true;
            node.text = OD_TRY(text());
            return node;
        }
        if (peek() == '{' || peek() == '[') return container(depth);
        while (!at_end() && (std::isalnum(static_cast<unsigned char>(peek())) != 0 ||
                             peek() == '-' || peek() == '+' || peek() == '.')) {
            node.text += peek();
            advance();
        }
        if (node.text.empty())
            return fail(std::string("expected a JSON value, found '") + peek() + "'");
        if (node.text == "true") node.text = "YES";
        if (node.text == "false") node.text = "NO";
        if (node.text == "null") node.text.clear();
        return node;
    }

    Result<Node> container(unsigned depth) {
        Node node;
        node.position = position();
        const char close = peek() == '{' ? '}' : ']';
        node.kind = close == '}' ? Node::Kind::dictionary : Node::Kind::array;
        advance();
        skip_blanks();
        while (at_end() || peek() != close) {
            std::string key;
            if (close == '}') {
                skip_blanks();
                if (at_end() || peek() != '"') return fail("expected a key in quotes");
                key = OD_TRY(text());
                skip_blanks();
                if (at_end() || peek() != ':') return fail("expected : behind the key " + key);
                advance();
            }
            Node item = OD_TRY(value(depth + 1));
            if (close == '}') {
                node.members.emplace_back(std::move(key), std::move(item));
            } else {
                node.items.push_back(std::move(item));
            }
            skip_blanks();
            if (at_end())
                return fail(node.position, std::string("this is not closed: add ") + close);
            if (peek() == close) break;
            if (peek() != ',') return fail(std::string("expected , or ") + close);
            advance();
        }
        advance();
        return node;
    }

    Result<std::string> text() {
        const bundle::Position begin = position();
        std::string result;
        advance();
        while (!at_end() && peek() != '"') {
            if (peek() != '\\') {
                result += peek();
                advance();
                continue;
            }
            advance();
            if (at_end()) break;
            const char c = peek();
            advance();
            if (c == 'u') {
                result += OD_TRY(utf16_escape());
                continue;
            }
            const size_t known = std::string_view("nrtbf").find(c);
            result += known == std::string_view::npos ? c : "\n\r\t\b\f"[known];
        }
        if (at_end()) return fail(begin, "this text is not closed: add \"");
        advance();
        return result;
    }
};

}  // namespace

Result<Document> parse_json_document(std::string_view bytes, std::string file) {
    Node root = OD_TRY(JsonParser(bytes, file).parse());
    return Document{std::move(file), std::move(root)};
}

}  // namespace opendext::project
