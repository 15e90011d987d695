// SPDX-License-Identifier: Apache-2.0
#include "rpc/json.h"

#include <charconv>
#include <cstdio>

#include "rpc/utf8.h"

namespace opendext {
namespace {

/// The length of the UTF-8 character at the front of `text`, 0 if there is none.
size_t utf8_length(std::string_view text) {
    const auto lead = static_cast<unsigned char>(text[0]);
    const size_t size = lead < 0x80   ? 1
                        : lead < 0xc2 ? 0
                        : lead < 0xe0 ? 2
                        : lead < 0xf0 ? 3
                        : lead < 0xf5 ? 4
                                      : 0;
    if (size == 0 || size > text.size()) return 0;
    for (size_t i = 1; i < size; ++i) {
        if ((static_cast<unsigned char>(text[i]) & 0xc0) != 0x80) return 0;
    }
    if (size == 1) return 1;
    const auto second = static_cast<unsigned char>(text[1]);
    const bool bad = (lead == 0xe0 && second < 0xa0) || (lead == 0xed && second > 0x9f) ||
                     (lead == 0xf0 && second < 0x90) || (lead == 0xf4 && second > 0x8f);
    return bad ? 0 : size;
}

class JsonWriter {
  public:
    explicit JsonWriter(int indent) : indent_(indent) {}
    void write(const Value& value, int depth) {
        switch (value.kind()) {
            case Value::Kind::null:
                text += "null";
                break;
            case Value::Kind::boolean:
                text += *value.boolean() ? "true" : "false";
                break;
            case Value::Kind::number:
                text += std::to_string(value.number()->raw);
                break;
            case Value::Kind::string:
                text += quote_json(*value.string());
                break;
            case Value::Kind::data: {
                std::string digits;
                for (const uint8_t byte : *value.data()) {
                    char pair[3];
                    std::snprintf(pair, sizeof pair, "%02x", byte);
                    digits += pair;
                }
                text += "{\"$data\": \"" + digits + "\"}";
                break;
            }
            case Value::Kind::array:
                list(*value.array(), depth);
                break;
            case Value::Kind::set:
                text += "{\"$set\": ";
                list(value.set()->members, depth);
                text += "}";
                break;
            case Value::Kind::dictionary:
                object(*value.dictionary(), depth);
                break;
        }
    }
    std::string text;

  private:
    void line(int depth) {
        if (indent_ == 0) return;
        text += '\n';
        text.append(static_cast<size_t>(indent_ * depth), ' ');
    }
    void list(const Array& members, int depth) {
        text += '[';
        bool first = true;
        for (const Value& member : members) {
            if (!first) text += indent_ == 0 ? ", " : ",";
            first = false;
            line(depth + 1);
            write(member, depth + 1);
        }
        if (!members.empty()) line(depth);
        text += ']';
    }
    void object(const Dictionary& dictionary, int depth) {
        text += '{';
        bool first = true;
        for (const auto& [key, value] : dictionary) {
            if (!first) text += indent_ == 0 ? ", " : ",";
            first = false;
            line(depth + 1);
            text += quote_json(key) + ": ";
            write(value, depth + 1);
        }
        if (!dictionary.empty()) line(depth);
        text += '}';
    }
    const int indent_;
};

class JsonReader {
  public:
    explicit JsonReader(std::string_view text) : rest_(text) {}

    Result<Value> read() {
        Value value = OD_TRY(value_at(0));
        space();
        if (!rest_.empty()) return wrong("text behind the value");
        return value;
    }

