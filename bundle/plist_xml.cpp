// SPDX-License-Identifier: Apache-2.0
#include "bundle/plist_xml.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string>
#include <vector>

namespace opendext::bundle {
namespace {

constexpr std::array<std::string_view, 10> kElements = {
    "plist", "dict", "array", "key", "string", "integer", "data", "true", "false", "real"};

bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}
bool is_name(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0;
}

std::string tag(std::string_view name) {
    return "<" + std::string(name) + ">";
}
std::string end_tag(std::string_view name) {
    return "</" + std::string(name) + ">";
}

/// An integer as libplist reads it: sign, decimal or 0x, up to 64 bits.
bool is_integer(std::string_view text) {
    if (!text.empty() && (text[0] == '-' || text[0] == '+')) text.remove_prefix(1);
    if (text.size() > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
        text.remove_prefix(2);
        return text.size() <= 16 &&
               std::ranges::all_of(text, [](unsigned char c) { return std::isxdigit(c) != 0; });
    }
    return !text.empty() && text.size() <= 20 &&
           std::ranges::all_of(text, [](unsigned char c) { return std::isdigit(c) != 0; });
}

class Scanner {
  public:
    Scanner(std::string_view text, std::string_view file) : text_(text), file_(file) {}

    Result<Positions> run() {
        OD_TRY(skip_misc());
        if (at_end()) return error(at_, "there is no <plist> element", "write the property list");
        const Tag root = OD_TRY(read_tag());
        if (root.closing || root.name != "plist") {
            return error(root.start, "the first element is " + shown(root),
                         "begin with <plist version=\"1.0\">");
        }
        if (root.empty) return error(root.start, "<plist/> has no value", "put a <dict> inside");
        OD_TRY(skip_misc());
        const Tag value = OD_TRY(read_tag());
        if (value.closing) return error(value.start, "<plist> has no value", "put a <dict> inside");
        OD_TRY(read_value(value, "", 0));
        OD_TRY(skip_misc());
        if (at_end()) return unclosed(root);
        const Tag last = OD_TRY(read_tag());
        if (!last.closing) {
            return error(last.start, "a second value " + shown(last) + " in <plist>",
                         "put both into one <dict> or <array>");
        }
        OD_TRY(match(root, last));
        OD_TRY(skip_misc());
        if (!at_end()) return error(at_, "there is text after </plist>", "remove it");
        return std::move(positions_);
    }

  private:
    struct Tag {
        std::string_view name;
        size_t start = 0;  ///< offset of '<'
        bool closing = false;
        bool empty = false;  ///< <name/>
    };

    static std::string shown(const Tag& t) {
        if (t.closing) return end_tag(t.name);
        return t.empty ? "<" + std::string(t.name) + "/>" : tag(t.name);
    }
    [[nodiscard]] bool at_end() const { return at_ >= text_.size(); }
    [[nodiscard]] bool looking_at(std::string_view word) const {
        return text_.substr(at_).starts_with(word);
    }
    void skip_space() {
        while (!at_end() && is_space(text_[at_])) ++at_;
    }
    [[nodiscard]] Position position(size_t offset) {
        // Asked for in increasing order, nearly always: count on from the last place.
        if (offset < counted_) {
            counted_ = line_start_ = 0;
            line_ = 1;
        }
        for (; counted_ < offset && counted_ < text_.size(); ++counted_) {
            if (text_[counted_] == '\n') {
                ++line_;
                line_start_ = counted_ + 1;
            }
        }
        return {line_, static_cast<uint32_t>(offset - line_start_ + 1)};
    }
    [[nodiscard]] Error error(size_t offset, std::string what, std::string_view fix) {
        const Position p = position(std::min(offset, text_.size()));
        return Error{Errc::malformed, 0,
                     std::string(file_) + ":" + std::to_string(p.line) + ":" +
                         std::to_string(p.column) + ": " + std::move(what) + ": " +
                         std::string(fix)};
    }
    [[nodiscard]] Error unclosed(const Tag& open) {
        const Position p = position(open.start);
        return error(
            text_.size(),
            "the file ends inside " + tag(open.name) + " of line " + std::to_string(p.line),
            "add " + end_tag(open.name));
    }

