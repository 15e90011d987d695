// SPDX-License-Identifier: Apache-2.0
// The C functions of <DriverKit/OSCollections.h>.
#include <DriverKit/OSCollections.h>

#include <cstring>
#include <string>

#include "rpc/log_format/format.h"
#include "runtime/log/log.h"

namespace {

uint64_t number_of(OSObjectPtr object) {
    auto* number = OSDynamicCast(OSNumber, object);
    return number == nullptr ? 0 : number->unsigned64BitValue();
}
const char* text_of(OSObjectPtr object) {
    auto* string = OSDynamicCast(OSString, object);
    return string == nullptr ? nullptr : string->getCStringNoCopy();
}
uint32_t small(size_t index) {
    return index > UINT32_MAX ? UINT32_MAX : static_cast<uint32_t>(index);
}

/// Nesting that a log line shows; a collection may hold itself.
constexpr int kShownDepth = 32;

void describe(std::string& out, OSObjectPtr object, int depth = 0) {
    if (depth > kShownDepth) {
        out += "…";
    } else if (object == nullptr) {
        out += "(null)";
    } else if (object == kOSBooleanTrue || object == kOSBooleanFalse) {
        out += object == kOSBooleanTrue ? "true" : "false";
    } else if (auto* string = OSDynamicCast(OSString, object)) {
        out += '"';
        out += string->getCStringNoCopy();
        out += '"';
    } else if (auto* number = OSDynamicCast(OSNumber, object)) {
        out += std::to_string(number->unsigned64BitValue());
    } else if (auto* data = OSDynamicCast(OSData, object)) {
        static constexpr char kDigits[] = "0123456789abcdef";
        const auto* bytes = static_cast<const uint8_t*>(data->getBytesNoCopy());
        out += '<';
        for (size_t i = 0; i < data->getLength(); ++i) {
            out += kDigits[bytes[i] >> 4];
            out += kDigits[bytes[i] & 15];
        }
        out += '>';
    } else if (auto* array = OSDynamicCast(OSArray, object)) {
        out += '(';
        for (uint32_t i = 0; i < array->getCount(); ++i) {
            if (i > 0) out += ", ";
            describe(out, array->getObject(i), depth + 1);
        }
        out += ')';
    } else if (auto* dictionary = OSDynamicCast(OSDictionary, object)) {
        out += '{';
        __block bool first = true;
        std::string* text = &out;
        dictionary->iterateObjects(^bool(OSObject* key, OSObject* value) {
          if (!first) *text += ", ";
          first = false;
          describe(*text, key);
          *text += " = ";
          describe(*text, value, depth + 1);
          return false;
        });
        out += '}';
    } else {
        out += object->GetClassName();
    }
}

}  // namespace

