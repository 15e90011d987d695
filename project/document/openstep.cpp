// SPDX-License-Identifier: Apache-2.0
// Property lists in the form that NeXTSTEP began and Xcode still writes: { key = value; … }, ( a, b
// ), "text", <0fbd>, and comments of C.
#include <algorithm>
#include <map>

#include "project/document/scanner.h"

namespace opendext::project {
namespace {

bool is_plain(char c) {
    const auto byte = static_cast<unsigned char>(c);
    return std::isalnum(byte) != 0 || byte >= 0x80 ||
           std::string_view("_$/:.-+@~#%&*!^?").find(c) != std::string_view::npos;
}

class OpenStepParser : private Scanner {
  public:
    OpenStepParser(std::string_view bytes, const std::string& file) : Scanner(bytes, file) {}

    Result<Node> parse() {
        OD_TRY(skip());
        if (at_end()) return fail("the file holds nothing");
        Node root = OD_TRY(value(0));
        OD_TRY(skip());
        if (!at_end()) return fail("there is more behind the end of the property list");
        return root;
    }

  private:
    /// Blanks and comments.
    Status skip() {
        for (;;) {
            skip_blanks();
            if (starts_with("//")) {
                while (!at_end() && peek() != '\n') advance();
            } else if (starts_with("/*")) {
                const bundle::Position begin = position();
                advance(2);
                while (!at_end() && !starts_with("*/")) advance();
                if (at_end()) return fail(begin, "this comment is not closed: add */");
                advance(2);
            } else {
                break;
            }
        }
        for (const char* mark : {"<<<<<<< ", "=======\n", ">>>>>>> "}) {
            if (starts_with(mark))
                return fail(
                    "a merge conflict was left here: resolve it (choose one side, delete the "
                    "marks)");
        }
        return success();
    }

    Result<Node> value(unsigned depth) {
        if (depth > kMaximumDocumentDepth) return fail("this is nested too deeply");
        OD_TRY(skip());
        if (at_end()) return fail("the file ends where a value is expected");
        Node node;
        node.position = position();
        switch (peek()) {
            case '{':
                return dictionary(depth);
            case '(':
                return array(depth);
            case '<':
                return data();
            default:
                node.quoted = peek() == '"' || peek() == '\'';
                node.text = OD_TRY(text("a value"));
                return node;
        }
    }

    Result<Node> dictionary(unsigned depth) {
        Node node;
        node.kind = Node::Kind::dictionary;
        node.position = position();
        std::map<std::string, size_t, std::less<>> seen;
        advance();
        for (;;) {
            OD_TRY(skip());
            if (at_end())
                return fail(node.position,
                            "this dictionary is not closed: add } behind its last "
                            "member");
            if (peek() == '}') break;
            std::string key = OD_TRY(text("a key"));
            OD_TRY(skip());
            if (at_end() || peek() != '=') return fail("expected = behind the key " + key);
            advance();
            Node member = OD_TRY(value(depth + 1));
            OD_TRY(skip());
            if (at_end() || peek() != ';') return fail("expected ; behind the value of " + key);
            advance();
            const auto [old, fresh] = seen.emplace(key, node.members.size());
            if (fresh) {
                node.members.emplace_back(std::move(key), std::move(member));
            } else {
                node.members[old->second].second = std::move(member);
            }
        }
        advance();
        return node;
    }

    Result<Node> array(unsigned depth) {
        Node node;
        node.kind = Node::Kind::array;
        node.position = position();
        advance();
        for (;;) {
            OD_TRY(skip());
            if (at_end())
                return fail(node.position, "this list is not closed: add ) behind its last member");
            if (peek() == ')') break;
            node.items.push_back(OD_TRY(value(depth + 1)));
            OD_TRY(skip());
            if (!at_end() && peek() == ',') {
                advance();
            } else if (at_end() || peek() != ')') {
                return fail("expected , or ) behind a member of a list");
            }
        }
        advance();
        return node;
    }

    /// <0fbd77 1c>; kept as the text of its digits: a project has no use for the bytes.
    Result<Node> data() {
        Node node;
        node.position = position();
        advance();
        while (!at_end() && peek() != '>') {
            if (std::isxdigit(static_cast<unsigned char>(peek())) != 0) {
                node.text += peek();
            } else if (std::isspace(static_cast<unsigned char>(peek())) == 0) {
                return fail("only hexadecimal digits stand between < and >");
            }
            advance();
        }
        if (at_end()) return fail(node.position, "this data is not closed: add >");
        if (node.text.size() % 2 != 0)
            return fail(node.position, "this data has half a byte: digits come in pairs");
        advance();
        return node;
    }

    Result<std::string> text(const char* expected) {
        if (peek() == '"' || peek() == '\'') return quoted();
        std::string result;
        while (!at_end() && is_plain(peek()) && !starts_with("//") && !starts_with("/*")) {
            result += peek();
            advance();
        }
        if (result.empty()) {
            return fail(std::string("expected ") + expected + ", found '" + peek() +
                        "': a text with such characters is written in quotes");
        }
        return result;
    }

    Result<std::string> quoted() {
        const bundle::Position begin = position();
        const char quote = peek();
        std::string result;
        advance();
        while (!at_end() && peek() != quote) {
            if (peek() != '\\') {
                result += peek();
                advance();
                continue;
            }
            advance();
            if (at_end()) break;
            result += OD_TRY(escape());
        }
        if (at_end()) {
            return fail(begin, std::string("this text is not closed: add ") + quote);
        }
        advance();
        return result;
    }

    Result<std::string> escape() {
        const char c = peek();
        if (c >= '0' && c <= '7') {
            unsigned code = 0;
            for (int i = 0; i < 3 && !at_end() && peek() >= '0' && peek() <= '7'; ++i, advance())
                code = code * 8 + static_cast<unsigned>(peek() - '0');
            return utf8(code);
        }
        advance();
        switch (c) {
            case 'n':
                return std::string("\n");
            case 't':
                return std::string("\t");
            case 'r':
                return std::string("\r");
            case 'a':
                return std::string("\a");
            case 'b':
                return std::string("\b");
            case 'f':
                return std::string("\f");
            case 'v':
                return std::string("\v");
            case 'U':
            case 'u':
                return utf16_escape();
            default:
                return std::string(1, c);
        }
    }
};

}  // namespace

Result<Document> parse_openstep(std::string_view bytes, std::string file) {
    Node root = OD_TRY(OpenStepParser(bytes, file).parse());
    return Document{std::move(file), std::move(root)};
}

}  // namespace opendext::project
