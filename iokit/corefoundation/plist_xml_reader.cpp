// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include "iokit/corefoundation/base64.h"
#include "iokit/corefoundation/date.h"
#include "iokit/corefoundation/plist.h"
#include "iokit/corefoundation/string.h"

namespace opendext::cf::plist {
namespace {

constexpr std::array<std::string_view, 11> kTags{
    "plist", "dict", "array", "string", "key", "data", "date", "true", "false", "real", "integer"};

bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

bool is_name(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.' || c == ':';
}

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
    while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
    return text;
}

/// A tag as it stands in the text.
struct Tag {
    std::string_view name;
    size_t at = 0;       ///< offset of its '<'
    bool close = false;  ///< </name>
    bool empty = false;  ///< <name/>
};

class Reader {
  public:
    Reader(std::string_view text, Builder& builder) : text_(text), builder_(builder) {}

    Result<Node> run() {
        OD_TRY(skip_to_tag());
        Tag tag = OD_TRY(next_tag());
        const bool wrapped = tag.name == "plist" && !tag.close;
        if (wrapped) {
            if (tag.empty) return error(tag.at, "the property list is empty");
            OD_TRY(skip_to_tag());
            tag = OD_TRY(next_tag());
            if (tag.close) return error(tag.at, "the property list is empty");
        }
        Node root = OD_TRY(value(tag, 0));
        if (wrapped) {
            OD_TRY(skip_to_tag());
            const Tag end = OD_TRY(next_tag());
            if (!end.close || end.name != "plist")
                return error(end.at, "there is more than one value in <plist>");
        }
        OD_TRY(skip_space_and_comments());
        if (at_ < text_.size()) return error(at_, "there is something after the property list");
        return root;
    }

  private:
    [[nodiscard]] Error error(size_t offset, const std::string& what) const {
        return Error{Errc::malformed, 0, place(text_, offset) + ": " + what};
    }

    [[nodiscard]] bool looking_at(std::string_view wanted) const {
        return text_.substr(at_).starts_with(wanted);
    }

    /// Behind the next `wanted`, or an error that says what has no end.
    Status skip_past(std::string_view wanted, std::string_view what) {
        const size_t end = text_.find(wanted, at_);
        if (end == std::string_view::npos) return error(at_, std::string(what) + " has no end");
        at_ = end + wanted.size();
        return success();
    }

    /// Skips comments, processing instructions and the document type too.
    Status skip_space_and_comments() {
        for (;;) {
            while (at_ < text_.size() && is_space(text_[at_])) ++at_;
            if (looking_at("<!--")) {
                OD_TRY(skip_past("-->", "the comment"));
            } else if (looking_at("<?")) {
                OD_TRY(declaration());
            } else if (looking_at("<!DOCTYPE")) {
                const size_t begin = at_;
                OD_TRY(skip_past(">", "the document type"));
                if (text_.substr(begin, at_ - begin).find('[') != std::string_view::npos)
                    return error(begin, "declarations inside the document type are not read");
            } else {
                return success();
            }
        }
    }