extern "C" {

void OSCollectionsInitialize(void) {}

OSCollectionType OSCollectionTypeID(OSObjectPtr object) {
    if (OSDynamicCast(OSDictionary, object)) return kOSCollectionTypeDictionary;
    if (OSDynamicCast(OSSet, object)) return kOSCollectionTypeSet;
    if (OSDynamicCast(OSArray, object)) return kOSCollectionTypeArray;
    if (OSDynamicCast(OSNumber, object)) return kOSCollectionTypeNumber;
    if (OSDynamicCast(OSString, object)) return kOSCollectionTypeString;
    if (OSDynamicCast(OSData, object)) return kOSCollectionTypeData;
    if (OSDynamicCast(OSBoolean, object)) return kOSCollectionTypeBoolean;
    if (OSDynamicCast(OSSerialization, object)) return kOSCollectionTypeSerialization;
    return 0;
}

const char* OSCollectionTypeName(OSCollectionType type) {
    switch (type) {
        case kOSCollectionTypeDictionary:
            return "OSDictionary";
        case kOSCollectionTypeArray:
            return "OSArray";
        case kOSCollectionTypeSet:
            return "OSSet";
        case kOSCollectionTypeNumber:
            return "OSNumber";
        case kOSCollectionTypeSymbol:
            return "OSSymbol";
        case kOSCollectionTypeString:
            return "OSString";
        case kOSCollectionTypeData:
            return "OSData";
        case kOSCollectionTypeBoolean:
            return "OSBoolean";
        case kOSCollectionTypeSerialization:
            return "OSSerialization";
        default:
            return "?";
    }
}

void OSObjectRetain(OSObjectPtr object) {
    if (object != nullptr) object->retain();
}
void OSObjectRelease(OSObjectPtr object) {
    if (object != nullptr) object->release();
}
void OSObjectLog(OSObjectPtr object) {
    std::string text;
    describe(text, object);
    opendext::cut_log_line(text);
    opendext::runtime::log_line(opendext::runtime::LogType::standard, "", "OSObjectLog", text);
}

OSDictionaryPtr OSDictionaryCreate(void) {
    return OSDictionary::withCapacity(0);
}
uint32_t OSDictionaryGetCount(OSDictionaryPtr dictionary) {
    return dictionary ? dictionary->getCount() : 0;
}
OSObjectPtr OSDictionaryGetValue(OSDictionaryPtr dictionary, const char* key) {
    return dictionary ? dictionary->getObject(key) : nullptr;
}
bool OSDictionarySetValue(OSDictionaryPtr dictionary, const char* key, OSObjectPtr value) {
    return dictionary && dictionary->setObject(key, value);
}
uint64_t OSDictionaryGetUInt64Value(OSDictionaryPtr dictionary, const char* key) {
    return number_of(OSDictionaryGetValue(dictionary, key));
}
void OSDictionarySetUInt64Value(OSDictionaryPtr dictionary, const char* key, uint64_t value) {
    OSNumber* number = OSNumber::withNumber(value, 64);
    OSDictionarySetValue(dictionary, key, number);
    OSSafeReleaseNULL(number);
}
const char* OSDictionaryGetStringValue(OSDictionaryPtr dictionary, const char* key) {
    return text_of(OSDictionaryGetValue(dictionary, key));
}
void OSDictionarySetStringValue(OSDictionaryPtr dictionary, const char* key, const char* value) {
    OSString* string = OSString::withCString(value);
    OSDictionarySetValue(dictionary, key, string);
    OSSafeReleaseNULL(string);
}
bool OSDictionaryApply(OSDictionaryPtr dictionary, OSDictionaryApplier applier) {
    if (dictionary == nullptr) return false;
    return !dictionary->iterateObjects(^bool(OSObject* key, OSObject* value) {
      return !applier(static_cast<OSString*>(key)->getCStringNoCopy(), value);
    });
}

OSArrayPtr OSArrayCreate(void) {
    return OSArray::withCapacity(0);
}
uint32_t OSArrayGetCount(OSArrayPtr array) {
    return array ? array->getCount() : 0;
}
OSObjectPtr OSArrayGetValue(OSArrayPtr array, size_t index) {
    return array ? array->getObject(small(index)) : nullptr;
}
bool OSArraySetValue(OSArrayPtr array, size_t index, OSObjectPtr value) {
    if (array == nullptr) return false;
    return index == kOSArrayAppend ? array->setObject(value)
                                   : array->setObject(small(index), value);
}
bool OSArrayAppendValue(OSArrayPtr array, OSObjectPtr value) {
    return array && array->setObject(value);
}
bool OSArrayReplaceValue(OSArrayPtr array, size_t index, OSObjectPtr value) {
    return array && array->replaceObject(small(index), value);
}
uint64_t OSArrayGetUInt64Value(OSArrayPtr array, size_t index) {
    return number_of(OSArrayGetValue(array, index));
}
void OSArraySetUInt64Value(OSArrayPtr array, size_t index, uint64_t value) {
    OSNumber* number = OSNumber::withNumber(value, 64);
    OSArraySetValue(array, index, number);
    OSSafeReleaseNULL(number);
}
const char* OSArrayGetStringValue(OSArrayPtr array, size_t index) {
    return text_of(OSArrayGetValue(array, index));
}
void OSArraySetStringValue(OSArrayPtr array, size_t index, const char* value) {
    OSString* string = OSString::withCString(value);
    OSArraySetValue(array, index, string);
    OSSafeReleaseNULL(string);
}
bool OSArrayApply(OSArrayPtr array, OSArrayApplier applier) {
    if (array == nullptr) return false;
    return !array->iterateObjects(^bool(OSObject* object) {
      return !applier(object);
    });
}

OSDataPtr OSDataCreate(const void* bytes, size_t length) {
    return OSData::withBytes(bytes, length);
}
bool OSDataAppendBytes(OSDataPtr data, const void* bytes, size_t length) {
    return data && data->appendBytes(bytes, length);
}
size_t OSDataGetLength(OSDataPtr data) {
    return data ? data->getLength() : 0;
}
size_t OSDataGetBytes(OSDataPtr data, void* buffer, size_t offset, size_t length) {
    if (data == nullptr || buffer == nullptr || offset >= data->getLength()) return 0;
    const size_t rest = data->getLength() - offset;
    if (length > rest) length = rest;
    memcpy(buffer, static_cast<const uint8_t*>(data->getBytesNoCopy()) + offset, length);
    return length;
}
const void* OSDataGetBytesPtr(OSDataPtr data, size_t offset, size_t length) {
    return data ? data->getBytesNoCopy(offset, length) : nullptr;
}

OSNumberPtr OSNumberCreateWithUInt64Value(uint64_t value) {
    return OSNumber::withNumber(value, 64);
}
uint64_t OSNumberGetUInt64Value(OSNumberPtr number) {
    return number_of(number);
}

OSStringPtr OSStringCreate(const char* text, size_t length) {
    return OSString::withCString(text, length);
}
size_t OSStringGetLength(OSStringPtr string) {
    return string ? string->getLength() : 0;
}
const char* OSStringGetStringPtr(OSStringPtr string) {
    return text_of(string);
}

OSSerializationPtr OSCreateSerializationFromObject(OSObjectPtr object) {
    return OSSerialization::createFromObject(object);
}
OSSerializationPtr OSCreateSerializationFromBytes(const void* bytes, size_t length,
                                                  OSSerializationFreeBufferHandler free_buffer) {
    return OSSerialization::createFromBytes(bytes, length, free_buffer);
}
OSObjectPtr OSCreateObjectFromSerialization(OSSerializationPtr serialization) {
    return serialization ? serialization->copyObject() : nullptr;
}
const void* OSSerializationGetBytes(OSSerializationPtr serialization, size_t* length) {
    if (serialization != nullptr) return serialization->finalizeBuffer(length);
    if (length != nullptr) *length = 0;
    return nullptr;
}

}  // extern "C"
