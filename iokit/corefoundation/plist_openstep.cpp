// SPDX-License-Identifier: Apache-2.0
// The form of old: { key = value; list = (a, "b c"); data = <0fbd77>; }
#include "iokit/corefoundation/plist.h"
#include "iokit/corefoundation/string.h"

namespace opendext::cf::plist {
namespace {

bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\v' || c == '\f';
}

/// Of a string without quotes.
bool is_plain(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("_$/:.-").find(c) != std::string_view::npos;
}

int hex(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

class Reader {
  public:
    Reader(std::string_view text, Builder& builder) : text_(text), builder_(builder) {}

    Result<Node> run() {
        OD_TRY(skip());
        if (at_ == text_.size()) return error(at_, "the property list is empty");
        const size_t begin = at_;
        Node root = OD_TRY(value(0));
        OD_TRY(skip());
        if (at_ == text_.size()) return root;
        // A file of strings: "key" = "value"; without braces.
        if (text_[at_] != '=' && text_[at_] != ';')
            return error(begin,
                         "neither an XML nor a binary property list, nor one in the OpenStep "
                         "form");
        at_ = begin;
        return members(0, false, begin);
    }

  private:
    [[nodiscard]] Error error(size_t offset, const std::string& what) const {
        return Error{Errc::malformed, 0, place(text_, offset) + ": " + what};
    }

    /// White space and comments.
    Status skip() {
        for (;;) {
            while (at_ < text_.size() && is_space(text_[at_])) ++at_;
            const std::string_view rest = text_.substr(at_);
            if (rest.starts_with("//")) {
                at_ = std::min(text_.find('\n', at_), text_.size());
            } else if (rest.starts_with("/*")) {
                const size_t end = text_.find("*/", at_ + 2);
                if (end == std::string_view::npos) return error(at_, "the comment has no end");
                at_ = end + 2;
            } else {
                return success();
            }
        }
    }

    /// Whether `wanted` comes next; it is taken.
    bool take(char wanted) {
        if (at_ >= text_.size() || text_[at_] != wanted) return false;
        ++at_;
        return true;
    }

    Result<Node> value(unsigned depth) {
        if (depth > kMaxDepth) return error(at_, "nested too deeply");
        const size_t begin = at_;
        if (take('{')) return members(depth, true, begin);
        if (take('(')) return array(depth, begin);
        if (take('<')) return data(begin);
        return builder_.string(OD_TRY(string()));
    }

    Result<Node> members(unsigned depth, bool braces, size_t begin) {
        std::vector<Builder::Member> found;
        for (;;) {
            OD_TRY(skip());
            if (braces ? take('}') : at_ == text_.size()) return builder_.dictionary(found);
            if (at_ == text_.size()) return error(begin, "the dictionary has no end");
            Node key = OD_TRY(builder_.key(OD_TRY(string())));
            OD_TRY(skip());
            Node member = key;  // "key;" is short for "key = key;"
            if (take('=')) {
                OD_TRY(skip());
                member = OD_TRY(value(depth + 1));
                OD_TRY(skip());
            }
            found.push_back({std::move(key), std::move(member)});
            if (take(';')) continue;
            if (braces && at_ < text_.size() && text_[at_] == '}') continue;
            return error(at_, "there is no ';' after the value");
        }
    }

    Result<Node> array(unsigned depth, size_t begin) {
        std::vector<Node> found;
        for (;;) {
            OD_TRY(skip());
            if (take(')')) return builder_.array(std::move(found));
            if (at_ == text_.size()) return error(begin, "the array has no end");
            found.push_back(OD_TRY(value(depth + 1)));
            OD_TRY(skip());
            if (take(',')) continue;
            if (at_ < text_.size() && text_[at_] == ')') continue;
            return error(at_, "there is no ',' between the members");
        }
    }

    Result<Node> data(size_t begin) {
        std::vector<UInt8> bytes;
        int high = -1;
        for (; at_ < text_.size(); ++at_) {
            const char c = text_[at_];
            if (is_space(c)) continue;
            if (c == '>' && high < 0) {
                ++at_;
                return builder_.data(std::move(bytes));
            }
            const int digit = hex(c);
            if (digit < 0) return error(at_, "data are pairs of hexadecimal digits");
            if (high < 0) {
                high = digit;
            } else {
                bytes.push_back(static_cast<UInt8>(high << 4 | digit));
                high = -1;
            }
        }
        return error(begin, "the data have no end");
    }

    Result<std::string> string() {
        if (at_ == text_.size()) return error(at_, "the property list ends too early");
        const char quote = text_[at_];
        if (quote == '"' || quote == '\'') return quoted(quote);
        const size_t begin = at_;
        while (at_ < text_.size() && is_plain(text_[at_])) ++at_;
        if (at_ == begin)
            return error(at_,
                         "neither an XML nor a binary property list, nor one in the OpenStep "
                         "form");
        return std::string(text_.substr(begin, at_ - begin));
    }

    Result<std::string> quoted(char quote) {
        const size_t begin = at_++;
        std::u16string escaped;  // surrogates come as two escapes
        std::string text;
        const auto flush = [&] {
            text += to_utf8(escaped);
            escaped.clear();
        };
        for (;;) {
            if (at_ == text_.size()) return error(begin, "the string has no end");
            const char c = text_[at_++];
            if (c == '\\') {
                escaped += OD_TRY(escape());
                continue;
            }
            flush();
            if (c == quote) break;
            text += c;
        }
        if (!is_utf8(text)) return error(begin, "the string is not UTF-8");
        return text;
    }

    Result<char16_t> escape() {
        if (at_ == text_.size()) return error(at_, "the string has no end");
        const char c = text_[at_++];
        constexpr std::string_view kFrom = "abfnrtv";
        constexpr std::string_view kTo = "\a\b\f\n\r\t\v";
        if (const size_t known = kFrom.find(c); known != std::string_view::npos)
            return static_cast<char16_t>(kTo[known]);
        if (c == 'U' || c == 'u') {
            uint32_t unit = 0;
            for (int i = 0; i < 4; ++i, ++at_) {
                const int digit = at_ < text_.size() ? hex(text_[at_]) : -1;
                if (digit < 0) return error(at_, "\\U wants four hexadecimal digits");
                unit = unit << 4 | static_cast<uint32_t>(digit);
            }
            return static_cast<char16_t>(unit);
        }
        if (c >= '0' && c <= '7') {
            uint32_t unit = static_cast<uint32_t>(c - '0');
            for (int i = 0; i < 2 && at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '7';
                 ++i)
                unit = unit << 3 | static_cast<uint32_t>(text_[at_++] - '0');
            return static_cast<char16_t>(unit & 0xff);
        }
        return static_cast<char16_t>(static_cast<unsigned char>(c));
    }

    std::string_view text_;
    Builder& builder_;
    size_t at_ = 0;
};

}  // namespace

Result<Node> read_openstep(std::string_view bytes, Builder& builder) {
    return Reader(bytes, builder).run();
}

}  // namespace opendext::cf::plist
