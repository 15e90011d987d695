// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>

#include "iokit/client/serialize.h"
#include "iokit/corefoundation/base64.h"
#include "rpc/codec.h"

namespace opendext::client {
namespace {

constexpr std::array<std::pair<std::string_view, char>, 5> kEntities{
    {{"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&apos;", '\''}}};

void write_text(std::string& xml, std::string_view text) {
    for (const char c : text) {
        if (c == '&') {
            xml += "&amp;";
        } else if (c == '<') {
            xml += "&lt;";
        } else if (c == '>') {
            xml += "&gt;";
        } else {
            xml += c;
        }
    }
}

void write(std::string& xml, const Value& value) {
    const auto members = [&](std::string_view tag, const Array& array) {
        ((xml += '<') += tag) += '>';
        for (const Value& member : array) write(xml, member);
        ((xml += "</") += tag) += '>';
    };
    switch (value.kind()) {
        case Value::Kind::null:
            xml += "<string></string>";  // there is none in this form
            return;
        case Value::Kind::boolean:
            xml += *value.boolean() ? "<true/>" : "<false/>";
            return;
        case Value::Kind::number: {
            std::array<char, 17> digits{};
            const auto end = std::to_chars(digits.begin(), digits.end(), value.number()->raw, 16);
            xml += "<integer size=\"" + std::to_string(value.number()->bits) + "\">0x" +
                   std::string(digits.data(), end.ptr) + "</integer>";
            return;
        }
        case Value::Kind::string:
            xml += "<string>";
            write_text(xml, *value.string());
            xml += "</string>";
            return;
        case Value::Kind::data:
            xml += "<data>" + cf::to_base64(*value.data()) + "</data>";
            return;
        case Value::Kind::array:
            return members("array", *value.array());
        case Value::Kind::set:
            return members("set", value.set()->members);
        case Value::Kind::dictionary:
            xml += "<dict>";
            for (const auto& [key, member] : *value.dictionary()) {
                xml += "<key>";
                write_text(xml, key);
                xml += "</key>";
                write(xml, member);
            }
            xml += "</dict>";
            return;
    }
}

/// Reads one value; the first trouble ends it, with the line.
class XmlReader {
  public:
    explicit XmlReader(std::string_view text) : text_(text) {}

    Result<Value> read() {
        std::optional<Tag> tag = next_tag();
        const bool plist = tag && tag->name == "plist" && !tag->closes;
        if (plist) tag = next_tag();
        Value made = tag ? value(*tag, 0) : Value();
        if (!tag) fail("a value is missing");
        if (error_.empty()) return made;
        return Error{Errc::malformed, 0, error_};
    }

  private:
    struct Tag {
        std::string_view name;
        std::string_view attributes;
        bool closes = false;  ///< </name>
        bool empty = false;   ///< <name/>
    };

    void fail(const std::string& what) {
        if (!error_.empty()) return;
        const auto line = std::count(text_.begin(), text_.begin() + static_cast<long>(at_), '\n');
        error_ = "line " + std::to_string(line + 1) + ": " + what;
    }
    /// The next tag that is no declaration and no comment; only blanks may stand before it.
    std::optional<Tag> next_tag() {
        for (;;) {
            at_ = std::min(text_.find_first_not_of(" \t\r\n", at_), text_.size());
            if (at_ == text_.size() || text_[at_] != '<') return std::nullopt;
            const bool comment = text_.substr(at_).starts_with("<!--");
            const std::string_view ending = comment ? "-->" : ">";
            const size_t end = text_.find(ending, at_);
            if (end == std::string_view::npos) return std::nullopt;
            std::string_view inside = text_.substr(at_ + 1, end - at_ - 1);
            at_ = end + ending.size();
            if (comment || inside.starts_with('?') || inside.starts_with('!')) continue;
            Tag tag;
            tag.closes = inside.starts_with('/');
            if (tag.closes) inside.remove_prefix(1);
            tag.empty = inside.ends_with('/');
            if (tag.empty) inside.remove_suffix(1);
            tag.name = inside.substr(0, inside.find_first_of(" \t\r\n"));
            tag.attributes = inside.substr(tag.name.size());
            return tag;
        }
    }
    static std::string_view attribute(const Tag& tag, std::string_view name) {
        const std::string start = " " + std::string(name) + "=\"";
        const size_t place = tag.attributes.find(start);
        if (place == std::string_view::npos) return {};
        const std::string_view rest = tag.attributes.substr(place + start.size());
        return rest.substr(0, rest.find('"'));
    }
    /// The text up to </name>.
    std::string content(const Tag& tag) {
        if (tag.empty) return {};
        const std::string ending = "</" + std::string(tag.name) + ">";
        const size_t end = text_.find(ending, at_);
        if (end == std::string_view::npos) {
            fail("<" + std::string(tag.name) + "> does not end");
            return {};
        }
        std::string text;
        while (at_ < end) {
            if (text_[at_] != '&') {
                text += text_[at_++];
                continue;
            }
            const auto* entity = std::find_if(
                kEntities.begin(), kEntities.end(),
                [&](const auto& known) { return text_.substr(at_).starts_with(known.first); });
            if (entity == kEntities.end()) {
                fail("unknown entity");
                return {};
            }
            text += entity->second;
            at_ += entity->first.size();
        }
        at_ = end + ending.size();
        return text;
    }

