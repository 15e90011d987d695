// SPDX-License-Identifier: Apache-2.0
#include <DriverKit/DriverKit.h>
#include <gtest/gtest.h>

#include <cstring>

namespace {

template <typename T>
OSSharedPtr<T> owned(T* object) {
    return OSSharedPtr<T>(object, OSNoRetain);
}

TEST(OSStringTest, ComparesByContent) {
    const auto string = owned(OSString::withCString("port"));
    EXPECT_EQ(string->getLength(), 4u);
    EXPECT_STREQ(string->getCStringNoCopy(), "port");
    EXPECT_TRUE(string->isEqualTo("port"));
    EXPECT_FALSE(string->isEqualTo("por"));
    EXPECT_TRUE(string->isEqualTo(owned(OSString::withString(string.get())).get()));
    EXPECT_TRUE(string->isEqualTo(owned(OSData::withBytes("port", 5)).get()));
    EXPECT_TRUE(string->isEqualTo(owned(OSString::withCString("portable", 4)).get()));
    EXPECT_EQ(OSString::withCString(nullptr), nullptr);
    const OSMetaClassBase* object = string.get();
    EXPECT_FALSE(object->isEqualTo(owned(OSNumber::withNumber(4, 32)).get()));
}

TEST(OSNumberTest, KeepsItsWidth) {
    const auto number = owned(OSNumber::withNumber(0x12345678u, 16));
    EXPECT_EQ(number->unsigned64BitValue(), 0x5678u);
    EXPECT_EQ(number->unsigned8BitValue(), 0x78u);
    EXPECT_EQ(number->numberOfBits(), 16u);
    EXPECT_TRUE(number->isEqualTo(owned(OSNumber::withNumber(0x5678u, 64)).get()));
    EXPECT_EQ(owned(OSNumber::withNumber("0x20", 32))->unsigned32BitValue(), 32u);
    EXPECT_EQ(OSNumber::withNumber("twelve", 32), nullptr);
    EXPECT_EQ(OSNumber::withNumber(1, 65), nullptr);
}

TEST(OSBooleanTest, HasTwoObjectsThatAreNeverFreed) {
    kOSBooleanTrue->release();
    kOSBooleanTrue->release();
    EXPECT_NE(kOSBooleanTrue, kOSBooleanFalse);
    EXPECT_TRUE(kOSBooleanTrue->isEqualTo(kOSBooleanTrue));
    EXPECT_STREQ(kOSBooleanTrue->GetClassName(), "OSBoolean");
}

TEST(OSDataTest, ChecksRanges) {
    const auto data = owned(OSData::withBytes("abcdef", 6));
    EXPECT_TRUE(data->appendBytes("gh", 2));
    EXPECT_TRUE(data->isEqualTo("abcdefgh", 8));
    EXPECT_EQ(memcmp(data->getBytesNoCopy(6, 2), "gh", 2), 0);
    EXPECT_EQ(data->getBytesNoCopy(7, 2), nullptr);
    EXPECT_EQ(data->getBytesNoCopy(SIZE_MAX, 2), nullptr);
    EXPECT_EQ(OSData::withData(data.get(), 5, 4), nullptr);
    EXPECT_TRUE(owned(OSData::withData(data.get(), 5, 3))->isEqualTo("fgh", 3));
    EXPECT_TRUE(data->appendBytes(data.get()));  // its own bytes
    EXPECT_TRUE(data->isEqualTo("abcdefghabcdefgh", 16));
    EXPECT_EQ(owned(OSData::withCapacity(10))->getBytesNoCopy(), nullptr);
    char borrowed[] = "xyz";
    const auto no_copy = owned(OSData::withBytesNoCopy(borrowed, 3));
    EXPECT_EQ(no_copy->getBytesNoCopy(), borrowed);
    EXPECT_FALSE(no_copy->appendBytes("1", 1));
}

TEST(OSArrayTest, RetainsWhatItHolds) {
    auto* string = OSString::withCString("x");
    {
        const auto array = owned(OSArray::withCapacity(1));
        EXPECT_TRUE(array->setObject(string));
        EXPECT_TRUE(array->setObject(0, kOSBooleanTrue));
        EXPECT_EQ(string->getRetainCount(), 2u);
        EXPECT_EQ(array->getCount(), 2u);
        EXPECT_EQ(array->getObject(1), string);
        EXPECT_EQ(array->getObject(2), nullptr);
        EXPECT_FALSE(array->setObject(5, string));
        EXPECT_FALSE(array->setObject(nullptr));
        const auto copy = owned(OSArray::withArray(array.get()));
        EXPECT_TRUE(array->isEqualTo(copy.get()));
        copy->removeObject(0);
        EXPECT_FALSE(array->isEqualTo(copy.get()));
        EXPECT_TRUE(array->replaceObject(1, kOSBooleanFalse));
        EXPECT_EQ(array->getNextIndexOfObject(kOSBooleanFalse, 0), 1u);
        EXPECT_TRUE(array->merge(copy.get()));
        EXPECT_EQ(array->getLastObject(), string);
    }
    EXPECT_EQ(string->getRetainCount(), 1u);
    string->release();
}

TEST(OSArrayTest, IterationStopsOnTrueAndSurvivesChanges) {
    const auto array = owned(OSArray::withCapacity(3));
    for (int i = 0; i < 3; ++i) array->setObject(kOSBooleanTrue);
    __block int seen = 0;
    OSArray* changed = array.get();
    EXPECT_FALSE(array->iterateObjects(^bool(OSObject*) {
      ++seen;
      changed->flushCollection();
      return false;
    }));
    EXPECT_EQ(seen, 3);
    EXPECT_EQ(array->getCount(), 0u);
    array->setObject(kOSBooleanTrue);
    EXPECT_TRUE(array->iterateObjects(^bool(OSObject*) {
      return true;
    }));
}

TEST(OSDictionaryTest, FindsByStringAndReplaces) {
    const auto dictionary = owned(OSDictionary::withCapacity(0));
    const auto one = owned(OSNumber::withNumber(1, 32));
    const auto two = owned(OSNumber::withNumber(2, 32));
    EXPECT_TRUE(dictionary->setObject("key", one.get()));
    EXPECT_TRUE(dictionary->setObject(owned(OSString::withCString("key")).get(), two.get()));
    EXPECT_EQ(dictionary->getCount(), 1u);
    EXPECT_EQ(dictionary->getObject("key"), two.get());
    EXPECT_EQ(one->getRetainCount(), 1u);
    EXPECT_FALSE(dictionary->setObject(one.get(), two.get()));  // no string
    EXPECT_FALSE(dictionary->setObject("null", nullptr));
    dictionary->removeObject("key");
    EXPECT_EQ(dictionary->getObject("key"), nullptr);
    EXPECT_EQ(two->getRetainCount(), 1u);
}

TEST(OSDictionaryTest, ComparesOnlyTheKeysAskedFor) {
    const auto wanted = owned(OSDictionary::withCapacity(0));
    const auto has = owned(OSDictionary::withCapacity(0));
    OSDictionarySetStringValue(wanted.get(), "vendor", "x");
    OSDictionarySetStringValue(has.get(), "vendor", "x");
    OSDictionarySetUInt64Value(has.get(), "serial", 5);
    EXPECT_FALSE(wanted->isEqualTo(has.get()));
    EXPECT_TRUE(wanted->isEqualTo(has.get(), wanted.get()));
    OSDictionarySetStringValue(wanted.get(), "vendor", "y");
    EXPECT_FALSE(wanted->isEqualTo(has.get(), wanted.get()));
}

TEST(OSDictionaryTest, CopyCollectionIsDeep) {
    const auto inner = owned(OSArray::withCapacity(0));
    const auto outer = owned(OSDictionary::withCapacity(0));
    outer->setObject("list", inner.get());
    const auto copy = owned(static_cast<OSDictionary*>(outer->copyCollection()));
    inner->setObject(kOSBooleanTrue);
    EXPECT_EQ(static_cast<OSArray*>(outer->getObject("list"))->getCount(), 1u);
    EXPECT_EQ(static_cast<OSArray*>(copy->getObject("list"))->getCount(), 0u);
}

TEST(OSSetTest, HoldsEachObjectOnce) {
    const auto set = owned(OSSet::withCapacity(0));
    EXPECT_TRUE(set->setObject(kOSBooleanTrue));
    EXPECT_FALSE(set->setObject(kOSBooleanTrue));
    EXPECT_EQ(set->getCount(), 1u);
    EXPECT_TRUE(set->containsObject(kOSBooleanTrue));
    EXPECT_FALSE(set->containsObject(kOSBooleanFalse));
    set->removeObject(kOSBooleanTrue);
    EXPECT_EQ(set->getAnyObject(), nullptr);
}

TEST(OSOrderedSetTest, KeepsTheOrderOfItsBlock) {
    const auto set = owned(
        OSOrderedSet::withCapacity(0, ^int32_t(const OSMetaClassBase* a, const OSMetaClassBase* b) {
          const auto left = static_cast<const OSNumber*>(a)->unsigned32BitValue();
          const auto right = static_cast<const OSNumber*>(b)->unsigned32BitValue();
          return left < right ? 1 : (left > right ? -1 : 0);
        }));
    for (const uint64_t value : {3, 1, 2})
        set->setObject(owned(OSNumber::withNumber(value, 32)).get());
    ASSERT_EQ(set->getCount(), 3u);
    for (uint32_t i = 0; i < 3; ++i) {
        EXPECT_EQ(static_cast<OSNumber*>(set->getObject(i))->unsigned32BitValue(), i + 1);
    }
    EXPECT_EQ(set->orderObject(set->getLastObject()), 2);
    EXPECT_EQ(set->orderObject(kOSBooleanTrue), -1);
}

TEST(OSSerializationTest, GivesAnEqualContainerBack) {
    const auto dictionary = owned(OSDictionary::withCapacity(0));
    OSDictionarySetStringValue(dictionary.get(), "name", "x");
    OSDictionarySetUInt64Value(dictionary.get(), "number", 7);
    dictionary->setObject("flag", kOSBooleanTrue);
    dictionary->setObject("data", owned(OSData::withBytes("\0\1", 2)).get());
    const auto serialization = owned(OSSerialization::createFromObject(dictionary.get()));
    size_t length = 0;
    const void* bytes = serialization->finalizeBuffer(&length);
    __block bool freed = false;
    {
        const auto again =
            owned(OSSerialization::createFromBytes(bytes, length, ^(const void*, size_t) {
              freed = true;
            }));
        const auto copy = owned(again->copyObject());
        EXPECT_TRUE(dictionary->isEqualTo(copy.get()));
        EXPECT_FALSE(freed);
    }
    EXPECT_TRUE(freed);
    const auto cut = owned(OSSerialization::createFromBytes(bytes, length - 1, nullptr));
    EXPECT_EQ(cut->copyObject(), nullptr);
}

TEST(OSSerializationTest, RefusesCyclesAndOtherObjects) {
    const auto array = owned(OSArray::withCapacity(0));
    array->setObject(array.get());
    EXPECT_EQ(OSSerialization::createFromObject(array.get()), nullptr);
    array->flushCollection();
    IODispatchQueue* queue = nullptr;
    ASSERT_EQ(IODispatchQueue::Create("q", 0, 0, &queue), kIOReturnSuccess);
    array->setObject(queue);
    EXPECT_EQ(OSSerialization::createFromObject(array.get()), nullptr);
    queue->release();
}

TEST(Casts, FollowTheClassChain) {
    const auto set = owned(OSSet::withCapacity(0));
    OSObject* object = set.get();
    EXPECT_EQ(OSDynamicCast(OSArray, object), set.get());
    EXPECT_EQ(OSDynamicCast(OSCollection, object), set.get());
    EXPECT_EQ(OSDynamicCast(OSOrderedSet, object), nullptr);
    EXPECT_EQ(OSDynamicCast(OSString, static_cast<OSObject*>(nullptr)), nullptr);
    EXPECT_STREQ(object->GetClassName(), "OSSet");
}

TEST(Classes, ASecondClassOfANameIsRefused) {
    static OSClassDescription description{};
    strcpy(description.name, "OSString");
    strcpy(description.superName, "OSObject");
    static OSMetaClass* meta = nullptr;
    static OSClassLoadInformation info{};
    info.description = &description;
    info.metaPointer = &meta;
    info.version = kOSClassLoadInformationVersion;
    info.instanceSize = sizeof(OSString);
    info.New = [](OSMetaClass*) -> kern_return_t { return kIOReturnSuccess; };
    EXPECT_EQ(opendext_register_class(&info), kIOReturnBadArgument);
    EXPECT_EQ(meta, nullptr);
    EXPECT_TRUE(owned(OSString::withCString("still works"))->isEqualTo("still works"));
}

TEST(CFunctions, GiveNothingForWhatIsNotThere) {
    EXPECT_EQ(OSDictionaryGetStringValue(nullptr, "x"), nullptr);
    EXPECT_EQ(OSArrayGetUInt64Value(nullptr, 3), 0u);
    const auto array = owned(OSArrayCreate());
    OSArraySetStringValue(array.get(), kOSArrayAppend, "a");
    EXPECT_STREQ(OSArrayGetStringValue(array.get(), 0), "a");
    EXPECT_EQ(OSArrayGetUInt64Value(array.get(), 0), 0u);
    const auto data = owned(OSDataCreate("abc", 3));
    char buffer[8] = {};
    EXPECT_EQ(OSDataGetBytes(data.get(), buffer, 1, 8), 2u);
    EXPECT_STREQ(buffer, "bc");
    EXPECT_EQ(OSCollectionTypeID(data.get()), uint64_t{kOSCollectionTypeData});
}

}  // namespace