    /// Past white space, comments, <?…?> and <!DOCTYPE …>.
    Status skip_misc() {
        for (;;) {
            skip_space();
            const size_t start = at_;
            if (looking_at("<!--")) {
                OD_TRY(skip_past("-->", start, "a comment"));
            } else if (looking_at("<?")) {
                OD_TRY(skip_past("?>", start, "<?"));
            } else if (looking_at("<!DOCTYPE")) {
                const size_t end = text_.find_first_of(">[", at_);
                if (end != std::string_view::npos && text_[end] == '[') {
                    return error(end, "<!DOCTYPE> has declarations of its own",
                                 "remove everything from [ to ]");
                }
                OD_TRY(skip_past(">", start, "<!DOCTYPE"));
            } else {
                return success();
            }
        }
    }
    Status skip_past(std::string_view end, size_t start, std::string_view what) {
        const size_t found = text_.find(end, at_);
        if (found == std::string_view::npos) {
            return error(start, std::string(what) + " is not ended", "write " + std::string(end));
        }
        at_ = found + end.size();
        return success();
    }

    Result<Tag> read_tag() {
        if (at_end()) return error(at_, "the file ends too early", "close what is open");
        if (text_[at_] != '<') {
            return error(at_, "there is text where an element is expected",
                         "put it into <string>…</string>");
        }
        Tag t;
        t.start = at_++;
        if (!at_end() && text_[at_] == '/') {
            t.closing = true;
            ++at_;
        }
        const size_t name = at_;
        while (!at_end() && is_name(text_[at_])) ++at_;
        t.name = text_.substr(name, at_ - name);
        if (t.name.empty()) return error(t.start, "a lone '<'", "write &lt; for the sign itself");
        // Attributes: only <plist version="1.0"> has one; nothing depends on it.
        while (!at_end() && text_[at_] != '>' && text_[at_] != '<' && !looking_at("/>")) {
            const bool allowed = is_space(text_[at_]) || (t.name == "plist" && !t.closing);
            if (!allowed) break;
            ++at_;
        }
        if (looking_at("/>")) {
            t.empty = true;
            at_ += 2;
        } else if (!at_end() && text_[at_] == '>') {
            ++at_;
        } else {
            const std::string begun = (t.closing ? "</" : "<") + std::string(t.name);
            return error(t.start, "`" + begun + "` has no closing `>`", "write " + begun + ">");
        }
        if (t.closing && t.empty)
            return error(t.start, "`" + end_tag(t.name) + "` ends twice",
                         "write " + end_tag(t.name));
        if (t.name == "date") {
            return error(t.start, "<date> has no counterpart in the registry", "use <string>");
        }
        if (std::ranges::find(kElements, t.name) == kElements.end()) {
            return error(t.start, "unknown element " + shown(t),
                         "use dict, array, key, string, integer, data, true or false");
        }
        return t;
    }

    Status match(const Tag& open, const Tag& close) {
        if (close.name == open.name) return success();
        const Position p = position(open.start);
        return error(close.start,
                     end_tag(close.name) + " closes " + tag(open.name) + " of line " +
                         std::to_string(p.line),
                     "write " + end_tag(open.name));
    }

    /// The text up to the closing tag of `open`, entities decoded where `decoded` is given.
    Status read_text(const Tag& open, std::string* decoded) {
        if (open.empty) return success();
        for (;;) {
            if (at_end()) return unclosed(open);
            const char c = text_[at_];
            if (looking_at("<![CDATA[")) {
                const size_t start = at_;
                at_ += 9;
                const size_t body = at_;
                OD_TRY(skip_past("]]>", start, "<![CDATA["));
                if (decoded != nullptr) *decoded += text_.substr(body, at_ - 3 - body);
            } else if (looking_at("<!--")) {
                OD_TRY(skip_past("-->", at_, "a comment"));
            } else if (c == '<') {
                const Tag close = OD_TRY(read_tag());
                if (close.closing) return match(open, close);
                const Position p = position(open.start);
                return error(close.start,
                             shown(close) + " inside " + tag(open.name) + " of line " +
                                 std::to_string(p.line),
                             "close it first with " + end_tag(open.name));
            } else if (c == '&') {
                OD_TRY(read_entity(decoded));
            } else if (c == '\0') {
                return error(at_, "a zero byte", "remove it");
            } else {
                if (decoded != nullptr) *decoded += c;
                ++at_;
            }
        }
    }

    Status read_entity(std::string* decoded) {
        static constexpr std::array<std::pair<std::string_view, char>, 5> kNamed = {
            {{"&lt;", '<'}, {"&gt;", '>'}, {"&amp;", '&'}, {"&quot;", '"'}, {"&apos;", '\''}}};
        for (const auto& [name, character] : kNamed) {
            if (!looking_at(name)) continue;
            at_ += name.size();
            if (decoded != nullptr) *decoded += character;
            return success();
        }
        if (looking_at("&#")) {
            const size_t end = text_.find(';', at_);
            if (end != std::string_view::npos && end - at_ < 12) {
                const std::string_view digits = text_.substr(at_ + 2, end - at_ - 2);
                const bool hex = digits.starts_with('x');
                const std::string_view rest = hex ? digits.substr(1) : digits;
                const bool good =
                    !rest.empty() && std::ranges::all_of(rest, [hex](unsigned char d) {
                        return hex ? std::isxdigit(d) != 0 : std::isdigit(d) != 0;
                    });
                if (good) {
                    if (decoded != nullptr) *decoded += text_.substr(at_, end + 1 - at_);
                    at_ = end + 1;
                    return success();
                }
            }
        }
        return error(at_, "`&` begins no known entity", "write &amp; for the sign itself");
    }

