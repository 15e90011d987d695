// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <unordered_map>

#include "iokit/corefoundation/base64.h"
#include "iokit/corefoundation/collections.h"
#include "iokit/corefoundation/data.h"
#include "iokit/corefoundation/date.h"
#include "iokit/corefoundation/number.h"
#include "iokit/corefoundation/plist.h"
#include "iokit/corefoundation/string.h"

namespace opendext::cf::plist {
namespace {

template <typename T>
const T& as(CFTypeRef ref) {
    return static_cast<const T&>(*to_object(ref));
}

/// The members in the order of their keys, so that equal lists give equal bytes.
std::vector<std::pair<CFTypeRef, CFTypeRef>> sorted(const Dictionary& dictionary) {
    std::vector<std::pair<CFTypeRef, CFTypeRef>> members(dictionary.map().begin(),
                                                         dictionary.map().end());
    std::sort(members.begin(), members.end(), [](const auto& a, const auto& b) {
        return as<String>(a.first).text() < as<String>(b.first).text();
    });
    return members;
}

class XmlWriter {
  public:
    std::string run(CFTypeRef list) {
        text_ =
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
            "<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" "
            "\"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n"
            "<plist version=\"1.0\">\n";
        write(list, 0);
        return text_ + "</plist>\n";
    }

  private:
    void line(size_t depth, const std::string& text) {
        text_.append(depth, '\t');
        text_ += text + "\n";
    }

    static std::string escaped(std::string_view text) {
        std::string result;
        for (const char c : text) {
            if (c == '<') {
                result += "&lt;";
            } else if (c == '>') {
                result += "&gt;";
            } else if (c == '&') {
                result += "&amp;";
            } else if (c == '\r') {
                result += "&#13;";  // a reader of XML would make it a newline
            } else {
                result += c;
            }
        }
        return result;
    }

    static std::string real(double value) {
        if (std::isnan(value)) return "nan";
        if (std::isinf(value)) return value > 0 ? "+infinity" : "-infinity";
        char digits[32];
        const auto end = std::to_chars(digits, digits + sizeof digits, value);
        return {digits, end.ptr};
    }

    void write(CFTypeRef ref, size_t depth) {
        switch (to_object(ref)->type()) {
            case Type::string:
                return line(depth, "<string>" + escaped(as<String>(ref).text()) + "</string>");
            case Type::boolean:
                return line(depth, as<Boolean>(ref).value ? "<true/>" : "<false/>");
            case Type::number: {
                const auto& number = as<Number>(ref);
                return line(depth,
                            number.is_float()
                                ? "<real>" + real(number.floating) + "</real>"
                                : "<integer>" + std::to_string(number.integer) + "</integer>");
            }
            case Type::date:
                return line(depth, "<date>" + to_iso8601(as<Date>(ref).at) + "</date>");
            case Type::data:
                return data(as<Data>(ref), depth);
            case Type::array: {
                const auto& values = as<Array>(ref).values();
                if (values.empty()) return line(depth, "<array/>");
                line(depth, "<array>");
                for (const void* value : values) write(value, depth + 1);
                return line(depth, "</array>");
            }
            default: {
                const auto members = sorted(as<Dictionary>(ref));
                if (members.empty()) return line(depth, "<dict/>");
                line(depth, "<dict>");
                for (const auto& [key, value] : members) {
                    line(depth + 1, "<key>" + escaped(as<String>(key).text()) + "</key>");
                    write(value, depth + 1);
                }
                return line(depth, "</dict>");
            }
        }
    }

    void data(const Data& data, size_t depth) {
        line(depth, "<data>");
        const std::string digits = to_base64(data.bytes);
        const size_t indented = std::min<size_t>(8 * depth, 60);
        const size_t width = (76 - indented) / 4 * 4;
        for (size_t at = 0; at < digits.size(); at += width) line(depth, digits.substr(at, width));
        line(depth, "</data>");
    }

