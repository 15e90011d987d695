// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace opendext {

class Value;

/// An integer with the width that its maker gave it (OSNumber, CFNumber and plists keep it). `raw`
/// holds the low `bits` bits, upper bits zero.
struct Number {
    uint64_t raw = 0;
    uint32_t bits = 64;
    [[nodiscard]] int64_t as_signed() const;
    /// Numbers are equal when their values are, whatever the width.
    friend bool operator==(const Number& a, const Number& b) { return a.raw == b.raw; }
};

using Data = std::vector<uint8_t>;
using Array = std::vector<Value>;
/// Ordered by key, so that what is printed and sent is the same every time.
using Dictionary = std::map<std::string, Value, std::less<>>;
struct Set {
    Array members;
};

/// A property value: what a registry property, a plist entry and a serialisable OS container have
/// in common. A plain value type, no reference counts; copied deeply.
class Value {
  public:
    enum class Kind : uint8_t { null, boolean, number, string, data, array, dictionary, set };

    Value() = default;
    // NOLINTBEGIN(google-explicit-constructor): literals in dictionaries are meant to convert
    Value(bool value) : state_(value) {}
    Value(Number value) : state_(value) {}
    Value(uint64_t value) : state_(Number{value, 64}) {}
    Value(uint32_t value) : state_(Number{value, 32}) {}
    Value(int value) : state_(Number{static_cast<uint32_t>(value), 32}) {}
    Value(int64_t value) : state_(Number{static_cast<uint64_t>(value), 64}) {}
    Value(std::string value) : state_(std::move(value)) {}
    Value(std::string_view value) : state_(std::string(value)) {}
    Value(const char* value) : state_(std::string(value)) {}
    Value(Data value) : state_(std::move(value)) {}
    Value(Array value) : state_(std::move(value)) {}
    Value(Dictionary value) : state_(std::move(value)) {}
    Value(Set value) : state_(std::move(value)) {}
    // NOLINTEND(google-explicit-constructor)

    [[nodiscard]] Kind kind() const { return static_cast<Kind>(state_.index()); }
    [[nodiscard]] bool is_null() const { return kind() == Kind::null; }

    // Each gives nullptr when the value is of another kind.
    [[nodiscard]] const bool* boolean() const { return std::get_if<bool>(&state_); }
    [[nodiscard]] const Number* number() const { return std::get_if<Number>(&state_); }
    [[nodiscard]] const std::string* string() const { return std::get_if<std::string>(&state_); }
    [[nodiscard]] const Data* data() const { return std::get_if<Data>(&state_); }
    [[nodiscard]] const Array* array() const { return std::get_if<Array>(&state_); }
    [[nodiscard]] const Dictionary* dictionary() const { return std::get_if<Dictionary>(&state_); }
    [[nodiscard]] const Set* set() const { return std::get_if<Set>(&state_); }
    [[nodiscard]] Array* array() { return std::get_if<Array>(&state_); }
    [[nodiscard]] Dictionary* dictionary() { return std::get_if<Dictionary>(&state_); }

    friend bool operator==(const Value& a, const Value& b);

  private:
    std::variant<std::monostate, bool, Number, std::string, Data, Array, Dictionary, Set> state_;
};

/// "string", "dictionary" …: the word for messages about wrong types.
[[nodiscard]] std::string_view to_string(Value::Kind kind);

/// The value below `key`, or nullptr.
[[nodiscard]] const Value* find(const Dictionary& dictionary, std::string_view key);
/// The string below `key`, or nullptr if there is none or it is not a string.
[[nodiscard]] const std::string* find_string(const Dictionary& dictionary, std::string_view key);
/// The number below `key`, or nullptr.
[[nodiscard]] const Number* find_number(const Dictionary& dictionary, std::string_view key);

}  // namespace opendext