    Status declaration() {
        const size_t begin = at_;
        OD_TRY(skip_past("?>", "the processing instruction"));
        std::string words(text_.substr(begin, at_ - begin));
        if (!words.starts_with("<?xml")) return success();
        std::transform(words.begin(), words.end(), words.begin(),
                       [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
        const size_t named = words.find("encoding");
        if (named == std::string::npos) return success();
        const bool known = words.find("utf-8", named) != std::string::npos ||
                           words.find("utf8", named) != std::string::npos ||
                           words.find("ascii", named) != std::string::npos ||
                           words.find("utf-16", named) != std::string::npos;
        return known ? success()
                     : Status(error(begin, "the encoding is neither UTF-8 nor UTF-16; convert it"));
    }

    Status skip_to_tag() {
        OD_TRY(skip_space_and_comments());
        if (at_ == text_.size()) return error(at_, "the property list ends too early");
        if (text_[at_] != '<') return error(at_, "there is text where a tag is wanted");
        return success();
    }

    /// The tag at the present place, which is a '<'.
    Result<Tag> next_tag() {
        Tag tag;
        tag.at = at_++;
        if (looking_at("/")) {
            tag.close = true;
            ++at_;
        }
        const size_t begin = at_;
        while (at_ < text_.size() && is_name(text_[at_])) ++at_;
        tag.name = text_.substr(begin, at_ - begin);
        const size_t end = text_.find_first_of("<>", at_);
        if (tag.name.empty() || end == std::string_view::npos || text_[end] == '<')
            return error(tag.at, "the tag is broken");
        std::string_view rest = text_.substr(at_, end - at_);
        if (rest.ends_with('/')) {
            tag.empty = true;
            rest.remove_suffix(1);
        }
        if (!rest.empty() && (tag.close || !is_space(rest.front())))
            return error(tag.at, "the tag is broken");
        if (tag.close && tag.empty) return error(tag.at, "the tag is broken");
        at_ = end + 1;
        return tag;
    }

    /// What stands between a tag and its end, entities resolved.
    Result<std::string> content(const Tag& tag) {
        std::string text;
        if (tag.empty) return text;
        for (;;) {
            const size_t next = std::min(text_.find_first_of("<&", at_), text_.size());
            text += text_.substr(at_, next - at_);
            at_ = next;
            if (at_ == text_.size())
                return error(tag.at, "<" + std::string(tag.name) + "> has no end");
            if (text_[at_] == '&') {
                OD_TRY(entity(text));
            } else if (looking_at("<!--")) {
                OD_TRY(skip_past("-->", "the comment"));
            } else if (looking_at("<![CDATA[")) {
                const size_t begin = at_ + 9;
                OD_TRY(skip_past("]]>", "the CDATA section"));
                text += text_.substr(begin, at_ - 3 - begin);
            } else {
                const Tag end = OD_TRY(next_tag());
                if (!end.close || end.name != tag.name)
                    return error(end.at, "<" + std::string(end.close ? "/" : "") +
                                             std::string(end.name) + "> where </" +
                                             std::string(tag.name) + "> is wanted");
                return text;
            }
        }
    }

    Status entity(std::string& text) {
        struct Named {
            std::string_view name;
            char character;
        };
        constexpr std::array kNamed{Named{"lt", '<'}, Named{"gt", '>'}, Named{"amp", '&'},
                                    Named{"quot", '"'}, Named{"apos", '\''}};
        const size_t end = text_.find(';', at_);
        const std::string_view name = end == std::string_view::npos
                                          ? std::string_view()
                                          : text_.substr(at_ + 1, end - at_ - 1);
        const auto* known = std::find_if(kNamed.begin(), kNamed.end(),
                                         [&](const Named& one) { return one.name == name; });
        if (known != kNamed.end()) {
            text += known->character;
        } else {
            uint32_t code = 0;
            const bool hexadecimal = name.starts_with("#x") || name.starts_with("#X");
            const std::string_view digits =
                name.substr(std::min<size_t>(name.size(), hexadecimal ? 2 : 1));
            const auto [stop, failed] = std::from_chars(
                digits.data(), digits.data() + digits.size(), code, hexadecimal ? 16 : 10);
            const bool valid = name.starts_with('#') && !digits.empty() && failed == std::errc() &&
                               stop == digits.data() + digits.size() && code <= 0x10ffff &&
                               (code < 0xd800 || code >= 0xe000);
            if (!valid)
                return error(at_, "unknown entity &" + std::string(name.substr(0, 32)) +
                                      "; (write & as &amp;)");
            append_utf8(text, code);
        }
        at_ = end + 1;
        return success();
    }

    Result<Node> value(const Tag& tag, unsigned depth) {
        if (tag.close)
            return error(tag.at, "</" + std::string(tag.name) + "> where a value is wanted");
        if (depth > kMaxDepth) return error(tag.at, "nested too deeply");
        if (tag.name == "dict") return dictionary(tag, depth);
        if (tag.name == "array") return array(tag, depth);
        if (std::find(kTags.begin(), kTags.end(), tag.name) == kTags.end() || tag.name == "plist" ||
            tag.name == "key") {
            return error(tag.at, "<" + std::string(tag.name) + "> is no value of a property list");
        }
        return leaf(tag, OD_TRY(content(tag)));
    }

    Result<Node> leaf(const Tag& tag, std::string text) {
        if (tag.name == "string") {
            if (!is_utf8(text)) return error(tag.at, "the string is not UTF-8");
            return placed(tag, builder_.string(std::move(text)));
        }
        const std::string_view words = trimmed(text);
        if (tag.name == "true" || tag.name == "false") {
            if (!words.empty()) return error(tag.at, "a boolean has no text");
            return placed(tag, builder_.boolean(tag.name == "true"));
        }
        if (tag.name == "integer") return integer(tag, words);
        if (tag.name == "real") return real(tag, words);
        if (tag.name == "date") {
            const std::optional<CFAbsoluteTime> at = from_iso8601(words);
            if (!at) return error(tag.at, "the date is not of the form 2001-01-31T23:59:59Z");
            return placed(tag, builder_.date(*at));
        }
        std::optional<std::vector<UInt8>> bytes = from_base64(text);
        if (!bytes) return error(tag.at, "the data is not base 64");
        return placed(tag, builder_.data(std::move(*bytes)));
    }

    Result<Node> integer(const Tag& tag, std::string_view words) {
        const bool negative = words.starts_with('-');
        if (negative || words.starts_with('+')) words.remove_prefix(1);
        const bool hexadecimal = words.starts_with("0x") || words.starts_with("0X");
        if (hexadecimal) words.remove_prefix(2);
        uint64_t magnitude = 0;
        const auto [stop, failed] = std::from_chars(words.data(), words.data() + words.size(),
                                                    magnitude, hexadecimal ? 16 : 10);
        if (failed == std::errc::result_out_of_range ||
            (negative && magnitude > uint64_t{1} << 63)) {
            return error(tag.at, "the integer has more than 64 bits");
        }
        if (failed != std::errc() || stop != words.data() + words.size())
            return error(tag.at, "this is no integer");
        // Beyond 63 bits the bit pattern counts, as everywhere in IOKit.
        return placed(tag,
                      builder_.integer(static_cast<int64_t>(negative ? 0 - magnitude : magnitude)));
    }

    Result<Node> real(const Tag& tag, std::string_view words) {
        std::string lower(words);
        std::transform(lower.begin(), lower.end(), lower.begin(),
                       [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
        std::string_view rest = lower;
        const bool negative = rest.starts_with('-');
        if (negative || rest.starts_with('+')) rest.remove_prefix(1);
        double value = 0;
        if (rest == "nan") {
            value = std::numeric_limits<double>::quiet_NaN();
        } else if (rest == "inf" || rest == "infinity") {
            value = std::numeric_limits<double>::infinity();
        } else {
            // The words for infinity and not a number are those above and no others.
            const bool digits =
                !rest.empty() && (rest[0] == '.' || (rest[0] >= '0' && rest[0] <= '9'));
            const auto [stop, failed] =
                std::from_chars(rest.data(), rest.data() + rest.size(), value);
            const bool range = failed == std::errc::result_out_of_range;
            if (!digits || (failed != std::errc() && !range) || stop != rest.data() + rest.size())
                return error(tag.at, "this is no number");
            if (range) return error(tag.at, "the number is out of range");
        }
        return placed(tag, builder_.real(negative ? -value : value));
    }

    Result<Node> array(const Tag& tag, unsigned depth) {
        std::vector<Node> members;
        while (!tag.empty) {
            OD_TRY(inside(tag));
            const Tag next = OD_TRY(next_tag());
            if (next.close && next.name == "array") break;
            members.push_back(OD_TRY(value(next, depth + 1)));
        }
        return placed(tag, builder_.array(std::move(members)));
    }

    Result<Node> dictionary(const Tag& tag, unsigned depth) {
        std::vector<Builder::Member> members;
        while (!tag.empty) {
            OD_TRY(inside(tag));
            const Tag next = OD_TRY(next_tag());
            if (next.close && next.name == "dict") break;
            if (next.close || next.name != "key")
                return error(next.at, "a value without a <key> in <dict>");
            std::string name = OD_TRY(content(next));
            if (!is_utf8(name)) return error(next.at, "the key is not UTF-8");
            OD_TRY(inside(tag));
            const Tag begin = OD_TRY(next_tag());
            if (begin.close || begin.name == "key")
                return error(next.at, "the key \"" + name.substr(0, 64) + "\" has no value");
            Node key = OD_TRY(placed(next, builder_.key(std::move(name))));
            members.push_back({std::move(key), OD_TRY(value(begin, depth + 1))});
        }
        return placed(tag, builder_.dictionary(members));
    }

    Status inside(const Tag& tag) {
        OD_TRY(skip_space_and_comments());
        if (at_ == text_.size()) return error(tag.at, "<" + std::string(tag.name) + "> has no end");
        return skip_to_tag();
    }

    /// What the builder made, or its refusal with the place.
    Result<Node> placed(const Tag& tag, Result<Node> made) {
        if (made.ok()) return made;
        return error(tag.at, made.error().message);
    }

    std::string_view text_;
    Builder& builder_;
    size_t at_ = 0;
};

}  // namespace

bool is_xml(std::string_view bytes) {
    while (!bytes.empty() && is_space(bytes.front())) bytes.remove_prefix(1);
    if (bytes.starts_with("<?") || bytes.starts_with("<!")) return true;
    // "<abcd>" is data in the OpenStep form, and "<data>" a tag.
    return std::any_of(kTags.begin(), kTags.end(), [&](std::string_view tag) {
        return bytes.starts_with('<') && bytes.substr(1).starts_with(tag) &&
               bytes.size() > tag.size() + 1 && !is_name(bytes[tag.size() + 1]);
    });
}

Result<Node> read_xml(std::string_view bytes, Builder& builder) {
    return Reader(bytes, builder).run();
}

}  // namespace opendext::cf::plist