    std::string text_;
};

void append_number(std::string& bytes, uint64_t value, size_t size) {
    for (size_t i = size; i-- > 0;) bytes += static_cast<char>(value >> (8 * i) & 0xff);
}

size_t width_of(uint64_t value) {
    return value < 0x100 ? 1 : value < 0x10000 ? 2 : value < 0x100000000 ? 4 : 8;
}

class BinaryWriter {
  public:
    std::string run(CFTypeRef list) {
        collect(list);
        reference_size_ = width_of(objects_.size());
        std::string bytes = "bplist00";
        std::vector<size_t> offsets;
        for (const Collected& object : objects_) {
            offsets.push_back(bytes.size());
            bytes += object.head;
            for (const size_t reference : object.references)
                append_number(bytes, reference, reference_size_);
        }
        const size_t table = bytes.size();
        const size_t offset_size = width_of(table);
        for (const size_t offset : offsets) append_number(bytes, offset, offset_size);
        bytes.append(6, '\0');
        bytes += static_cast<char>(offset_size);
        bytes += static_cast<char>(reference_size_);
        append_number(bytes, objects_.size(), 8);
        append_number(bytes, 0, 8);
        append_number(bytes, table, 8);
        return bytes;
    }

  private:
    /// An object as it will stand in the file.
    struct Collected {
        std::string head;  ///< marker, size and body, but for references
        std::vector<size_t> references;
    };

    static std::string marked(int kind, uint64_t size) {
        std::string head;
        if (size < 0x0f) {
            head += static_cast<char>(kind << 4 | static_cast<int>(size));
            return head;
        }
        head += static_cast<char>(kind << 4 | 0x0f);
        const size_t width = width_of(size);
        head += static_cast<char>(0x10 | std::countr_zero(width));
        append_number(head, size, width);
        return head;
    }

    static std::string real(double value, bool single) {
        std::string head(1, static_cast<char>(single ? 0x22 : 0x23));
        if (single) {
            append_number(head, std::bit_cast<uint32_t>(static_cast<float>(value)), 4);
        } else {
            append_number(head, std::bit_cast<uint64_t>(value), 8);
        }
        return head;
    }

    static std::string leaf(CFTypeRef ref) {
        switch (to_object(ref)->type()) {
            case Type::boolean:
                return {as<Boolean>(ref).value ? '\x09' : '\x08'};
            case Type::number: {
                const auto& number = as<Number>(ref);
                if (number.is_float())
                    return real(number.floating, number.number_type == kCFNumberFloat32Type);
                const size_t width =
                    number.integer < 0 ? 8 : width_of(static_cast<uint64_t>(number.integer));
                std::string head(1, static_cast<char>(0x10 | std::countr_zero(width)));
                append_number(head, static_cast<uint64_t>(number.integer), width);
                return head;
            }
            case Type::date: {
                std::string head(1, 0x33);
                append_number(head, std::bit_cast<uint64_t>(as<Date>(ref).at), 8);
                return head;
            }
            case Type::data: {
                const std::vector<UInt8>& bytes = as<Data>(ref).bytes;
                return marked(0x4, bytes.size()) + std::string(bytes.begin(), bytes.end());
            }
            default: {
                const auto& string = as<String>(ref);
                if (string.ascii()) return marked(0x5, string.text().size()) + string.text();
                const std::u16string units = string.units();
                std::string head = marked(0x6, units.size());
                for (const char16_t unit : units) append_number(head, unit, 2);
                return head;
            }
        }
    }

    /// The number of the object; leaves with the same bytes are kept once.
    size_t collect(CFTypeRef ref) {
        const Type type = to_object(ref)->type();
        if (type != Type::array && type != Type::dictionary) {
            std::string bytes = leaf(ref);
            const auto [place, fresh] = leaves_.try_emplace(std::move(bytes), objects_.size());
            if (fresh) objects_.push_back({place->first, {}});
            return place->second;
        }
        const size_t number = objects_.size();
        objects_.emplace_back();
        std::vector<size_t> references;
        if (type == Type::array) {
            const auto& values = as<Array>(ref).values();
            for (const void* value : values) references.push_back(collect(value));
            objects_[number].head = marked(0xa, values.size());
        } else {
            const auto members = sorted(as<Dictionary>(ref));
            for (const auto& member : members) references.push_back(collect(member.first));
            for (const auto& member : members) references.push_back(collect(member.second));
            objects_[number].head = marked(0xd, members.size());
        }
        objects_[number].references = std::move(references);
        return number;
    }

    std::vector<Collected> objects_;
    std::unordered_map<std::string, size_t> leaves_;
    size_t reference_size_ = 1;
};

/// Goes over a list that is to be written.
class Checker {
  public:
    explicit Checker(CFPropertyListFormat format) : format_(format) {}