    static std::string join(const std::string& path, std::string_view key) {
        return path.empty() ? std::string(key) : path + "/" + std::string(key);
    }

    Status read_value(const Tag& open, const std::string& path, unsigned depth) {
        if (depth > kMaximumPlistDepth) return error(open.start, "nested too deeply", "flatten it");
        if (++nodes_ > kMaximumPlistNodes)
            return error(open.start, "too many values", "remove some");
        if (open.name == "dict") return read_dictionary(open, path, depth);
        if (open.name == "array") return read_array(open, path, depth);
        if (open.name == "key")
            return error(open.start, "<key> where a value is expected", "write <string>");
        if (open.name == "plist") return error(open.start, "<plist> inside <plist>", "remove it");
        if (open.name == "real") {
            return error(open.start, "<real> has no counterpart in the registry", "use <integer>");
        }
        std::string content;
        OD_TRY(read_text(open, &content));
        const size_t first = content.find_first_not_of(" \t\r\n");
        const std::string_view trimmed =
            first == std::string::npos
                ? std::string_view{}
                : std::string_view(content).substr(first,
                                                   content.find_last_not_of(" \t\r\n") - first + 1);
        if (open.name == "integer" && !is_integer(trimmed)) {
            return error(open.start,
                         "<integer> holds \"" + std::string(trimmed.substr(0, 40)) + "\"",
                         "write a decimal or 0x number of at most 64 bits, or use <string>");
        }
        if ((open.name == "true" || open.name == "false") && !trimmed.empty()) {
            return error(open.start, tag(open.name) + " has a content",
                         "write <" + std::string(open.name) + "/>");
        }
        if (open.name == "data") {
            const bool good = std::ranges::all_of(content, [](unsigned char c) {
                return std::isalnum(c) != 0 || c == '+' || c == '/' || c == '=' ||
                       is_space(static_cast<char>(c));
            });
            if (!good)
                return error(open.start, "<data> is not base64", "encode it, or use <string>");
        }
        return success();
    }

    Status read_dictionary(const Tag& open, const std::string& path, unsigned depth) {
        if (open.empty) return success();
        for (;;) {
            OD_TRY(skip_misc());
            if (at_end()) return unclosed(open);
            const Tag key = OD_TRY(read_tag());
            if (key.closing) return match(open, key);
            if (key.name != "key") {
                return error(key.start, shown(key) + " without a <key> before it",
                             "put <key>NAME</key> before it");
            }
            std::string name;
            OD_TRY(read_text(key, &name));
            if (name.empty()) return error(key.start, "an empty <key>", "give it a name");
            const std::string below = join(path, name);
            const Position here = position(key.start);
            if (const auto [old, fresh] = positions_.emplace(below, here); !fresh) {
                return error(key.start,
                             "key " + name + " stands twice, first in line " +
                                 std::to_string(old->second.line),
                             "remove one of them");
            }
            OD_TRY(skip_misc());
            if (at_end()) return unclosed(open);
            const Tag value = OD_TRY(read_tag());
            if (value.closing || value.name == "key") {
                return error(value.start, "key " + name + " has no value",
                             "put a value after </key>");
            }
            OD_TRY(read_value(value, below, depth + 1));
        }
    }

    Status read_array(const Tag& open, const std::string& path, unsigned depth) {
        if (open.empty) return success();
        for (size_t index = 0;; ++index) {
            OD_TRY(skip_misc());
            if (at_end()) return unclosed(open);
            const Tag value = OD_TRY(read_tag());
            if (value.closing) return match(open, value);
            const std::string below = join(path, std::to_string(index));
            positions_.emplace(below, position(value.start));
            OD_TRY(read_value(value, below, depth + 1));
        }
    }

    std::string_view text_;
    std::string_view file_;
    size_t at_ = 0;
    size_t counted_ = 0;
    size_t line_start_ = 0;
    uint32_t line_ = 1;
    size_t nodes_ = 0;
    Positions positions_;
};

}  // namespace

Result<Positions> scan_xml_plist(std::string_view text, std::string_view file) {
    if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
    return Scanner(text, file).run();
}

}  // namespace opendext::bundle
