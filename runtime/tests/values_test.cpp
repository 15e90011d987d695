// SPDX-License-Identifier: Apache-2.0
// OSString, OSNumber, OSBoolean, OSData.
#include <DriverKit/DriverKit.h>
#include <gtest/gtest.h>

#include <cstring>

#include "runtime/tests/owned.h"

namespace {

// Facts: OSString.withCString, OSString.withString, OSString.getLength, OSString.getCStringNoCopy
// Facts: OSString.isEqualTo
TEST(OSStringTest, ComparesByContent) {
    const auto string = owned(OSString::withCString("port"));
    EXPECT_EQ(string->getLength(), 4u);
    EXPECT_STREQ(string->getCStringNoCopy(), "port");
    EXPECT_TRUE(string->isEqualTo("port"));
    EXPECT_FALSE(string->isEqualTo("por"));
    EXPECT_FALSE(string->isEqualTo(static_cast<const char*>(nullptr)));
    EXPECT_TRUE(string->isEqualTo(owned(OSString::withString(string.get())).get()));
    EXPECT_FALSE(string->isEqualTo(static_cast<const OSString*>(nullptr)));
    EXPECT_TRUE(string->isEqualTo(owned(OSString::withCString("portable", 4)).get()));
    EXPECT_EQ(owned(OSString::withCString("port", 100))->getLength(), 4u);
    const OSMetaClassBase* object = string.get();
    EXPECT_TRUE(object->isEqualTo(owned(OSString::withCString("port")).get()));
    EXPECT_FALSE(object->isEqualTo(owned(OSNumber::withNumber(4, 32)).get()));
    EXPECT_FALSE(object->isEqualTo(nullptr));
}

// Facts: OSString.isEqualTo(const OSData *) const, OSData.isEqualTo(const OSString *) const
TEST(OSStringTest, EqualsDataWithOrWithoutTheTerminatingZero) {
    const auto string = owned(OSString::withCString("port"));
    EXPECT_TRUE(string->isEqualTo(owned(OSData::withBytes("port", 5)).get()));
    EXPECT_TRUE(string->isEqualTo(owned(OSData::withBytes("port", 4)).get()));
    EXPECT_FALSE(string->isEqualTo(owned(OSData::withBytes("port", 3)).get()));
    EXPECT_FALSE(string->isEqualTo(static_cast<const OSData*>(nullptr)));
    EXPECT_TRUE(owned(OSData::withBytes("port", 5))->isEqualTo(string.get()));
    EXPECT_FALSE(owned(OSData::withCapacity(4))->isEqualTo(string.get()));
    EXPECT_TRUE(owned(OSString::withCString(""))->isEqualTo(owned(OSData::withCapacity(0)).get()));
    EXPECT_FALSE(
        owned(OSData::withBytes("port", 5))->isEqualTo(static_cast<const OSString*>(nullptr)));
}

// Facts: OSString.withCStringNoCopy, OSString.free
TEST(OSStringTest, NoCopyUsesTheCallersBytes) {
    char text[] = "tty";
    auto* string = OSString::withCStringNoCopy(text);
    EXPECT_EQ(string->getCStringNoCopy(), text);
    text[0] = 'c';
    EXPECT_TRUE(string->isEqualTo("cty"));
    string->release();  // free() leaves the caller's bytes alone
    EXPECT_STREQ(text, "cty");
}

TEST(OSStringTest, GivesNullForNull) {
    EXPECT_EQ(OSString::withCString(nullptr), nullptr);
    EXPECT_EQ(OSString::withCString(nullptr, 3), nullptr);
    EXPECT_EQ(OSString::withCStringNoCopy(nullptr), nullptr);
    EXPECT_EQ(OSString::withString(nullptr), nullptr);
}

// Facts: OSSTR
TEST(OSStringTest, OSSTRIsAStringOfALiteral) {
    OSString* string = OSSTR("literal");
    EXPECT_TRUE(string->isEqualTo("literal"));
    OSSafeReleaseNULL(string);
}

// Facts: OSNumber.withNumber, OSNumber.numberOfBits, OSNumber.unsigned8BitValue
// Facts: OSNumber.unsigned16BitValue, OSNumber.unsigned32BitValue, OSNumber.unsigned64BitValue
TEST(OSNumberTest, KeepsItsWidth) {
    const auto number = owned(OSNumber::withNumber(0x123456789abcdef0u, 48));
    EXPECT_EQ(number->unsigned64BitValue(), 0x56789abcdef0u);
    EXPECT_EQ(number->unsigned32BitValue(), 0x9abcdef0u);
    EXPECT_EQ(number->unsigned16BitValue(), 0xdef0u);
    EXPECT_EQ(number->unsigned8BitValue(), 0xf0u);
    EXPECT_EQ(number->numberOfBits(), 48u);
    EXPECT_EQ(owned(OSNumber::withNumber(~uint64_t{0}, 64))->unsigned64BitValue(), ~uint64_t{0});
    EXPECT_EQ(owned(OSNumber::withNumber(3, 1))->unsigned64BitValue(), 1u);
    EXPECT_EQ(owned(OSNumber::withNumber("0x20", 32))->unsigned32BitValue(), 32u);
    EXPECT_EQ(owned(OSNumber::withNumber("010", 8))->unsigned8BitValue(), 8u);
    EXPECT_EQ(owned(OSNumber::withNumber("300", 8))->unsigned64BitValue(), 44u);
}

TEST(OSNumberTest, RefusesWhatIsNoNumber) {
    EXPECT_EQ(OSNumber::withNumber("twelve", 32), nullptr);
    EXPECT_EQ(OSNumber::withNumber("12 ", 32), nullptr);
    EXPECT_EQ(OSNumber::withNumber("", 32), nullptr);
    EXPECT_EQ(OSNumber::withNumber("99999999999999999999", 64), nullptr);
    EXPECT_EQ(OSNumber::withNumber(nullptr, 32), nullptr);
    EXPECT_EQ(OSNumber::withNumber(1, 65), nullptr);
    EXPECT_EQ(OSNumber::withNumber(1, 0), nullptr);
}

// Facts: OSNumber.isEqualTo, OSNumber.free
TEST(OSNumberTest, ComparesTheValueAndNotTheWidth) {
    auto* number = OSNumber::withNumber(5, 16);
    EXPECT_TRUE(number->isEqualTo(owned(OSNumber::withNumber(5, 64)).get()));
    EXPECT_FALSE(number->isEqualTo(owned(OSNumber::withNumber(6, 16)).get()));
    EXPECT_FALSE(number->isEqualTo(static_cast<const OSNumber*>(nullptr)));
    const OSMetaClassBase* object = number;
    EXPECT_TRUE(object->isEqualTo(owned(OSNumber::withNumber(5, 8)).get()));
    EXPECT_FALSE(object->isEqualTo(kOSBooleanTrue));
    const auto array = owned(OSArray::withCapacity(1));
    array->setObject(number);
    number->release();
    EXPECT_EQ(static_cast<OSNumber*>(array->getObject(0))->unsigned8BitValue(), 5u);
}

// Facts: OSBoolean.retain, OSBoolean.release, OSBoolean.free
TEST(OSBooleanTest, HasTwoObjectsThatAreNeverFreed) {
    const uint32_t count = kOSBooleanTrue->getRetainCount();
    kOSBooleanTrue->retain();
    EXPECT_EQ(kOSBooleanTrue->getRetainCount(), count);
    for (int i = 0; i < 10; ++i) kOSBooleanTrue->release();
    kOSBooleanTrue->free();
    EXPECT_EQ(kOSBooleanTrue->getRetainCount(), count);
    EXPECT_NE(kOSBooleanTrue, kOSBooleanFalse);
    EXPECT_TRUE(kOSBooleanTrue->isEqualTo(kOSBooleanTrue));
    EXPECT_FALSE(kOSBooleanTrue->isEqualTo(kOSBooleanFalse));
    EXPECT_STREQ(kOSBooleanTrue->GetClassName(), "OSBoolean");
    EXPECT_EQ(OSDynamicCast(OSBoolean, static_cast<OSObject*>(kOSBooleanFalse)), kOSBooleanFalse);
}

// Facts: OSData.withBytes, OSData.withBytesNoCopy, OSData.withCapacity, OSData.withData
// Facts: OSData.getLength, OSData.getCapacity, OSData.getBytesNoCopy
TEST(OSDataTest, ChecksRanges) {
    const auto data = owned(OSData::withBytes("abcdefgh", 8));
    EXPECT_EQ(data->getLength(), 8u);
    EXPECT_GE(data->getCapacity(), 8u);
    EXPECT_EQ(memcmp(data->getBytesNoCopy(6, 2), "gh", 2), 0);
    EXPECT_EQ(data->getBytesNoCopy(7, 2), nullptr);
    EXPECT_EQ(data->getBytesNoCopy(8, 1), nullptr);
    EXPECT_EQ(data->getBytesNoCopy(SIZE_MAX, 2), nullptr);
    EXPECT_EQ(data->getBytesNoCopy(1, SIZE_MAX), nullptr);
    EXPECT_EQ(OSData::withData(data.get(), 5, 4), nullptr);
    EXPECT_EQ(OSData::withData(data.get(), 9, 0), nullptr);
    EXPECT_EQ(OSData::withData(data.get(), SIZE_MAX, 2), nullptr);
    EXPECT_TRUE(owned(OSData::withData(data.get(), 5, 3))->isEqualTo("fgh", 3));
    EXPECT_EQ(owned(OSData::withData(data.get(), 8, 0))->getLength(), 0u);
    const auto copy = owned(OSData::withData(data.get()));
    EXPECT_TRUE(copy->isEqualTo(data.get()));
    EXPECT_NE(copy->getBytesNoCopy(), data->getBytesNoCopy());
    const auto empty = owned(OSData::withCapacity(10));
    EXPECT_EQ(empty->getBytesNoCopy(), nullptr);
    EXPECT_EQ(empty->getLength(), 0u);
    EXPECT_GE(empty->getCapacity(), 10u);
    EXPECT_EQ(owned(OSData::withData(empty.get()))->getLength(), 0u);
    char borrowed[] = "xyz";
    const auto no_copy = owned(OSData::withBytesNoCopy(borrowed, 3));
    EXPECT_EQ(no_copy->getBytesNoCopy(), borrowed);
    EXPECT_EQ(no_copy->getCapacity(), 3u);
}

TEST(OSDataTest, GivesNullForNull) {
    EXPECT_EQ(OSData::withBytes(nullptr, 1), nullptr);
    EXPECT_EQ(OSData::withBytesNoCopy(nullptr, 1), nullptr);
    EXPECT_EQ(OSData::withData(nullptr), nullptr);
    EXPECT_EQ(OSData::withData(nullptr, 0, 0), nullptr);
    EXPECT_EQ(owned(OSData::withBytes(nullptr, 0))->getLength(), 0u);
}

// Facts: OSData.appendBytes, OSData.isEqualTo(const void *, size_t) const
// Facts: OSData.isEqualTo(const OSData *) const, OSData.isEqualTo(const OSMetaClassBase *) const
// Facts: OSData.free
TEST(OSDataTest, AppendsAndCompares) {
    auto* data = OSData::withBytes("abcdef", 6);
    EXPECT_TRUE(data->appendBytes("gh", 2));
    EXPECT_TRUE(data->isEqualTo("abcdefgh", 8));
    EXPECT_TRUE(data->appendBytes(data));  // its own bytes
    EXPECT_TRUE(data->isEqualTo("abcdefghabcdefgh", 16));
    EXPECT_TRUE(data->appendBytes(nullptr, 2));  // zeroes
    EXPECT_TRUE(data->isEqualTo("abcdefghabcdefgh\0\0", 18));
    EXPECT_TRUE(data->appendBytes("", 0));
    EXPECT_FALSE(data->appendBytes(nullptr));
    EXPECT_EQ(data->getLength(), 18u);

    EXPECT_TRUE(data->isEqualTo(owned(OSData::withData(data)).get()));
    EXPECT_FALSE(data->isEqualTo(owned(OSData::withBytes("abcdef", 6)).get()));
    EXPECT_FALSE(data->isEqualTo(static_cast<const OSData*>(nullptr)));
    EXPECT_FALSE(data->isEqualTo("abcdefghabcdefgh\0", 17));
    EXPECT_FALSE(data->isEqualTo(nullptr, 18));
    const OSMetaClassBase* object = data;
    EXPECT_TRUE(object->isEqualTo(owned(OSData::withData(data)).get()));
    EXPECT_FALSE(object->isEqualTo(kOSBooleanTrue));
    OSSafeReleaseNULL(data);
    EXPECT_EQ(data, nullptr);
}

TEST(OSDataTest, BytesOfTheCallerDoNotGrow) {
    char borrowed[] = "xyz";
    const auto data = owned(OSData::withBytesNoCopy(borrowed, 3));
    EXPECT_FALSE(data->appendBytes("1", 1));
    EXPECT_TRUE(data->isEqualTo("xyz", 3));
    const auto none = owned(OSData::withBytesNoCopy(borrowed, 0));
    EXPECT_FALSE(none->appendBytes("1", 1));
    EXPECT_EQ(none->getLength(), 0u);
}

}  // namespace