    Value value(const Tag& tag, int depth) {
        if (depth > kMaxValueDepth) fail("the values are nested too deeply");
        if (++count_ > kMaxSerializedValues) fail("there are too many values");
        if (!error_.empty()) return {};
        const std::string_view wanted = attribute(tag, "IDREF");
        if (!wanted.empty()) return repeated(wanted);
        Value made = contents(tag, depth);
        const std::string_view id = attribute(tag, "ID");
        if (!id.empty() && error_.empty()) named_.insert_or_assign(std::string(id), made);
        return made;
    }
    Value repeated(std::string_view id) {
        const auto named = named_.find(id);
        if (named == named_.end()) {
            fail("IDREF \"" + std::string(id) + "\" was not given before");
            return {};
        }
        count_ += weight_of(named->second);
        if (count_ > kMaxSerializedValues) {
            fail("there are too many values");
            return {};
        }
        return named->second;
    }
    Value contents(const Tag& tag, int depth) {
        if (!tag.closes) {
            if (tag.name == "true") return flag(tag, true);
            if (tag.name == "false") return flag(tag, false);
            if (tag.name == "string") return content(tag);
            if (tag.name == "integer") return integer(tag);
            if (tag.name == "data") return data(tag);
            if (tag.name == "array") return members(tag, depth);
            if (tag.name == "set") return Set{members(tag, depth)};
            if (tag.name == "dict") return pairs(tag, depth);
        }
        fail("<" + std::string(tag.closes ? "/" : "") + std::string(tag.name.substr(0, 32)) +
             "> is no value");
        return {};
    }
    Value flag(const Tag& tag, bool value) {
        if (!content(tag).empty()) fail("a boolean has no contents");
        return value;
    }
    Value integer(const Tag& tag) {
        uint32_t bits = 64;
        const std::string_view size = attribute(tag, "size");
        if (!size.empty()) std::from_chars(size.data(), size.data() + size.size(), bits);
        std::string text = content(tag);
        const bool negative = text.starts_with('-');
        if (negative) text.erase(0, 1);
        const bool hexadecimal = text.starts_with("0x") || text.starts_with("0X");
        if (hexadecimal) text.erase(0, 2);
        uint64_t raw = 0;
        const auto end =
            std::from_chars(text.data(), text.data() + text.size(), raw, hexadecimal ? 16 : 10);
        if (text.empty() || end.ec != std::errc() || end.ptr != text.data() + text.size() ||
            bits == 0 || bits > 64)
            fail("not an integer");
        if (negative) raw = 0 - raw;
        return Number{bits >= 64 ? raw : raw & ((uint64_t{1} << bits) - 1), bits};
    }
    Value data(const Tag& tag) {
        const std::string text = content(tag);
        if (attribute(tag, "format") == "hex") {
            Data bytes;
            for (size_t i = 0; i + 1 < text.size(); i += 2) {
                uint8_t byte = 0;
                const auto end = std::from_chars(&text[i], &text[i] + 2, byte, 16);
                if (end.ptr != &text[i] + 2) fail("not hexadecimal data");
                bytes.push_back(byte);
            }
            return bytes;
        }
        std::optional<Data> bytes = cf::from_base64(text);
        if (!bytes) fail("not base64 data");
        return bytes ? std::move(*bytes) : Data();
    }
    Array members(const Tag& tag, int depth) {
        Array array;
        if (tag.empty) return array;
        for (;;) {
            const std::optional<Tag> next = next_tag();
            if (!next) fail("<" + std::string(tag.name) + "> does not end");
            if (!error_.empty() || (next->closes && next->name == tag.name)) return array;
            array.push_back(value(*next, depth + 1));
        }
    }
    Value pairs(const Tag& tag, int depth) {
        Dictionary dictionary;
        if (tag.empty) return dictionary;
        for (;;) {
            const std::optional<Tag> next = next_tag();
            if (!next) fail("<dict> does not end");
            if (!error_.empty() || (next->closes && next->name == "dict")) return dictionary;
            const std::string_view same = attribute(*next, "IDREF");
            if (next->closes || next->name != "key") fail("<dict> wants a <key>");
            std::string key;
            if (error_.empty() && !same.empty()) {
                const Value earlier = repeated(same);
                if (earlier.string() != nullptr) key = *earlier.string();
            } else if (error_.empty()) {
                key = content(*next);
                const std::string_view id = attribute(*next, "ID");
                if (!id.empty()) named_.insert_or_assign(std::string(id), Value(key));
            }
            const std::optional<Tag> what = error_.empty() ? next_tag() : std::nullopt;
            if (!what) {
                fail("the value of <key>" + key.substr(0, 64) + "</key> is missing");
                return {};
            }
            dictionary.insert_or_assign(std::move(key), value(*what, depth + 1));
        }
    }

    std::string_view text_;
    size_t at_ = 0;
    size_t count_ = 0;
    std::string error_;
    Dictionary named_;  ///< by their ID
};

}  // namespace

std::string to_xml(const Value& value) {
    std::string xml;
    write(xml, value);
    return xml;
}

Result<Value> from_xml(std::string_view text) {
    return XmlReader(text).read();
}

}  // namespace opendext::client
