// SPDX-License-Identifier: Apache-2.0
#include "bundle/plist.h"

#include <fcntl.h>
#include <plist/plist.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>

#include "bundle/plist_binary.h"
#include "bundle/plist_xml.h"
#include "rpc/fd.h"
#include "rpc/whole_file.h"

namespace opendext::bundle {
namespace {

struct FreePlist {
    void operator()(void* node) const { plist_free(node); }
};
using Node = std::unique_ptr<void, FreePlist>;
struct FreeMemory {
    void operator()(char* text) const { std::free(text); }
};
using Text = std::unique_ptr<char, FreeMemory>;

Error at(std::string_view path, std::string_view what) {
    return Error{
        Errc::malformed, 0,
        (path.empty() ? std::string("the root") : std::string(path)) + ": " + std::string(what)};
}

std::string join(std::string_view path, std::string_view key) {
    return path.empty() ? std::string(key) : std::string(path) + "/" + std::string(key);
}

Result<Value> to_value(plist_t node, const std::string& path, unsigned depth) {
    if (depth > kMaximumPlistDepth) return at(path, "nested too deeply: flatten it");
    switch (plist_get_node_type(node)) {
        case PLIST_BOOLEAN: {
            uint8_t value = 0;
            plist_get_bool_val(node, &value);
            return Value(value != 0);
        }
        case PLIST_UINT: {
            uint64_t value = 0;
            plist_get_uint_val(node, &value);
            return Value(value);
        }
        case PLIST_STRING: {
            uint64_t length = 0;
            const char* text = plist_get_string_ptr(node, &length);
            return Value(std::string(text == nullptr ? "" : text, text == nullptr ? 0 : length));
        }
        case PLIST_DATA: {
            uint64_t length = 0;
            const char* bytes = plist_get_data_ptr(node, &length);
            if (bytes == nullptr) return Value(Data{});
            return Value(Data(bytes, bytes + length));
        }
        case PLIST_ARRAY: {
            Array array;
            const uint32_t size = plist_array_get_size(node);
            array.reserve(size);
            for (uint32_t i = 0; i < size; ++i) {
                array.push_back(OD_TRY(to_value(plist_array_get_item(node, i),
                                                join(path, std::to_string(i)), depth + 1)));
            }
            return Value(std::move(array));
        }
        case PLIST_DICT: {
            Dictionary dictionary;
            plist_dict_iter raw = nullptr;
            plist_dict_new_iter(node, &raw);
            const std::unique_ptr<void, void (*)(void*)> iterator(raw, std::free);
            for (;;) {
                char* name = nullptr;
                plist_t member = nullptr;
                plist_dict_next_item(node, iterator.get(), &name, &member);
                const Text key(name);
                if (member == nullptr || !key) break;
                dictionary.insert_or_assign(
                    key.get(), OD_TRY(to_value(member, join(path, key.get()), depth + 1)));
            }
            return Value(std::move(dictionary));
        }
        case PLIST_REAL:
            return at(path, "a real number has no counterpart in the registry: use an integer");
        case PLIST_DATE:
            return at(path, "a date has no counterpart in the registry: use a string");
        case PLIST_UID:
            return at(path,
                      "a keyed-archive reference has no counterpart in the registry: use a string");
        default:
            return at(path, "a value of unknown type: use a string, an integer, data or a boolean");
    }
}

Result<Node> from_value(const Value& value) {
    switch (value.kind()) {
        case Value::Kind::null:
            return Error{Errc::invalid, 0, "a null cannot be written to a property list"};
        case Value::Kind::boolean:
            return Node(plist_new_bool(*value.boolean() ? 1 : 0));
        case Value::Kind::number:
            return Node(plist_new_uint(value.number()->raw));
        case Value::Kind::string:
            return Node(plist_new_string(value.string()->c_str()));
        case Value::Kind::data:
            return Node(plist_new_data(reinterpret_cast<const char*>(value.data()->data()),
                                       value.data()->size()));
        case Value::Kind::array:
        case Value::Kind::set: {
            Node node(plist_new_array());
            for (const Value& member :
                 value.array() != nullptr ? *value.array() : value.set()->members) {
                plist_array_append_item(node.get(), OD_TRY(from_value(member)).release());
            }
            return node;
        }
        case Value::Kind::dictionary: {
            Node node(plist_new_dict());
            for (const auto& [key, member] : *value.dictionary()) {
                plist_dict_set_item(node.get(), key.c_str(), OD_TRY(from_value(member)).release());
            }
            return node;
        }
    }
    return Error{Errc::invalid, 0, "a value of unknown kind cannot be written to a property list"};
}

}  // namespace

std::string Plist::where(std::string_view path) const {
    for (;;) {
        if (const auto found = positions.find(path); found != positions.end()) {
            return file + ":" + std::to_string(found->second.line) + ":" +
                   std::to_string(found->second.column);
        }
        const size_t slash = path.rfind('/');
        if (slash == std::string_view::npos) return file;
        path = path.substr(0, slash);
    }
}

Result<Dictionary> Plist::dictionary() const {
    if (root.dictionary() != nullptr) return *root.dictionary();
    return Error{
        Errc::invalid, 0,
        file + ": the root is " + describe(root) + ", must be a dictionary: put it into <dict>"};
}

Result<Plist> parse_plist(std::string_view bytes, std::string file) {
    if (bytes.size() > kMaximumPlistSize) {
        return Error{Errc::malformed, 0,
                     file + ": larger than 1 MiB: this is no property list of a bundle"};
    }
    Plist result{std::move(file), {}, {}};
    plist_t raw = nullptr;
    if (bytes.starts_with("bplist")) {
        OD_TRY(check_binary_plist(bytes, result.file));
        plist_from_bin(bytes.data(), static_cast<uint32_t>(bytes.size()), &raw);
    } else {
        const size_t first = bytes.find_first_not_of(" \t\r\n\xef\xbb\xbf");
        if (first == std::string_view::npos) {
            return Error{Errc::malformed, 0,
                         result.file + ": the file is empty: write the property list"};
        }
        if (bytes[first] != '<') {
            return Error{Errc::malformed, 0,
                         result.file +
                             ":1:1: neither an XML nor a binary property list: convert it to XML "
                             "(plutil -convert xml1, or plistutil)"};
        }
        result.positions = OD_TRY(scan_xml_plist(bytes, result.file));
        plist_from_xml(bytes.data(), static_cast<uint32_t>(bytes.size()), &raw);
    }
    const Node node(raw);
    if (!node)
        return Error{Errc::malformed, 0,
                     result.file + ": libplist cannot read it: write it again as XML"};
    auto value = to_value(node.get(), "", 0);
    if (!value.ok()) return std::move(value).error().in(result.file);
    result.root = std::move(value).value();
    return result;
}

Result<Plist> read_plist(const std::filesystem::path& path) {
    // Not blocking: a bundle may hold a FIFO where a file is expected.
    const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (!fd) return Error::system("cannot read " + path.string());
    struct stat status = {};
    if (::fstat(fd.get(), &status) != 0) return Error::system("cannot read " + path.string());
    if (!S_ISREG(status.st_mode))
        return Error{Errc::invalid, 0,
                     path.string() + ": not a regular file: put the property list there"};
    std::string bytes;
    char buffer[1 << 14];
    for (;;) {
        const ssize_t got = ::read(fd.get(), buffer, sizeof buffer);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return Error::system("cannot read " + path.string());
        if (got == 0) break;
        bytes.append(buffer, static_cast<size_t>(got));
        if (bytes.size() > kMaximumPlistSize) break;
    }
    return parse_plist(bytes, path.string());
}

Result<std::string> to_xml(const Value& value) {
    const Node node = OD_TRY(from_value(value));
    char* text = nullptr;
    uint32_t length = 0;
    plist_to_xml(node.get(), &text, &length);
    const Text owned(text);
    if (!owned) return Error{Errc::no_space, 0, "out of memory"};
    return std::string(text, length);
}

Status write_plist(const std::filesystem::path& path, const Value& value) {
    return write_whole_file(path, OD_TRY(to_xml(value)), 0644);
}

std::string describe(const Value& value) {
    const auto counted = [](std::string_view what, size_t count, std::string_view unit) {
        return std::string(what) + " of " + std::to_string(count) + " " + std::string(unit) +
               (count == 1 ? "" : "s");
    };
    switch (value.kind()) {
        case Value::Kind::null:
            return "nothing";
        case Value::Kind::boolean:
            return *value.boolean() ? "the boolean true" : "the boolean false";
        case Value::Kind::number:
            return "the number " + std::to_string(value.number()->as_signed());
        case Value::Kind::string: {
            const std::string& text = *value.string();
            return "the string \"" + (text.size() > 60 ? text.substr(0, 57) + "..." : text) + "\"";
        }
        case Value::Kind::data:
            return counted("data", value.data()->size(), "byte");
        case Value::Kind::array:
            return counted("an array", value.array()->size(), "member");
        case Value::Kind::set:
            return counted("a set", value.set()->members.size(), "member");
        case Value::Kind::dictionary:
            return counted("a dictionary", value.dictionary()->size(), "key");
    }
    return "a value";
}

}  // namespace opendext::bundle
