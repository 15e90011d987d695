// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "rpc/result.h"
#include "rpc/value.h"

namespace opendext {

/// Appends plain values to a byte buffer. Little-endian, unpadded; strings and blobs carry a 32-bit
/// length.
class Writer {
  public:
    template <typename T>
        requires std::is_arithmetic_v<T> || std::is_enum_v<T>
    Writer& put(T value) {
        const auto* bytes = reinterpret_cast<const uint8_t*>(&value);
        buffer_.insert(buffer_.end(), bytes, bytes + sizeof value);
        return *this;
    }
    Writer& put(std::string_view text);
    Writer& put(const std::string& text) { return put(std::string_view(text)); }
    Writer& put(const char* text) { return put(std::string_view(text)); }
    Writer& put(const Value& value);
    Writer& put(const Dictionary& dictionary);
    Writer& put_strings(std::span<const std::string> strings);
    /// Length-prefixed bytes.
    Writer& put_blob(std::span<const uint8_t> bytes);
    /// Bytes as they are.
    Writer& put_bytes(std::span<const uint8_t> bytes);

    [[nodiscard]] const std::vector<uint8_t>& bytes() const { return buffer_; }
    [[nodiscard]] std::vector<uint8_t> take() { return std::move(buffer_); }
    /// Empty again; keeps the room.
    void clear() { buffer_.clear(); }

  private:
    std::vector<uint8_t> buffer_;
};

/// Reads what a Writer wrote, from bytes that may be hostile. The first read that does not fit
/// makes the reader fail for good; every later read gives a zero value, so a parser reads all
/// fields and checks `finish()` once.
class Reader {
  public:
    explicit Reader(std::span<const uint8_t> bytes) : rest_(bytes) {}

    template <typename T>
        requires std::is_arithmetic_v<T> || std::is_enum_v<T>
    T get() {
        std::remove_const_t<T> value{};
        if (const uint8_t* from = take(sizeof value)) std::memcpy(&value, from, sizeof value);
        return value;
    }
    std::string get_string();
    Value get_value();
    Dictionary get_dictionary();
    std::vector<std::string> get_strings();
    /// A view into the message; valid as long as the message's bytes.
    std::span<const uint8_t> get_blob();
    /// A count that a loop will run to: fails if so many elements of at least `element_size` bytes
    /// cannot follow.
    uint32_t get_count(size_t element_size);
    bool get_bool() { return get<uint8_t>() != 0; }
    /// Leaves out a value, with the checks of get_value() and without building it.
    void skip_value() { skip_value(0); }
    /// The bytes of the next `size`; a view as get_blob() gives.
    std::span<const uint8_t> get_bytes(size_t size);

    [[nodiscard]] bool failed() const { return failed_; }
    void fail() { failed_ = true; }
    [[nodiscard]] size_t remaining() const { return rest_.size(); }
    /// Success when every read fitted and nothing is left over; `what` names the message in the
    /// error.
    [[nodiscard]] Status finish(std::string_view what) const;

  private:
    const uint8_t* take(size_t size);
    Value get_value(int depth);
    void skip_value(int depth);

    std::span<const uint8_t> rest_;
    bool failed_ = false;
};

/// Values deeper than this are refused by the Reader: no message can exhaust our stack.
inline constexpr int kMaxValueDepth = 32;

}  // namespace opendext
