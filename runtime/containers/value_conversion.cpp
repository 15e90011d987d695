// SPDX-License-Identifier: Apache-2.0
#include "runtime/containers/value_conversion.h"

#include <DriverKit/OSCollections.h>

#include "rpc/codec.h"

namespace opendext::runtime {
namespace {

Result<Value> convert(const OSObject* object, int depth) {
    if (depth > kMaxValueDepth)
        return Error{Errc::invalid, 0, "containers are nested too deeply, or in a cycle"};
    if (object == nullptr) return Value();
    if (object == kOSBooleanTrue) return Value(true);
    if (object == kOSBooleanFalse) return Value(false);
    if (auto* string = OSDynamicCast(OSString, object)) {
        return Value(std::string(string->getCStringNoCopy(), string->getLength()));
    }
    if (auto* number = OSDynamicCast(OSNumber, object)) {
        return Value(
            Number{number->unsigned64BitValue(), static_cast<uint32_t>(number->numberOfBits())});
    }
    if (auto* data = OSDynamicCast(OSData, object)) {
        const auto* bytes = static_cast<const uint8_t*>(data->getBytesNoCopy());
        return Value(bytes == nullptr ? Data() : Data(bytes, bytes + data->getLength()));
    }
    if (auto* array = OSDynamicCast(OSArray, object)) {
        Array members;
        members.reserve(array->getCount());
        for (uint32_t i = 0; i < array->getCount(); ++i) {
            members.push_back(OD_TRY(convert(array->getObject(i), depth + 1)));
        }
        if (OSDynamicCast(OSSet, object)) return Value(Set{std::move(members)});
        return Value(std::move(members));
    }
    if (auto* dictionary = OSDynamicCast(OSDictionary, object)) {
        __block Dictionary members;
        __block Error error;
        const bool failed = dictionary->iterateObjects(^bool(OSObject* key, OSObject* value) {
          auto converted = convert(value, depth + 1);
          if (!converted) {
              error = std::move(converted).error();
              return true;
          }
          members.emplace(static_cast<OSString*>(key)->getCStringNoCopy(),
                          std::move(converted).value());
          return false;
        });
        if (failed) return std::move(error);
        return Value(std::move(members));
    }
    return Error{Errc::invalid, 0,
                 std::string("a ") + object->GetClassName() + " cannot be put into a message"};
}

}  // namespace

Result<Value> to_value(const OSObject* object) {
    return convert(object, 0);
}

OSObject* from_value(const Value& value) {
    switch (value.kind()) {
        case Value::Kind::null:
            return nullptr;
        case Value::Kind::boolean:
            return *value.boolean() ? kOSBooleanTrue : kOSBooleanFalse;
        case Value::Kind::number: {
            const Number& number = *value.number();
            const bool odd = number.bits == 0 || number.bits > 64;
            return OSNumber::withNumber(number.raw, odd ? 64 : number.bits);
        }
        case Value::Kind::string: {
            return OSString::withCString(value.string()->c_str());
        }
        case Value::Kind::data:
            return OSData::withBytes(value.data()->data(), value.data()->size());
        case Value::Kind::array: {
            OSArray* array = OSArray::withCapacity(static_cast<uint32_t>(value.array()->size()));
            for (const Value& member : *value.array()) {
                OSObject* object = from_value(member);
                if (object == nullptr) continue;
                array->setObject(object);
                object->release();
            }
            return array;
        }
        case Value::Kind::set: {
            const Array& members = value.set()->members;
            OSSet* set = OSSet::withCapacity(static_cast<uint32_t>(members.size()));
            for (const Value& member : members) {
                OSObject* object = from_value(member);
                if (object == nullptr) continue;
                set->setObject(object);
                object->release();
            }
            return set;
        }
        case Value::Kind::dictionary: {
            OSDictionary* dictionary =
                OSDictionary::withCapacity(static_cast<uint32_t>(value.dictionary()->size()));
            for (const auto& [key, member] : *value.dictionary()) {
                OSObject* object = from_value(member);
                if (object == nullptr) continue;
                dictionary->setObject(key.c_str(), object);
                object->release();
            }
            return dictionary;
        }
    }
    return nullptr;
}

}  // namespace opendext::runtime