    Status check(CFTypeRef ref, unsigned depth) {
        if (ref == nullptr) return error("NULL");
        if (depth > kMaxDepth) return error("nesting of more than 64 levels");
        if (++objects_ > kMaxObjects) return error("more than a million objects");
        const bool old = format_ == kCFPropertyListOpenStepFormat;
        switch (const Type type = to_object(ref)->type()) {
            case Type::boolean:
            case Type::number:
            case Type::date:
                return old ? error(name_of(type)) : success();
            case Type::data:
                return success();
            case Type::string:
                return text(as<String>(ref).text());
            case Type::array: {
                const auto& array = as<Array>(ref);
                if (array.callbacks().retain == nullptr && !array.values().empty())
                    return error("a CFArray of plain pointers");
                for (const void* value : array.values()) OD_TRY(check(value, depth + 1));
                return success();
            }
            case Type::dictionary: {
                const auto& dictionary = as<Dictionary>(ref);
                const bool plain = dictionary.key_callbacks().retain == nullptr ||
                                   dictionary.value_callbacks().retain == nullptr;
                if (plain && !dictionary.map().empty())
                    return error("a CFDictionary of plain pointers");
                for (const auto& [key, value] : dictionary.map()) {
                    if (key == nullptr || to_object(key)->type() != Type::string)
                        return error("a key that is not a CFString");
                    OD_TRY(check(key, depth + 1));
                    OD_TRY(check(value, depth + 1));
                }
                return success();
            }
            default:
                return error(name_of(type));
        }
    }

  private:
    [[nodiscard]] Status error(const std::string& what) const {
        const char* form = format_ == kCFPropertyListXMLFormat_v1_0      ? "an XML"
                           : format_ == kCFPropertyListBinaryFormat_v1_0 ? "a binary"
                                                                         : "an OpenStep";
        return Error{Errc::invalid, 0, std::string(form) + " property list cannot hold " + what};
    }

    [[nodiscard]] Status text(std::string_view utf8) const {
        if (format_ != kCFPropertyListXMLFormat_v1_0) return success();
        for (const char c : utf8) {
            if (static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\n' && c != '\r')
                return error("a string with a control character; the binary form can");
        }
        return success();
    }

    const CFPropertyListFormat format_;
    size_t objects_ = 0;
};

/// A copy of what Checker has passed.
Result<Node> copy(CFTypeRef ref, Builder& builder, CFOptionFlags mutability) {
    const bool leaves = mutability == kCFPropertyListMutableContainersAndLeaves;
    switch (to_object(ref)->type()) {
        case Type::string: {
            const auto& string = as<String>(ref);
            if (leaves || string.is_mutable) return builder.string(string.text());
            break;
        }
        case Type::data: {
            const auto& data = as<Data>(ref);
            if (leaves || data.is_mutable) return builder.data(data.bytes);
            break;
        }
        case Type::array: {
            std::vector<Node> members;
            for (const void* value : as<Array>(ref).values())
                members.push_back(OD_TRY(copy(value, builder, mutability)));
            return builder.array(std::move(members));
        }
        case Type::dictionary: {
            std::vector<Builder::Member> members;
            for (const auto& [key, value] : as<Dictionary>(ref).map()) {
                Node name = as<String>(key).is_mutable ? OD_TRY(builder.key(as<String>(key).text()))
                                                       : Node::share(key);
                members.push_back({std::move(name), OD_TRY(copy(value, builder, mutability))});
            }
            return builder.dictionary(members);
        }
        default:
            break;
    }
    return Node::share(ref);
}

}  // namespace

Status check(CFTypeRef list, CFPropertyListFormat format) {
    return Checker(format).check(list, 0);
}

std::string write_xml(CFTypeRef list) {
    return XmlWriter().run(list);
}

std::string write_binary(CFTypeRef list) {
    return BinaryWriter().run(list);
}

CFTypeRef deep_copy(CFTypeRef list, CFOptionFlags mutability) {
    if (!check(list, kCFPropertyListBinaryFormat_v1_0).ok()) return nullptr;
    Builder builder(mutability);
    Result<Node> made = copy(list, builder, mutability);
    return made.ok() ? made->release() : nullptr;
}

}  // namespace opendext::cf::plist
