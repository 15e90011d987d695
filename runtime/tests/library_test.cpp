// SPDX-License-Identifier: Apache-2.0
// IOLib: memory, clocks, numbers, boot arguments; functions of the C library's overlay.
#include <DriverKit/DriverKit.h>
#include <errno.h>
#include <gtest/gtest.h>
#include <mach/mach_time.h>
#include <os/overflow.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <string>

#include "runtime/tests/owned.h"

namespace {

// Facts: IOService.StringFromReturn
TEST(IOLibTest, ReturnCodesHaveNames) {
    auto* service = OSTypeAlloc(IOService);
    EXPECT_STREQ(service->StringFromReturn(kIOReturnNotPermitted), "kIOReturnNotPermitted");
    EXPECT_STREQ(service->StringFromReturn(0x12345678), "unknown result code");
    OSString* text = nullptr;
    EXPECT_EQ(service->StringFromReturn(kIOReturnSuccess, &text), kIOReturnSuccess);
    ASSERT_NE(text, nullptr);
    EXPECT_TRUE(text->isEqualTo("kIOReturnSuccess"));
    text->release();
    service->release();
}

// Facts: IOMalloc, IOMallocZero, IOMallocTyped, IOMallocZeroTyped, IOFree
TEST(IOMallocTest, GivesMemoryZeroedOrNot) {
    for (const bool typed : {false, true}) {
        void* memory = typed ? IOMallocTyped(64, 5) : IOMalloc(64);
        ASSERT_NE(memory, nullptr);
        EXPECT_EQ(reinterpret_cast<uintptr_t>(memory) % alignof(std::max_align_t), 0u);
        memset(memory, 0xff, 64);
        IOFree(memory, 64);
        auto* zeroed = static_cast<uint8_t*>(typed ? IOMallocZeroTyped(64, 5) : IOMallocZero(64));
        for (int i = 0; i < 64; ++i) EXPECT_EQ(zeroed[i], 0);
        IOFree(zeroed, 64);
    }
    EXPECT_EQ(IOMalloc(0), nullptr);
    EXPECT_EQ(IOMallocZero(0), nullptr);
    EXPECT_EQ(IOMallocTyped(0, 1), nullptr);
    EXPECT_EQ(IOMallocZeroTyped(0, 1), nullptr);
    IOFree(nullptr, 10);
}

struct Counted {
    static inline int alive = 0;
    int value = 3;
    Counted() { ++alive; }
    ~Counted() { --alive; }
};

// Facts: IONew, IONewZero, IODelete, IOSafeDeleteNULL
TEST(IONewTest, MakesAndEndsElements) {
    auto* numbers = IONewZero(uint32_t, 100);
    ASSERT_NE(numbers, nullptr);
    for (int i = 0; i < 100; ++i) EXPECT_EQ(numbers[i], 0u);
    IOSafeDeleteNULL(numbers, uint32_t, 100);
    EXPECT_EQ(numbers, nullptr);
    IOSafeDeleteNULL(numbers, uint32_t, 100);
    EXPECT_EQ(numbers, nullptr);

    auto* objects = IONew(Counted, 4);
    ASSERT_NE(objects, nullptr);
    EXPECT_EQ(Counted::alive, 4);
    EXPECT_EQ(objects[3].value, 3);
    IODelete(objects, Counted, 4);
    EXPECT_EQ(Counted::alive, 0);
    IODelete(static_cast<Counted*>(nullptr), Counted, 4);

    EXPECT_EQ(IONew(uint64_t, 0), nullptr);
    EXPECT_EQ(IONewZero(uint64_t, SIZE_MAX / 4), nullptr) << "the size overflows";
    EXPECT_EQ(IONew(uint64_t, SIZE_MAX / 4), nullptr);

    auto* single = IOMallocType(Counted);
    EXPECT_EQ(Counted::alive, 1);
    IOFreeType(single, Counted);
    EXPECT_EQ(Counted::alive, 0);
}

// Facts: crc32
TEST(IOLibTest, Crc32IsTheUsualOne) {
    EXPECT_EQ(crc32(0, "123456789", 9), 0xcbf43926u);
    EXPECT_EQ(crc32(crc32(0, "12345", 5), "6789", 4), 0xcbf43926u) << "in pieces";
    EXPECT_EQ(crc32(7, nullptr, 0), 7u);
}

// Facts: read_random
TEST(IOLibTest, RandomBytesDiffer) {
    std::array<uint8_t, 64> first{}, second{};
    read_random(first.data(), first.size());
    read_random(second.data(), second.size());
    EXPECT_NE(first, second);
    const auto kept = second;
    read_random(second.data(), 0);
    EXPECT_EQ(second, kept);
}

// Facts: IODelay, IOSleep, mach_absolute_time, mach_continuous_time, clock_gettime_nsec_np
TEST(IOLibTest, ClocksGoOn) {
    const uint64_t before = clock_gettime_nsec_np(CLOCK_UPTIME_RAW);
    const uint64_t continuous = mach_continuous_time();
    IODelay(1000);
    EXPECT_GE(clock_gettime_nsec_np(CLOCK_UPTIME_RAW), before + 1000000);
    IOSleep(1);
    EXPECT_GE(clock_gettime_nsec_np(CLOCK_UPTIME_RAW), before + 2000000);
    EXPECT_GE(mach_continuous_time(), continuous + 2000000);
    EXPECT_NEAR(static_cast<double>(mach_absolute_time()),
                static_cast<double>(clock_gettime_nsec_np(CLOCK_UPTIME_RAW)), 1e9);
    EXPECT_EQ(clock_gettime_nsec_np(1234), 0u);
    IODelay(0);
    IOSleep(0);
}

// Facts: IOFixedMultiply, IOFixedDivide
TEST(IOLibTest, FixedPointHas16BitsOfFraction) {
    constexpr IOFixed kOne = 1 << 16;
    EXPECT_EQ(IOFixedMultiply(3 * kOne / 2, 2 * kOne), 3 * kOne);
    EXPECT_EQ(IOFixedMultiply(-kOne, kOne / 2), -kOne / 2);
    EXPECT_EQ(IOFixedDivide(3 * kOne, 2 * kOne), 3 * kOne / 2);
    EXPECT_EQ(IOFixedDivide(-kOne, 4 * kOne), -kOne / 4);
    EXPECT_EQ(IOFixedMultiply(100 * kOne, 100 * kOne), 10000 * kOne);
}

// Facts: OSSynchronizeIO
TEST(IOLibTest, SynchronizeIOOrdersAccesses) {
    volatile int first = 1;
    OSSynchronizeIO();
    volatile int second = first;
    EXPECT_EQ(second, 1);
    EXPECT_EQ(IOVMPageSize, static_cast<uint64_t>(sysconf(_SC_PAGESIZE)));
}

// The environment is read at the first use.
[[maybe_unused]] const bool g_boot_arguments = [] {
    return setenv("OPENDEXT_BOOT_ARGS",
                  "wide=0x123456789abc  debug=0x144 octal=010 negative=-5 scaled=4K -v twice=1 "
                  "text=some=thing\ttwice=2",
                  1) == 0;
}();

// Facts: IOParseBootArgNumber
TEST(BootArguments, GiveNumbersOfTheSizeAskedFor) {
    uint64_t wide = ~uint64_t{0};
    EXPECT_TRUE(IOParseBootArgNumber("wide", &wide, sizeof wide));
    EXPECT_EQ(wide, 0x123456789abcull);
    uint32_t number = 0;
    EXPECT_TRUE(IOParseBootArgNumber("debug", &number, sizeof number));
    EXPECT_EQ(number, 0x144u);
    uint16_t octal = 0;
    EXPECT_TRUE(IOParseBootArgNumber("octal", &octal, sizeof octal));
    EXPECT_EQ(octal, 8u);
    uint8_t narrow = 0;
    EXPECT_TRUE(IOParseBootArgNumber("wide", &narrow, sizeof narrow));
    EXPECT_EQ(narrow, 0xbcu);
    int32_t negative = 0;
    EXPECT_TRUE(IOParseBootArgNumber("negative", &negative, sizeof negative));
    EXPECT_EQ(negative, -5);
    EXPECT_TRUE(IOParseBootArgNumber("scaled", &number, sizeof number));
    EXPECT_EQ(number, 4096u);
    EXPECT_TRUE(IOParseBootArgNumber("-v", &number, sizeof number));
    EXPECT_EQ(number, 1u) << "a word alone";
    EXPECT_TRUE(IOParseBootArgNumber("twice", &number, sizeof number));
    EXPECT_EQ(number, 2u) << "the last one counts";

    number = 77;
    EXPECT_FALSE(IOParseBootArgNumber("missing", &number, sizeof number));
    EXPECT_FALSE(IOParseBootArgNumber("debu", &number, sizeof number));
    EXPECT_FALSE(IOParseBootArgNumber("text", &number, sizeof number));
    EXPECT_FALSE(IOParseBootArgNumber("debug", &number, 3));
    EXPECT_FALSE(IOParseBootArgNumber("debug", &number, 0));
    EXPECT_FALSE(IOParseBootArgNumber("debug", &number, -4));
    EXPECT_FALSE(IOParseBootArgNumber("", &number, sizeof number));
    EXPECT_FALSE(IOParseBootArgNumber(nullptr, &number, sizeof number));
    EXPECT_FALSE(IOParseBootArgNumber("debug", nullptr, 4));
    EXPECT_EQ(number, 77u);
}

// Facts: IOParseBootArgString
TEST(BootArguments, GiveStringsThatFit) {
    char text[16] = "unchanged";
    EXPECT_FALSE(IOParseBootArgString("missing", text, sizeof text));
    EXPECT_STREQ(text, "unchanged");
    EXPECT_TRUE(IOParseBootArgString("text", text, sizeof text));
    EXPECT_STREQ(text, "some=thing");
    EXPECT_TRUE(IOParseBootArgString("text", text, 5));
    EXPECT_STREQ(text, "some");
    EXPECT_TRUE(IOParseBootArgString("-v", text, sizeof text));
    EXPECT_STREQ(text, "");
    EXPECT_TRUE(IOParseBootArgString("debug", text, 1));
    EXPECT_STREQ(text, "");
    EXPECT_FALSE(IOParseBootArgString("text", text, 0));
    EXPECT_FALSE(IOParseBootArgString("text", nullptr, 5));
    EXPECT_FALSE(IOParseBootArgString(nullptr, text, 5));
}

TEST(Strings, HaveTheFunctionsOfTheOverlay) {
    char buffer[8] = "";
    EXPECT_EQ(strlcpy(buffer, "0123456789", sizeof buffer), 10u);
    EXPECT_STREQ(buffer, "0123456");
    strlcpy(buffer, "ab", sizeof buffer);
    EXPECT_EQ(strlcat(buffer, "cdefghij", sizeof buffer), 10u);
    EXPECT_STREQ(buffer, "abcdefg");
    EXPECT_EQ(memset_s(buffer, sizeof buffer, 'x', 3), 0);
    EXPECT_STREQ(buffer, "xxxdefg");
    EXPECT_EQ(memset_s(buffer, sizeof buffer, 'y', 9), EOVERFLOW);
    EXPECT_EQ(buffer[7], 'y');
    EXPECT_EQ(memset_s(nullptr, 1, 0, 1), EINVAL);
    EXPECT_STREQ(strnstr("hello world", "world", 11), "world");
    EXPECT_EQ(strnstr("hello world", "world", 10), nullptr);
    uint32_t sum = 0;
    EXPECT_TRUE(os_add_overflow(0xffffffffu, 1u, &sum));
    EXPECT_FALSE(os_add3_overflow(1u, 2u, 3u, &sum));
    EXPECT_EQ(sum, 6u);
}

// Facts: bzero
TEST(Strings, BzeroZeroes) {
    char buffer[4] = {'a', 'b', 'c', 'd'};
    bzero(buffer, 3);
    EXPECT_EQ(memcmp(buffer, "\0\0\0d", 4), 0);
}

}  // namespace
