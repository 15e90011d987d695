// SPDX-License-Identifier: Apache-2.0
#include "rpc/codec.h"

#include <utility>

namespace opendext {

Writer& Writer::put(std::string_view text) {
    return put_blob({reinterpret_cast<const uint8_t*>(text.data()), text.size()});
}

Writer& Writer::put_blob(std::span<const uint8_t> bytes) {
    put(static_cast<uint32_t>(bytes.size()));
    return put_bytes(bytes);
}

Writer& Writer::put_bytes(std::span<const uint8_t> bytes) {
    buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
    return *this;
}

Writer& Writer::put_strings(std::span<const std::string> strings) {
    put(static_cast<uint32_t>(strings.size()));
    for (const std::string& text : strings) put(text);
    return *this;
}

Writer& Writer::put(const Dictionary& dictionary) {
    put(static_cast<uint32_t>(dictionary.size()));
    for (const auto& [key, value] : dictionary) put(key).put(value);
    return *this;
}

Writer& Writer::put(const Value& value) {
    put(value.kind());
    switch (value.kind()) {
        case Value::Kind::null:
            break;
        case Value::Kind::boolean:
            put(static_cast<uint8_t>(*value.boolean() ? 1 : 0));
            break;
        case Value::Kind::number:
            put(static_cast<uint8_t>(value.number()->bits)).put(value.number()->raw);
            break;
        case Value::Kind::string:
            put(*value.string());
            break;
        case Value::Kind::data:
            put_blob(*value.data());
            break;
        case Value::Kind::dictionary:
            put(*value.dictionary());
            break;
        case Value::Kind::array:
        case Value::Kind::set: {
            const Array& members = value.array() != nullptr ? *value.array() : value.set()->members;
            put(static_cast<uint32_t>(members.size()));
            for (const Value& member : members) put(member);
            break;
        }
    }
    return *this;
}

const uint8_t* Reader::take(size_t size) {
    if (failed_ || rest_.size() < size) {
        failed_ = true;
        return nullptr;
    }
    const uint8_t* from = rest_.data();
    rest_ = rest_.subspan(size);
    return from;
}

std::span<const uint8_t> Reader::get_bytes(size_t size) {
    const uint8_t* from = take(size);
    return from == nullptr ? std::span<const uint8_t>{} : std::span<const uint8_t>{from, size};
}

std::span<const uint8_t> Reader::get_blob() {
    return get_bytes(get<uint32_t>());
}

std::string Reader::get_string() {
    const std::span<const uint8_t> bytes = get_blob();
    return {bytes.begin(), bytes.end()};
}

uint32_t Reader::get_count(size_t element_size) {
    const auto count = get<uint32_t>();
    if (count > rest_.size() / element_size) {
        failed_ = true;
        return 0;
    }
    return count;
}

std::vector<std::string> Reader::get_strings() {
    std::vector<std::string> strings(get_count(sizeof(uint32_t)));
    for (std::string& text : strings) text = get_string();
    return strings;
}

Value Reader::get_value() {
    return get_value(0);
}

Dictionary Reader::get_dictionary() {
    Dictionary dictionary;
    const uint32_t count = get_count(sizeof(uint32_t) + 1);
    for (uint32_t i = 0; i < count && !failed_; ++i) {
        std::string key = get_string();
        dictionary.insert_or_assign(std::move(key), get_value(1));
    }
    return dictionary;
}

Value Reader::get_value(int depth) {
    if (depth > kMaxValueDepth) {
        failed_ = true;
        return {};
    }
    switch (get<Value::Kind>()) {
        case Value::Kind::null:
            return {};
        case Value::Kind::boolean:
            return get_bool();
        case Value::Kind::number: {
            const uint32_t bits = get<uint8_t>();
            const auto raw = get<uint64_t>();
            if (bits == 0 || bits > 64) {
                failed_ = true;
                return {};
            }
            return Number{bits == 64 ? raw : raw & ((uint64_t{1} << bits) - 1), bits};
        }
        case Value::Kind::string:
            return get_string();
        case Value::Kind::data: {
            const std::span<const uint8_t> bytes = get_blob();
            return Data(bytes.begin(), bytes.end());
        }
        case Value::Kind::dictionary: {
            Dictionary dictionary;
            const uint32_t count = get_count(sizeof(uint32_t) + 1);
            for (uint32_t i = 0; i < count && !failed_; ++i) {
                std::string key = get_string();
                dictionary.insert_or_assign(std::move(key), get_value(depth + 1));
            }
            return dictionary;
        }
        case Value::Kind::array: {
            Array members(get_count(1));
            for (Value& member : members) member = get_value(depth + 1);
            return members;
        }
        case Value::Kind::set: {
            Array members(get_count(1));
            for (Value& member : members) member = get_value(depth + 1);
            return Set{std::move(members)};
        }
    }
    failed_ = true;
    return {};
}

void Reader::skip_value(int depth) {
    if (depth > kMaxValueDepth) {
        failed_ = true;
        return;
    }
    switch (get<Value::Kind>()) {
        case Value::Kind::null:
            return;
        case Value::Kind::boolean:
            take(sizeof(uint8_t));
            return;
        case Value::Kind::number: {
            const uint32_t bits = get<uint8_t>();
            take(sizeof(uint64_t));
            if (bits == 0 || bits > 64) failed_ = true;
            return;
        }
        case Value::Kind::string:
        case Value::Kind::data:
            get_blob();
            return;
        case Value::Kind::dictionary: {
            const uint32_t count = get_count(sizeof(uint32_t) + 1);
            for (uint32_t i = 0; i < count && !failed_; ++i) {
                get_blob();
                skip_value(depth + 1);
            }
            return;
        }
        case Value::Kind::array:
        case Value::Kind::set: {
            const uint32_t count = get_count(1);
            for (uint32_t i = 0; i < count && !failed_; ++i) skip_value(depth + 1);
            return;
        }
    }
    failed_ = true;
}

Status Reader::finish(std::string_view what) const {
    if (failed_)
        return Error{Errc::malformed, 0, std::string(what) + ": message is cut short or malformed"};
    if (!rest_.empty()) {
        return Error{Errc::malformed, 0,
                     std::string(what) + ": " + std::to_string(rest_.size()) + " bytes too many"};
    }
    return success();
}

}  // namespace opendext
