// SPDX-License-Identifier: Apache-2.0
#include "rpc/value.h"

#include <algorithm>

namespace opendext {

int64_t Number::as_signed() const {
    if (bits >= 64 || bits == 0) return static_cast<int64_t>(raw);
    const uint64_t sign = uint64_t{1} << (bits - 1);
    return static_cast<int64_t>((raw ^ sign) - sign);
}

bool operator==(const Value& a, const Value& b) {
    if (a.kind() != b.kind()) return false;
    if (a.set() != nullptr) {
        const Array& left = a.set()->members;
        const Array& right = b.set()->members;
        return left.size() == right.size() &&
               std::all_of(left.begin(), left.end(), [&](const Value& v) {
                   return std::find(right.begin(), right.end(), v) != right.end();
               });
    }
    switch (a.kind()) {
        case Value::Kind::null:
            return true;
        case Value::Kind::boolean:
            return *a.boolean() == *b.boolean();
        case Value::Kind::number:
            return *a.number() == *b.number();
        case Value::Kind::string:
            return *a.string() == *b.string();
        case Value::Kind::data:
            return *a.data() == *b.data();
        case Value::Kind::array:
            return *a.array() == *b.array();
        case Value::Kind::dictionary:
            return *a.dictionary() == *b.dictionary();
        case Value::Kind::set:
            break;
    }
    return false;
}

std::string_view to_string(Value::Kind kind) {
    switch (kind) {
        case Value::Kind::null:
            return "null";
        case Value::Kind::boolean:
            return "boolean";
        case Value::Kind::number:
            return "number";
        case Value::Kind::string:
            return "string";
        case Value::Kind::data:
            return "data";
        case Value::Kind::array:
            return "array";
        case Value::Kind::dictionary:
            return "dictionary";
        case Value::Kind::set:
            return "set";
    }
    return "unknown";
}

const Value* find(const Dictionary& dictionary, std::string_view key) {
    const auto entry = dictionary.find(key);
    return entry == dictionary.end() ? nullptr : &entry->second;
}

const std::string* find_string(const Dictionary& dictionary, std::string_view key) {
    const Value* value = find(dictionary, key);
    return value == nullptr ? nullptr : value->string();
}

const Number* find_number(const Dictionary& dictionary, std::string_view key) {
    const Value* value = find(dictionary, key);
    return value == nullptr ? nullptr : value->number();
}

}  // namespace opendext
