// SPDX-License-Identifier: Apache-2.0
// OSSerialization and the C functions of OSCollections.h.
#include <DriverKit/DriverKit.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <string>

#include "runtime/tests/owned.h"

namespace {

OSSharedPtr<OSDictionary> one_of_each() {
    auto dictionary = owned(OSDictionary::withCapacity(0));
    OSDictionarySetStringValue(dictionary.get(), "name", "x");
    OSDictionarySetUInt64Value(dictionary.get(), "number", 7);
    dictionary->setObject("narrow", owned(OSNumber::withNumber(200, 8)).get());
    dictionary->setObject("flag", kOSBooleanTrue);
    dictionary->setObject("data", owned(OSData::withBytes("\0\1", 2)).get());
    dictionary->setObject("no data", owned(OSData::withCapacity(8)).get());
    const auto array = owned(OSArray::withCapacity(0));
    array->setObject(kOSBooleanFalse);
    array->setObject(owned(OSDictionary::withCapacity(0)).get());
    dictionary->setObject("array", array.get());
    const auto set = owned(OSSet::withCapacity(0));
    set->setObject(owned(OSString::withCString("member")).get());
    dictionary->setObject("set", set.get());
    return dictionary;
}

// Facts: OSSerialization.createFromObject, OSSerialization.createFromBytes
// Facts: OSSerialization.copyObject, OSSerialization.finalizeBuffer, OSSerialization.free
TEST(OSSerializationTest, GivesAnEqualContainerBack) {
    const auto dictionary = one_of_each();
    const auto serialization = owned(OSSerialization::createFromObject(dictionary.get()));
    size_t length = 0;
    const void* bytes = serialization->finalizeBuffer(&length);
    EXPECT_EQ(serialization->finalizeBuffer(nullptr), bytes);
    __block const void* freed = nullptr;
    __block size_t freed_length = 0;
    {
        const auto again =
            owned(OSSerialization::createFromBytes(bytes, length, ^(const void* at, size_t size) {
              freed = at;
              freed_length = size;
            }));
        const auto copy = owned(again->copyObject());
        EXPECT_TRUE(dictionary->isEqualTo(copy.get()));
        auto* narrow = static_cast<OSDictionary*>(copy.get())->getObject("narrow");
        EXPECT_EQ(static_cast<OSNumber*>(narrow)->numberOfBits(), 8u);
        EXPECT_EQ(freed, nullptr);
    }
    EXPECT_EQ(freed, bytes);
    EXPECT_EQ(freed_length, length);
}

TEST(OSSerializationTest, RefusesBytesThatAreCutOrChanged) {
    const auto serialization = owned(OSSerialization::createFromObject(one_of_each().get()));
    size_t length = 0;
    const auto* bytes = static_cast<const uint8_t*>(serialization->finalizeBuffer(&length));
    (void)logged([&] {
        for (size_t cut = 0; cut < length; ++cut) {
            const auto part = owned(OSSerialization::createFromBytes(bytes, cut, nullptr));
            EXPECT_EQ(part->copyObject(), nullptr) << cut;
        }
        std::string changed(reinterpret_cast<const char*>(bytes), length);
        changed[0] ^= 1;
        EXPECT_EQ(
            owned(OSSerialization::createFromBytes(changed.data(), length, nullptr))->copyObject(),
            nullptr);
        // Whatever one bit does, the reader stays within the bytes.
        for (size_t bit = 0; bit < length * 8; ++bit) {
            std::string broken(reinterpret_cast<const char*>(bytes), length);
            broken[bit / 8] ^= static_cast<char>(1 << (bit % 8));
            const auto part =
                owned(OSSerialization::createFromBytes(broken.data(), length, nullptr));
            OSObject* object = part->copyObject();
            OSSafeReleaseNULL(object);
        }
    });
    EXPECT_EQ(OSSerialization::createFromBytes(nullptr, 4, nullptr), nullptr);
}

TEST(OSSerializationTest, RefusesCyclesAndOtherObjects) {
    const auto array = owned(OSArray::withCapacity(0));
    array->setObject(array.get());
    EXPECT_NE(logged([&] { EXPECT_EQ(OSSerialization::createFromObject(array.get()), nullptr); }),
              "");
    array->flushCollection();
    IODispatchQueue* queue = nullptr;
    ASSERT_EQ(IODispatchQueue::Create("q", 0, 0, &queue), kIOReturnSuccess);
    array->setObject(queue);
    EXPECT_NE(logged([&] {
                  EXPECT_EQ(OSSerialization::createFromObject(array.get()), nullptr);
              }).find("IODispatchQueue"),
              std::string::npos);
    queue->release();
    EXPECT_EQ(OSSerialization::createFromObject(nullptr), nullptr);
}

// Facts: OSSerialization.freeBuffer
TEST(OSSerializationTest, FreeBufferFreesWhatMallocGave) {
    const auto serialization = owned(OSSerialization::createFromObject(kOSBooleanTrue));
    size_t length = 0;
    const void* bytes = serialization->finalizeBuffer(&length);
    void* memory = malloc(length);
    memcpy(memory, bytes, length);
    __block bool freed = false;
    {
        const auto again =
            owned(OSSerialization::createFromBytes(memory, length, ^(const void* at, size_t size) {
              OSSerialization::freeBuffer(at, size);
              freed = true;
            }));
        EXPECT_EQ(owned(again->copyObject()), kOSBooleanTrue);
    }
    EXPECT_TRUE(freed);  // the leak checker sees what is left
    OSSerialization::freeBuffer(nullptr, 0);
}

// Facts: OSCreateSerializationFromObject, OSSerializationGetBytes
// Facts: OSCreateSerializationFromBytes, OSCreateObjectFromSerialization
TEST(CFunctions, SerialiseBothWays) {
    const auto dictionary = one_of_each();
    const auto serial = owned(OSCreateSerializationFromObject(dictionary.get()));
    size_t length = 0;
    const void* bytes = OSSerializationGetBytes(serial.get(), &length);
    EXPECT_GT(length, 0u);
    const auto again = owned(OSCreateSerializationFromBytes(bytes, length, nullptr));
    EXPECT_TRUE(owned(OSCreateObjectFromSerialization(again.get()))->isEqualTo(dictionary.get()));
    EXPECT_EQ(OSCreateSerializationFromObject(nullptr), nullptr);
    EXPECT_EQ(OSCreateSerializationFromBytes(nullptr, 1, nullptr), nullptr);
    EXPECT_EQ(OSCreateObjectFromSerialization(nullptr), nullptr);
    length = 5;
    EXPECT_EQ(OSSerializationGetBytes(nullptr, &length), nullptr);
    EXPECT_EQ(length, 0u);
}

// Facts: OSDictionaryCreate, OSDictionaryGetCount, OSDictionaryGetValue, OSDictionarySetValue
// Facts: OSDictionaryGetUInt64Value, OSDictionarySetUInt64Value
// Facts: OSDictionaryGetStringValue, OSDictionarySetStringValue
TEST(CFunctions, OfDictionaries) {
    const auto dictionary = owned(OSDictionaryCreate());
    EXPECT_EQ(OSDictionaryGetCount(dictionary.get()), 0u);
    EXPECT_TRUE(OSDictionarySetValue(dictionary.get(), "flag", kOSBooleanTrue));
    OSDictionarySetUInt64Value(dictionary.get(), "number", ~uint64_t{0});
    OSDictionarySetStringValue(dictionary.get(), "text", "x");
    EXPECT_EQ(OSDictionaryGetCount(dictionary.get()), 3u);
    EXPECT_EQ(OSDictionaryGetValue(dictionary.get(), "flag"), kOSBooleanTrue);
    EXPECT_EQ(OSDictionaryGetUInt64Value(dictionary.get(), "number"), ~uint64_t{0});
    EXPECT_STREQ(OSDictionaryGetStringValue(dictionary.get(), "text"), "x");

    EXPECT_EQ(OSDictionaryGetUInt64Value(dictionary.get(), "text"), 0u) << "another class";
    EXPECT_EQ(OSDictionaryGetStringValue(dictionary.get(), "number"), nullptr);
    EXPECT_EQ(OSDictionaryGetValue(dictionary.get(), "missing"), nullptr);
    EXPECT_EQ(OSDictionaryGetValue(dictionary.get(), nullptr), nullptr);
    EXPECT_FALSE(OSDictionarySetValue(dictionary.get(), nullptr, kOSBooleanTrue));
    EXPECT_FALSE(OSDictionarySetValue(dictionary.get(), "flag", nullptr));
    OSDictionarySetStringValue(dictionary.get(), "text", nullptr);
    EXPECT_STREQ(OSDictionaryGetStringValue(dictionary.get(), "text"), "x");

    EXPECT_EQ(OSDictionaryGetCount(nullptr), 0u);
    EXPECT_EQ(OSDictionaryGetValue(nullptr, "x"), nullptr);
    EXPECT_FALSE(OSDictionarySetValue(nullptr, "x", kOSBooleanTrue));
    EXPECT_EQ(OSDictionaryGetUInt64Value(nullptr, "x"), 0u);
    OSDictionarySetUInt64Value(nullptr, "x", 1);
    EXPECT_EQ(OSDictionaryGetStringValue(nullptr, "x"), nullptr);
    OSDictionarySetStringValue(nullptr, "x", "y");
}

// Facts: OSDictionaryApply, OSArrayApply
TEST(CFunctions, ApplyUntilFalse) {
    const auto dictionary = owned(OSDictionaryCreate());
    OSDictionarySetUInt64Value(dictionary.get(), "a", 1);
    OSDictionarySetUInt64Value(dictionary.get(), "b", 2);
    __block std::string seen;
    EXPECT_TRUE(OSDictionaryApply(dictionary.get(), ^bool(const char* key, OSObjectPtr value) {
      seen += key + std::to_string(OSNumberGetUInt64Value(static_cast<OSNumber*>(value)));
      return true;
    }));
    EXPECT_EQ(seen, "a1b2");
    EXPECT_FALSE(OSDictionaryApply(dictionary.get(), ^bool(const char* key, OSObjectPtr) {
      seen += key;
      return false;
    }));
    EXPECT_EQ(seen, "a1b2a");
    EXPECT_FALSE(OSDictionaryApply(nullptr, ^bool(const char*, OSObjectPtr) {
      return true;
    }));

    const auto array = owned(OSArrayCreate());
    OSArrayAppendValue(array.get(), kOSBooleanTrue);
    OSArrayAppendValue(array.get(), kOSBooleanFalse);
    __block int count = 0;
    EXPECT_TRUE(OSArrayApply(array.get(), ^bool(OSObjectPtr) {
      ++count;
      return true;
    }));
    EXPECT_EQ(count, 2);
    EXPECT_FALSE(OSArrayApply(array.get(), ^bool(OSObjectPtr value) {
      ++count;
      return value != kOSBooleanTrue;
    }));
    EXPECT_EQ(count, 3);
    EXPECT_FALSE(OSArrayApply(nullptr, ^bool(OSObjectPtr) {
      return true;
    }));
}

// Facts: OSArrayCreate, OSArrayGetCount, OSArrayGetValue, OSArraySetValue, OSArrayAppendValue
// Facts: OSArrayReplaceValue, OSArrayGetUInt64Value, OSArraySetUInt64Value
// Facts: OSArrayGetStringValue, OSArraySetStringValue
TEST(CFunctions, OfArrays) {
    const auto array = owned(OSArrayCreate());
    OSArraySetStringValue(array.get(), kOSArrayAppend, "a");
    OSArraySetUInt64Value(array.get(), 0, 7);
    EXPECT_TRUE(OSArraySetValue(array.get(), 1, kOSBooleanTrue));
    EXPECT_TRUE(OSArrayAppendValue(array.get(), kOSBooleanFalse));
    ASSERT_EQ(OSArrayGetCount(array.get()), 4u);
    EXPECT_EQ(OSArrayGetUInt64Value(array.get(), 0), 7u);
    EXPECT_EQ(OSArrayGetValue(array.get(), 1), kOSBooleanTrue);
    EXPECT_STREQ(OSArrayGetStringValue(array.get(), 2), "a");
    EXPECT_EQ(OSArrayGetValue(array.get(), 3), kOSBooleanFalse);
    EXPECT_TRUE(OSArrayReplaceValue(array.get(), 3, kOSBooleanTrue));
    EXPECT_EQ(OSArrayGetValue(array.get(), 3), kOSBooleanTrue);

    EXPECT_EQ(OSArrayGetUInt64Value(array.get(), 2), 0u) << "another class";
    EXPECT_EQ(OSArrayGetStringValue(array.get(), 0), nullptr);
    EXPECT_EQ(OSArrayGetValue(array.get(), 4), nullptr);
    EXPECT_EQ(OSArrayGetValue(array.get(), size_t{1} << 32), nullptr) << "not index 0";
    EXPECT_FALSE(OSArraySetValue(array.get(), 5, kOSBooleanTrue));
    EXPECT_FALSE(OSArraySetValue(array.get(), 0, nullptr));
    EXPECT_FALSE(OSArrayReplaceValue(array.get(), 4, kOSBooleanTrue));
    EXPECT_FALSE(OSArrayAppendValue(array.get(), nullptr));
    EXPECT_EQ(OSArrayGetCount(array.get()), 4u);

    EXPECT_EQ(OSArrayGetCount(nullptr), 0u);
    EXPECT_EQ(OSArrayGetValue(nullptr, 0), nullptr);
    EXPECT_FALSE(OSArraySetValue(nullptr, 0, kOSBooleanTrue));
    EXPECT_FALSE(OSArrayAppendValue(nullptr, kOSBooleanTrue));
    EXPECT_FALSE(OSArrayReplaceValue(nullptr, 0, kOSBooleanTrue));
    EXPECT_EQ(OSArrayGetUInt64Value(nullptr, 3), 0u);
    OSArraySetUInt64Value(nullptr, 0, 1);
    EXPECT_EQ(OSArrayGetStringValue(nullptr, 3), nullptr);
    OSArraySetStringValue(nullptr, 0, "x");
}

// Facts: OSDataCreate, OSDataAppendBytes, OSDataGetLength, OSDataGetBytes, OSDataGetBytesPtr
TEST(CFunctions, OfData) {
    const auto data = owned(OSDataCreate("ab", 2));
    EXPECT_TRUE(OSDataAppendBytes(data.get(), "c", 1));
    EXPECT_EQ(OSDataGetLength(data.get()), 3u);
    char buffer[8] = {};
    EXPECT_EQ(OSDataGetBytes(data.get(), buffer, 1, 8), 2u) << "as far as there are any";
    EXPECT_STREQ(buffer, "bc");
    EXPECT_EQ(OSDataGetBytes(data.get(), buffer, 3, 1), 0u);
    EXPECT_EQ(OSDataGetBytes(data.get(), nullptr, 0, 1), 0u);
    EXPECT_EQ(memcmp(OSDataGetBytesPtr(data.get(), 1, 2), "bc", 2), 0);
    EXPECT_EQ(OSDataGetBytesPtr(data.get(), 1, 3), nullptr);

    EXPECT_EQ(OSDataCreate(nullptr, 2), nullptr);
    EXPECT_FALSE(OSDataAppendBytes(nullptr, "c", 1));
    EXPECT_EQ(OSDataGetLength(nullptr), 0u);
    EXPECT_EQ(OSDataGetBytes(nullptr, buffer, 0, 1), 0u);
    EXPECT_EQ(OSDataGetBytesPtr(nullptr, 0, 1), nullptr);
}

// Facts: OSNumberCreateWithUInt64Value, OSNumberGetUInt64Value, OSStringCreate, OSStringGetLength
// Facts: OSStringGetStringPtr
TEST(CFunctions, OfNumbersAndStrings) {
    const auto number = owned(OSNumberCreateWithUInt64Value(~uint64_t{0}));
    EXPECT_EQ(OSNumberGetUInt64Value(number.get()), ~uint64_t{0});
    EXPECT_EQ(OSNumberGetUInt64Value(nullptr), 0u);
    const auto string = owned(OSStringCreate("portable", 4));
    EXPECT_EQ(OSStringGetLength(string.get()), 4u);
    EXPECT_STREQ(OSStringGetStringPtr(string.get()), "port");
    EXPECT_EQ(OSStringCreate(nullptr, 4), nullptr);
    EXPECT_EQ(OSStringGetLength(nullptr), 0u);
    EXPECT_EQ(OSStringGetStringPtr(nullptr), nullptr);
}

// Facts: OSCollectionTypeID, OSCollectionTypeName, OSCollectionsInitialize
TEST(CFunctions, NameTheTypes) {
    OSCollectionsInitialize();
    OSCollectionsInitialize();  // once or more often
    const auto check = [](const OSSharedPtr<OSObject>& object, OSCollectionType type) {
        EXPECT_EQ(OSCollectionTypeID(object.get()), type);
        EXPECT_STREQ(OSCollectionTypeName(type), object->GetClassName());
    };
    check(owned(OSDictionaryCreate()), kOSCollectionTypeDictionary);
    check(owned(OSArrayCreate()), kOSCollectionTypeArray);
    check(owned(OSSet::withCapacity(0)), kOSCollectionTypeSet);
    check(owned(OSNumberCreateWithUInt64Value(1)), kOSCollectionTypeNumber);
    check(owned(OSStringCreate("x", 1)), kOSCollectionTypeString);
    check(owned(OSDataCreate("x", 1)), kOSCollectionTypeData);
    check(OSSharedPtr<OSObject>(kOSBooleanTrue, OSRetain), kOSCollectionTypeBoolean);
    check(owned(OSCreateSerializationFromObject(kOSBooleanTrue)), kOSCollectionTypeSerialization);
    EXPECT_STREQ(OSCollectionTypeName(kOSCollectionTypeSymbol), "OSSymbol");
    EXPECT_EQ(OSCollectionTypeID(nullptr), 0u);
    EXPECT_STREQ(OSCollectionTypeName(99), "?");
    auto* service = OSTypeAlloc(IOService);
    EXPECT_EQ(OSCollectionTypeID(service), 0u);
    service->release();
}

// Facts: OSObjectRetain, OSObjectRelease
TEST(CFunctions, RetainAndRelease) {
    const auto string = owned(OSStringCreate("x", 1));
    OSObjectRetain(string.get());
    EXPECT_EQ(string->getRetainCount(), 2u);
    OSObjectRelease(string.get());
    EXPECT_EQ(string->getRetainCount(), 1u);
    OSObjectRetain(nullptr);
    OSObjectRelease(nullptr);
}

// Facts: OSObjectLog
TEST(CFunctions, LogAnObject) {
    const auto dictionary = one_of_each();
    EXPECT_EQ(logged([&] { OSObjectLog(dictionary.get()); }),
              "{\"array\" = (false, {}), \"data\" = <0001>, \"flag\" = true, \"name\" = \"x\", "
              "\"narrow\" = 200, \"no data\" = <>, \"number\" = 7, \"set\" = (\"member\")}");
    EXPECT_EQ(logged([] { OSObjectLog(nullptr); }), "(null)");
    const std::string many(100000, 'x');
    const auto large = owned(OSDataCreate(many.data(), many.size()));
    EXPECT_LT(logged([&] { OSObjectLog(large.get()); }).size(), 25000u);
    const auto cycle = owned(OSArrayCreate());
    OSArrayAppendValue(cycle.get(), cycle.get());
    EXPECT_EQ(logged([&] { OSObjectLog(cycle.get()); }).find("((((("), 0u) << "and an end";
    cycle->flushCollection();
}

}  // namespace
