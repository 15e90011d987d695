// SPDX-License-Identifier: Apache-2.0
#include "iokit/corefoundation/convert.h"

#include "iokit/corefoundation/collections.h"
#include "iokit/corefoundation/data.h"
#include "iokit/corefoundation/number.h"
#include "iokit/corefoundation/string.h"
#include "rpc/codec.h"

namespace opendext::cf {
namespace {

/// Adds the reference that `made` is to a collection, and lets go of ours.
template <typename Add>
void hand_over(CFTypeRef made, Add add) {
    add(made);
    CFRelease(made);
}

CFNumberRef from_number(const opendext::Number& number) {
    // The bit pattern counts: the upper half of 32 bits is negative, as a client that asks for
    // SInt32 expects.
    if (number.bits <= 32) {
        const auto value = static_cast<int32_t>(static_cast<uint32_t>(number.raw));
        return CFNumberCreate(nullptr, kCFNumberSInt32Type, &value);
    }
    const auto value = static_cast<int64_t>(number.raw);
    return CFNumberCreate(nullptr, kCFNumberSInt64Type, &value);
}

Result<Value> to_value(CFTypeRef ref, int depth);

Result<opendext::Array> members_of(const std::vector<const void*>& values, const void* callbacks,
                                   int depth) {
    if (callbacks == nullptr && !values.empty()) {
        return Error{Errc::invalid, 0, "a collection of plain pointers cannot be a property"};
    }
    opendext::Array members;
    for (const void* value : values) members.push_back(OD_TRY(to_value(value, depth + 1)));
    return members;
}

Result<Value> to_value(const Dictionary& dictionary, int depth) {
    opendext::Dictionary result;
    const bool objects = dictionary.key_callbacks().retain != nullptr &&
                         dictionary.value_callbacks().retain != nullptr;
    if (!objects && !dictionary.map().empty()) {
        return Error{Errc::invalid, 0, "a dictionary of plain pointers cannot be a property"};
    }
    for (const auto& [key, value] : dictionary.map()) {
        if (to_object(key)->type() != Type::string) {
            return Error{Errc::invalid, 0,
                         "a dictionary key is not a string but a " +
                             std::string(name_of(to_object(key)->type()))};
        }
        Result<Value> converted = to_value(value, depth + 1);
        if (!converted.ok()) return std::move(converted).error().in(text_of(key));
        result.emplace(text_of(key), std::move(converted).value());
    }
    return Value(std::move(result));
}

Result<Value> to_value(CFTypeRef ref, int depth) {
    if (ref == nullptr) return Error{Errc::invalid, 0, "NULL cannot be a property"};
    if (depth > kMaxValueDepth) return Error{Errc::invalid, 0, "property is nested too deeply"};
    const Object* object = to_object(ref);
    switch (object->type()) {
        case Type::null:
            return Value();
        case Type::boolean:
            return Value(static_cast<const Boolean*>(object)->value);
        case Type::number: {
            const auto& number = *static_cast<const Number*>(object);
            if (number.is_float()) return Value(static_cast<int64_t>(number.floating));
            switch (number.number_type) {
                case kCFNumberSInt8Type:
                    return Value(opendext::Number{static_cast<uint8_t>(number.integer), 8});
                case kCFNumberSInt16Type:
                    return Value(opendext::Number{static_cast<uint16_t>(number.integer), 16});
                case kCFNumberSInt32Type:
                    return Value(opendext::Number{static_cast<uint32_t>(number.integer), 32});
                default:
                    return Value(number.integer);
            }
        }
        case Type::string:
            return Value(static_cast<const String*>(object)->text());
        case Type::data:
            return Value(static_cast<const Data*>(object)->bytes);
        case Type::array: {
            const auto& array = *static_cast<const Array*>(object);
            return Value(OD_TRY(members_of(
                array.values(), reinterpret_cast<const void*>(array.callbacks().retain), depth)));
        }
        case Type::set: {
            const auto& set = *static_cast<const Set*>(object);
            const std::vector<const void*> members(set.members().begin(), set.members().end());
            return Value(opendext::Set{OD_TRY(members_of(
                members, reinterpret_cast<const void*>(set.callbacks().retain), depth))});
        }
        case Type::dictionary:
            return to_value(*static_cast<const Dictionary*>(object), depth);
        default:
            return Error{Errc::invalid, 0,
                         std::string("a ") + name_of(object->type()) + " cannot be a property"};
    }
}

}  // namespace

CFMutableDictionaryRef from_dictionary(const opendext::Dictionary& dictionary) {
    CFMutableDictionaryRef result = CFDictionaryCreateMutable(
        nullptr, 0, &kCFTypeDictionaryKeyCallBacks, &kCFTypeDictionaryValueCallBacks);
    for (const auto& [key, value] : dictionary) {
        CFStringRef name = new_string(key);
        hand_over(from_value(value),
                  [&](CFTypeRef made) { CFDictionarySetValue(result, name, made); });
        CFRelease(name);
    }
    return result;
}

CFTypeRef from_value(const Value& value) {
    switch (value.kind()) {
        case Value::Kind::null:
            return kCFNull;
        case Value::Kind::boolean:
            return *value.boolean() ? kCFBooleanTrue : kCFBooleanFalse;
        case Value::Kind::number:
            return from_number(*value.number());
        case Value::Kind::string:
            return new_string(*value.string());
        case Value::Kind::data:
            return CFDataCreate(nullptr, value.data()->data(),
                                static_cast<CFIndex>(value.data()->size()));
        case Value::Kind::array: {
            CFMutableArrayRef array = CFArrayCreateMutable(nullptr, 0, &kCFTypeArrayCallBacks);
            for (const Value& member : *value.array()) {
                hand_over(from_value(member),
                          [&](CFTypeRef made) { CFArrayAppendValue(array, made); });
            }
            return array;
        }
        case Value::Kind::dictionary:
            return from_dictionary(*value.dictionary());
        case Value::Kind::set: {
            CFMutableSetRef set = CFSetCreateMutable(nullptr, 0, &kCFTypeSetCallBacks);
            for (const Value& member : value.set()->members) {
                hand_over(from_value(member), [&](CFTypeRef made) { CFSetAddValue(set, made); });
            }
            return set;
        }
    }
    return kCFNull;
}

Result<Value> to_value(CFTypeRef ref) {
    return to_value(ref, 0);
}

}  // namespace opendext::cf
