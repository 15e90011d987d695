// SPDX-License-Identifier: Apache-2.0
#ifndef OPENDEXT_CLIENT_VALUE_HPP_
#define OPENDEXT_CLIENT_VALUE_HPP_

#include <CoreFoundation/CoreFoundation.h>

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace opendext::iokit {

/// Owns one reference of a CoreFoundation object.
template <typename Ref>
class CF {
  public:
    CF() = default;
    /// Takes over the reference that a Create or Copy function gave.
    static CF adopt(Ref object) {
        CF owner;
        owner.object_ = object;
        return owner;
    }
    /// One more reference of a borrowed object.
    static CF retain(Ref object) {
        if (object != nullptr) CFRetain(object);
        return adopt(object);
    }
    CF(const CF& other) : CF(retain(other.object_)) {}
    CF(CF&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
    CF& operator=(CF other) noexcept {
        std::swap(object_, other.object_);
        return *this;
    }
    ~CF() {
        if (object_ != nullptr) CFRelease(object_);
    }
    [[nodiscard]] Ref get() const { return object_; }
    /// Gives the reference away.
    [[nodiscard]] Ref release() { return std::exchange(object_, nullptr); }
    explicit operator bool() const { return object_ != nullptr; }

  private:
    Ref object_ = nullptr;
};

class Value;
using Data = std::vector<std::byte>;
using Array = std::vector<Value>;
using Dictionary = std::map<std::string, Value, std::less<>>;

/// What a property of a registry entry holds, as plain C++ values: nothing, a boolean, a number
/// (whole ones of up to 64 bits, signed as CFNumber has them), a string in UTF-8, bytes, an array
/// (also what was a set), a dictionary.
class Value {
  public:
    using Content =
        std::variant<std::monostate, bool, int64_t, double, std::string, Data, Array, Dictionary>;

    Value() = default;
    Value(bool value) : content_(value) {}                           // NOLINT
    Value(std::string value) : content_(std::move(value)) {}         // NOLINT
    Value(std::string_view value) : content_(std::string(value)) {}  // NOLINT
    Value(const char* value) : content_(std::string(value)) {}       // NOLINT
    Value(Data value) : content_(std::move(value)) {}                // NOLINT
    Value(Array value) : content_(std::move(value)) {}               // NOLINT
    Value(Dictionary value) : content_(std::move(value)) {}          // NOLINT
    template <typename Number>
        requires((std::is_integral_v<Number> || std::is_enum_v<Number>) &&
                 !std::is_same_v<Number, bool>)
    Value(Number value) : content_(static_cast<int64_t>(value)) {}  // NOLINT
    template <typename Number>
        requires(std::is_floating_point_v<Number>)
    Value(Number value) : content_(static_cast<double>(value)) {}  // NOLINT

    [[nodiscard]] const Content& content() const { return content_; }
    [[nodiscard]] bool empty() const { return std::holds_alternative<std::monostate>(content_); }

    /// The content if it is of that type, else nullptr.
    template <typename T>
    [[nodiscard]] const T* as() const {
        return std::get_if<T>(&content_);
    }
    /// The content or, if it is of another type, `other`.
    [[nodiscard]] int64_t number_or(int64_t other) const { return value_or<int64_t>(other); }
    [[nodiscard]] bool boolean_or(bool other) const { return value_or<bool>(other); }
    [[nodiscard]] std::string string_or(std::string other) const {
        return value_or<std::string>(std::move(other));
    }
    /// The value below a key of a dictionary; nullptr if this is none or has no such key.
    [[nodiscard]] const Value* find(std::string_view key) const {
        const Dictionary* dictionary = as<Dictionary>();
        if (dictionary == nullptr) return nullptr;
        const auto found = dictionary->find(key);
        return found == dictionary->end() ? nullptr : &found->second;
    }

    friend bool operator==(const Value&, const Value&) = default;

    /// The same as a CoreFoundation object, a new one. Nothing is kCFNull.
    [[nodiscard]] CF<CFTypeRef> to_cf() const;
    /// A copy of a CoreFoundation object; nothing for NULL and for objects that no property has.
    static Value from_cf(CFTypeRef object);

  private:
    template <typename T>
    [[nodiscard]] T value_or(T other) const {
        const T* found = as<T>();
        return found == nullptr ? other : *found;
    }
    struct ToCF;
    struct FromCF;
    Content content_;
};

/// A CFString of text in UTF-8; an empty one for text that is not.
inline CF<CFStringRef> cf_string(std::string_view text) {
    CFStringRef made =
        CFStringCreateWithBytes(kCFAllocatorDefault, reinterpret_cast<const UInt8*>(text.data()),
                                static_cast<CFIndex>(text.size()), kCFStringEncodingUTF8, false);
    return made != nullptr ? CF<CFStringRef>::adopt(made) : CF<CFStringRef>::retain(CFSTR(""));
}

/// The text of a CFString in UTF-8.
inline std::string to_string(CFStringRef string) {
    const CFIndex room =
        CFStringGetMaximumSizeForEncoding(CFStringGetLength(string), kCFStringEncodingUTF8);
    std::string text(static_cast<size_t>(room), '\0');
    CFIndex used = 0;
    CFStringGetBytes(string, CFRangeMake(0, CFStringGetLength(string)), kCFStringEncodingUTF8, '?',
                     false, reinterpret_cast<UInt8*>(text.data()), room, &used);
    text.resize(static_cast<size_t>(used));
    return text;
}

struct Value::ToCF {
    using Object = CF<CFTypeRef>;
    Object operator()(std::monostate) const { return Object::retain(kCFNull); }
    Object operator()(bool value) const {
        return Object::retain(value ? kCFBooleanTrue : kCFBooleanFalse);
    }
    Object operator()(int64_t value) const {
        return Object::adopt(CFNumberCreate(kCFAllocatorDefault, kCFNumberSInt64Type, &value));
    }
    Object operator()(double value) const {
        return Object::adopt(CFNumberCreate(kCFAllocatorDefault, kCFNumberFloat64Type, &value));
    }
    Object operator()(const std::string& value) const {
        return Object::adopt(cf_string(value).release());
    }
    Object operator()(const Data& value) const {
        return Object::adopt(CFDataCreate(kCFAllocatorDefault,
                                          reinterpret_cast<const UInt8*>(value.data()),
                                          static_cast<CFIndex>(value.size())));
    }
    Object operator()(const Array& value) const {
        CFMutableArrayRef array = CFArrayCreateMutable(
            kCFAllocatorDefault, static_cast<CFIndex>(value.size()), &kCFTypeArrayCallBacks);
        for (const Value& item : value) CFArrayAppendValue(array, item.to_cf().get());
        return Object::adopt(array);
    }
    Object operator()(const Dictionary& value) const {
        CFMutableDictionaryRef dictionary =
            CFDictionaryCreateMutable(kCFAllocatorDefault, 0, &kCFTypeDictionaryKeyCallBacks,
                                      &kCFTypeDictionaryValueCallBacks);
        for (const auto& [key, item] : value) {
            CFDictionarySetValue(dictionary, cf_string(key).get(), item.to_cf().get());
        }
        return Object::adopt(dictionary);
    }
};

inline CF<CFTypeRef> Value::to_cf() const {
    return std::visit(ToCF{}, content_);
}

struct Value::FromCF {
    static void append(const void* item, void* array) {
        static_cast<Array*>(array)->push_back(from_cf(item));
    }
    static void insert(const void* key, const void* item, void* dictionary) {
        if (CFGetTypeID(key) != CFStringGetTypeID()) return;  // no plist has another key
        static_cast<Dictionary*>(dictionary)
            ->insert_or_assign(to_string(static_cast<CFStringRef>(key)), from_cf(item));
    }
};

inline Value Value::from_cf(CFTypeRef object) {
    if (object == nullptr) return {};
    const CFTypeID type = CFGetTypeID(object);
    if (type == CFStringGetTypeID()) return to_string(static_cast<CFStringRef>(object));
    if (type == CFBooleanGetTypeID())
        return CFBooleanGetValue(static_cast<CFBooleanRef>(object)) != 0;
    if (type == CFNumberGetTypeID()) {
        const auto number = static_cast<CFNumberRef>(object);
        if (CFNumberIsFloatType(number)) {
            double value = 0;
            CFNumberGetValue(number, kCFNumberFloat64Type, &value);
            return value;
        }
        int64_t value = 0;
        CFNumberGetValue(number, kCFNumberSInt64Type, &value);
        return value;
    }
    if (type == CFDataGetTypeID()) {
        const auto data = static_cast<CFDataRef>(object);
        const auto* bytes = reinterpret_cast<const std::byte*>(CFDataGetBytePtr(data));
        return Data(bytes, bytes + CFDataGetLength(data));
    }
    if (type == CFArrayGetTypeID()) {
        const auto array = static_cast<CFArrayRef>(object);
        Array items;
        CFArrayApplyFunction(array, CFRangeMake(0, CFArrayGetCount(array)), &FromCF::append,
                             &items);
        return items;
    }
    if (type == CFSetGetTypeID()) {
        Array items;
        CFSetApplyFunction(static_cast<CFSetRef>(object), &FromCF::append, &items);
        return items;
    }
    if (type == CFDictionaryGetTypeID()) {
        Dictionary dictionary;
        CFDictionaryApplyFunction(static_cast<CFDictionaryRef>(object), &FromCF::insert,
                                  &dictionary);
        return dictionary;
    }
    return {};
}

}  // namespace opendext::iokit

#endif