  private:
    static Error wrong(const std::string& what) {
        return Error{Errc::malformed, 0, "not JSON: " + what};
    }
    void space() {
        while (!rest_.empty() &&
               std::string_view(" \t\r\n").find(rest_[0]) != std::string_view::npos) {
            rest_.remove_prefix(1);
        }
    }
    bool take(std::string_view wanted) {
        if (!rest_.starts_with(wanted)) return false;
        rest_.remove_prefix(wanted.size());
        return true;
    }
    Result<Value> value_at(int depth) {
        if (depth > 64) return wrong("nested too deeply");
        space();
        if (take("null")) return Value();
        if (take("true")) return Value(true);
        if (take("false")) return Value(false);
        if (rest_.starts_with('"')) return Value(OD_TRY(string()));
        if (take("[")) return list(depth);
        if (take("{")) return object(depth);
        return number();
    }
    Result<Value> number() {
        const bool negative = rest_.starts_with('-');
        int64_t below = 0;
        uint64_t above = 0;
        const char* begin = rest_.data();
        const char* end = begin + rest_.size();
        const auto [at, error] =
            negative ? std::from_chars(begin, end, below) : std::from_chars(begin, end, above);
        if (error != std::errc{}) return wrong("no value");
        rest_.remove_prefix(static_cast<size_t>(at - begin));
        if (rest_.starts_with('.') || rest_.starts_with('e') || rest_.starts_with('E'))
            return wrong("not a whole number");
        return negative ? Value(below) : Value(above);
    }
    Result<Value> list(int depth) {
        Array members;
        space();
        if (take("]")) return Value(std::move(members));
        for (;;) {
            members.push_back(OD_TRY(value_at(depth + 1)));
            space();
            if (take("]")) return Value(std::move(members));
            if (!take(",")) return wrong("',' or ']' expected");
        }
    }
    Result<Value> object(int depth) {
        Dictionary dictionary;
        space();
        if (take("}")) return Value(std::move(dictionary));
        for (;;) {
            space();
            std::string key = OD_TRY(string());
            space();
            if (!take(":")) return wrong("':' expected");
            dictionary.insert_or_assign(std::move(key), OD_TRY(value_at(depth + 1)));
            space();
            if (take("}")) return Value(std::move(dictionary));
            if (!take(",")) return wrong("',' or '}' expected");
        }
    }
    Result<uint32_t> hexadecimal() {
        uint32_t unit = 0;
        if (rest_.size() < 4) return wrong("\\u is cut short");
        const auto [at, error] = std::from_chars(rest_.data(), rest_.data() + 4, unit, 16);
        if (error != std::errc{} || at != rest_.data() + 4)
            return wrong("\\u needs four hexadecimal digits");
        rest_.remove_prefix(4);
        return unit;
    }
    Status escape(std::string& text) {
        if (rest_.empty()) return wrong("text is cut short");
        const char c = rest_[0];
        rest_.remove_prefix(1);
        constexpr std::string_view kFrom = "\"\\/bfnrt";
        constexpr std::string_view kTo = "\"\\/\b\f\n\r\t";
        if (const size_t at = kFrom.find(c); at != std::string_view::npos) {
            text.push_back(kTo[at]);
            return success();
        }
        if (c != 'u') return wrong("unknown escape");
        uint32_t unit = OD_TRY(hexadecimal());
        if (unit >= 0xd800 && unit < 0xdc00 && take("\\u")) {
            const uint32_t low = OD_TRY(hexadecimal());
            unit = low >= 0xdc00 && low < 0xe000
                       ? 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00)
                       : 0xfffd;
        } else if (unit >= 0xd800 && unit < 0xe000) {
            unit = 0xfffd;
        }
        append_utf8(text, unit);
        return success();
    }
    Result<std::string> string() {
        if (!take("\"")) return wrong("a text expected");
        std::string text;
        while (!rest_.empty()) {
            const char c = rest_[0];
            rest_.remove_prefix(1);
            if (c == '"') return text;
            if (static_cast<unsigned char>(c) < 0x20) return wrong("control character in a text");
            if (c == '\\') {
                OD_TRY(escape(text));
            } else {
                text.push_back(c);
            }
        }
        return wrong("text is cut short");
    }

    std::string_view rest_;
};

}  // namespace

std::string quote_json(std::string_view text) {
    std::string out = "\"";
    while (!text.empty()) {
        const size_t size = utf8_length(text);
        const char c = text[0];
        if (size == 0) {
            out += "\xef\xbf\xbd";
        } else if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (c == '\n') {
            out += "\\n";
        } else if (c == '\t') {
            out += "\\t";
        } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
            char escape[8];
            std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(c));
            out += escape;
        } else {
            out.append(text, 0, size);
        }
        text.remove_prefix(size == 0 ? 1 : size);
    }
    return out + '"';
}

std::string to_json(const Value& value, int indent) {
    JsonWriter writer(indent);
    writer.write(value, 0);
    return std::move(writer.text);
}

Result<Value> parse_json(std::string_view text) {
    return JsonReader(text).read();
}

}  // namespace opendext
