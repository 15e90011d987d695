// SPDX-License-Identifier: Apache-2.0
// Functions and macros of the headers below the frameworks, and the plain macros of DriverKit's
// own.
#include <DriverKit/IOKernelReportStructs.h>
#include <DriverKit/IOLib.h>
#include <DriverKit/IOReportTypes.h>
#include <DriverKit/IOReporter.h>
#include <gtest/gtest.h>
#include <libkern/OSByteOrder.h>
#include <mach/mach_time.h>
#include <net/ethernet.h>
#include <strings.h>
#include <time.h>

#include <cstring>
#include <string_view>

namespace {

// Facts: err_system, err_sub, err_get_system, err_get_sub, err_get_code
TEST(MachError, ACodeHasSystemSubsystemAndNumber) {
    const mach_error_t code = err_system(0x38) | err_sub(0x123) | 0x2bc;
    EXPECT_EQ(static_cast<uint32_t>(code), 0xe048c2bcu);
    EXPECT_EQ(err_get_system(code), 0x38);
    EXPECT_EQ(err_get_sub(code), 0x123);
    EXPECT_EQ(err_get_code(code), 0x2bc);
    EXPECT_EQ(err_get_system(err_system(err_max_system)), err_max_system);
    EXPECT_EQ(err_system(0x40), 0) << "only six bits";
    EXPECT_EQ(err_get_system(-1), 0x3f) << "the sign does not come in";
}

// Facts: iokit_common_err, iokit_family_err, iokit_vendor_specific_err
TEST(MachError, IOKitCodesSayWhoseTheyAre) {
    EXPECT_EQ(iokit_common_err(0x2c2), kIOReturnBadArgument);
    const IOReturn usb = iokit_family_err(sub_iokit_usb, 0x51);
    EXPECT_EQ(static_cast<uint32_t>(usb), 0xe0004051u);
    EXPECT_EQ(err_get_sub(usb), 1);
    EXPECT_LT(usb, 0) << "an error is negative";
    const IOReturn vendor = iokit_vendor_specific_err(7);
    EXPECT_EQ(vendor & sub_emask, sub_iokit_vendor_specific);
    EXPECT_EQ(err_get_code(vendor), 7);
}

// Facts: OSSwapHostToBigInt16, OSSwapHostToBigInt32, OSSwapHostToBigInt64
// Facts: OSSwapHostToLittleInt16, OSSwapHostToLittleInt32, OSSwapHostToLittleInt64
TEST(ByteOrder, HostNumbersAreWrittenInTheOrderAskedFor) {
    const uint16_t words[] = {OSSwapHostToBigInt16(0x0102), OSSwapHostToLittleInt16(0x0102)};
    EXPECT_EQ(memcmp(words, "\x01\x02\x02\x01", 4), 0);
    const uint32_t longs[] = {OSSwapHostToBigInt32(0x01020304),
                              OSSwapHostToLittleInt32(0x01020304)};
    EXPECT_EQ(memcmp(longs, "\x01\x02\x03\x04\x04\x03\x02\x01", 8), 0);
    const uint64_t quads[] = {OSSwapHostToBigInt64(0x0102030405060708),
                              OSSwapHostToLittleInt64(0x0102030405060708)};
    EXPECT_EQ(memcmp(quads, "\x01\x02\x03\x04\x05\x06\x07\x08\x08\x07\x06\x05\x04\x03\x02\x01", 16),
              0);
}

// Facts: OSSwapBigToHostInt16, OSSwapBigToHostInt32, OSSwapBigToHostInt64
// Facts: OSSwapLittleToHostInt16, OSSwapLittleToHostInt32, OSSwapLittleToHostInt64
TEST(ByteOrder, BytesOfEitherOrderAreReadAsTheSameNumber) {
    const uint8_t bytes[] = {0x80, 2, 3, 4, 5, 6, 7, 8};
    uint16_t word;
    uint32_t number;
    uint64_t quad;
    memcpy(&word, bytes, sizeof word);
    memcpy(&number, bytes, sizeof number);
    memcpy(&quad, bytes, sizeof quad);
    EXPECT_EQ(OSSwapBigToHostInt16(word), 0x8002);
    EXPECT_EQ(OSSwapLittleToHostInt16(word), 0x0280);
    EXPECT_EQ(OSSwapBigToHostInt32(number), 0x80020304u);
    EXPECT_EQ(OSSwapLittleToHostInt32(number), 0x04030280u);
    EXPECT_EQ(OSSwapBigToHostInt64(quad), 0x8002030405060708u);
    EXPECT_EQ(OSSwapLittleToHostInt64(quad), 0x0807060504030280u);
}

// Facts: mach_absolute_time, mach_continuous_time
TEST(Clocks, TicksAreNanosecondsThatOnlyGrow) {
    mach_timebase_info_data_t base{};
    ASSERT_EQ(mach_timebase_info(&base), KERN_SUCCESS);
    EXPECT_EQ(base.numer, base.denom);
    EXPECT_EQ(mach_timebase_info(nullptr), KERN_INVALID_ARGUMENT);

    const uint64_t absolute = mach_absolute_time();
    const uint64_t continuous = mach_continuous_time();
    IODelay(2000);
    EXPECT_GE(mach_absolute_time(), absolute + 2000000);
    EXPECT_GE(mach_continuous_time(), continuous + 2000000);
    EXPECT_GE(mach_continuous_time() + 1000000, mach_absolute_time()) << "it counts sleep too";
}

// Facts: clock_gettime_nsec_np
TEST(Clocks, EveryClockOfTheHeaderGoes) {
    const clockid_t clocks[] = {CLOCK_REALTIME,
                                CLOCK_MONOTONIC,
                                CLOCK_MONOTONIC_RAW,
                                CLOCK_UPTIME_RAW,
                                CLOCK_MONOTONIC_RAW_APPROX,
                                CLOCK_UPTIME_RAW_APPROX,
                                CLOCK_PROCESS_CPUTIME_ID,
                                CLOCK_THREAD_CPUTIME_ID};
    for (const clockid_t clock : clocks) {
        const uint64_t before = clock_gettime_nsec_np(clock);
        EXPECT_GT(before, 0u) << clock;
        IODelay(100);  // busy, so that the clocks of the processor go as well
        EXPECT_GT(clock_gettime_nsec_np(clock), before) << clock;
    }
    timespec now{};
    ASSERT_EQ(clock_gettime(CLOCK_REALTIME, &now), 0);
    const uint64_t seconds = clock_gettime_nsec_np(CLOCK_REALTIME) / NSEC_PER_SEC;
    EXPECT_NEAR(static_cast<double>(seconds), static_cast<double>(now.tv_sec), 2);
    const uint64_t thread = clock_gettime_nsec_np(CLOCK_THREAD_CPUTIME_ID);
    EXPECT_GE(clock_gettime_nsec_np(CLOCK_PROCESS_CPUTIME_ID), thread);
    EXPECT_EQ(clock_gettime_nsec_np(1234), 0u) << "no such clock";
}

TEST(Clocks, TheNumbersOfTheFactsWorkToo) {
    EXPECT_NEAR(static_cast<double>(clock_gettime_nsec_np(6)),
                static_cast<double>(clock_gettime_nsec_np(CLOCK_MONOTONIC)), 1e9);
    const uint64_t thread = clock_gettime_nsec_np(16);
    EXPECT_GT(thread, 0u);
    EXPECT_GE(clock_gettime_nsec_np(12), thread) << "process";
}

// Facts: bzero
TEST(Strings, BzeroClearsWhatItIsToldTo) {
    char text[] = "abcdef";
    bzero(text + 1, 3);
    EXPECT_EQ(memcmp(text, "a\0\0\0ef", 7), 0);
    const volatile size_t nothing = 0;
    bzero(text, nothing);
    EXPECT_EQ(text[0], 'a');
}

TEST(Strings, BoundedCopiesEndWithNulAndSayWhatTheyNeeded) {
    char buffer[4];
    EXPECT_EQ(strlcpy(buffer, "abcdef", sizeof buffer), 6u);
    EXPECT_STREQ(buffer, "abc");
    EXPECT_EQ(strlcpy(buffer, "x", sizeof buffer), 1u);
    EXPECT_EQ(strlcat(buffer, "yz!", sizeof buffer), 4u);
    EXPECT_STREQ(buffer, "xyz");
    EXPECT_EQ(strlcpy(buffer, "abc", 0), 3u);
    EXPECT_STREQ(buffer, "xyz");
    const char* text = "find me";
    EXPECT_EQ(strnstr(text, "me", 7), text + 5);
    EXPECT_EQ(strnstr(text, "me", 6), nullptr);
    EXPECT_EQ(strnstr(text, "", 7), text);
    char secret[8] = "1234567";
    EXPECT_EQ(memset_s(secret, sizeof secret, 0, sizeof secret), 0);
    EXPECT_EQ(secret[6], 0);
    EXPECT_NE(memset_s(secret, 4, 'x', 8), 0);
    EXPECT_EQ(std::string_view(secret, 5), std::string_view("xxxx\0", 5))
        << "no more than there is room for";
    EXPECT_NE(memset_s(nullptr, 4, 0, 4), 0);
}

// Facts: crc32
TEST(Checksums, Crc32GoesOnWhereItStopped) {
    EXPECT_EQ(crc32(0, "123456789", 9), 0xcbf43926u);
    EXPECT_EQ(crc32(crc32(0, "12345", 5), "6789", 4), 0xcbf43926u);
    EXPECT_EQ(crc32(0, nullptr, 0), 0u);
    EXPECT_EQ(crc32(0x12345678, "", 0), 0x12345678u);
}

// Facts: IOREPORT_MAKEID, __IOR_lshiftchr
TEST(Reports, ANameIsANumberWhoseFirstLetterIsTheHighestByte) {
    EXPECT_EQ(IOREPORT_MAKEID('C', 'h', 'a', 'n', 'n', 'e', 'l', '1'), 0x4368616e6e656c31u);
    EXPECT_EQ(__IOR_lshiftchr('A', 7), 0x4100000000000000u);
    EXPECT_EQ(__IOR_lshiftchr('A', 0), 0x41u);
}

// Facts: IOREPORT_GETUNIT_QUANTITY, IOREPORT_GETUNIT_SCALE, __IOR_MAKEUNIT
TEST(Reports, AUnitIsTakenApartAsItWasMade) {
    const IOReportUnit unit = __IOR_MAKEUNIT(kIOReportQuantityEnergy, kIOReportScaleNano);
    EXPECT_EQ(unit, kIOReportUnit_nJ);
    EXPECT_EQ(IOREPORT_GETUNIT_QUANTITY(unit), kIOReportQuantityEnergy);
    EXPECT_EQ(IOREPORT_GETUNIT_SCALE(unit), kIOReportScaleNano);
    const int exponent = static_cast<int>((IOREPORT_GETUNIT_SCALE(unit) & kIOReportScaleSIMask) >>
                                          kIOReportScaleSIShift) -
                         kIOReportExpZeroOffset;
    EXPECT_EQ(exponent, -9);
    EXPECT_EQ(IOREPORT_GETUNIT_QUANTITY(kIOReportUnit_KI), kIOReportQuantityCPUInstrs);
    EXPECT_EQ(IOREPORT_GETUNIT_SCALE(kIOReportUnit24MHzTicks) & kIOReportScaleConstMask, 24u);
}

TEST(Reports, ElementsHaveNoGapsSoThatTheyTravelAsBytes) {
    EXPECT_EQ(sizeof(IOReportChannelType), 8u);
    EXPECT_EQ(sizeof(IOReportChannel), 16u);
    EXPECT_EQ(sizeof(IOReportElement), 64u);
    EXPECT_EQ(sizeof(IOSimpleReportValues), sizeof(IOReportElementValues));
    EXPECT_EQ(sizeof(IOStateReportValues), sizeof(IOReportElementValues));
    EXPECT_EQ(sizeof(IOHistogramReportValues), sizeof(IOReportElementValues));
    EXPECT_EQ(sizeof(IOSimpleArrayReportValues), sizeof(IOReportElementValues));
    EXPECT_EQ(sizeof(IONormDistReportValues), sizeof(IOReportElementValues));
}

/// As reporters use it: the result, or what the check of the number gave.
IOReturn allocate(int count) {
    IOReturn res = kIOReturnSuccess;
    PREFL_MEMOP_FAIL(count, IOReportElement);
    PREFL_MEMOP_PANIC(count, IOReportElement);
finish:
    return res;
}

// Facts: PREFL_MEMOP_FAIL
TEST(Reports, ANumberOfElementsIsCheckedBeforeMemoryIsAskedFor) {
    EXPECT_EQ(allocate(1), kIOReturnSuccess);
    EXPECT_EQ(allocate(INT_MAX / static_cast<int>(sizeof(IOReportElement))), kIOReturnSuccess);
    EXPECT_EQ(allocate(INT_MAX / static_cast<int>(sizeof(IOReportElement)) + 1), kIOReturnOverrun);
    EXPECT_EQ(allocate(0), kIOReturnUnderrun);
    EXPECT_EQ(allocate(-1), kIOReturnUnderrun);
}

// Facts: PREFL_MEMOP_PANIC
TEST(ReportsDeathTest, ANumberThatCannotBeIsTheEnd) {
    int count = 0;
    EXPECT_DEATH(PREFL_MEMOP_PANIC(count, IOReportElement), "count elements of IOReportElement");
    count = INT_MAX;
    EXPECT_DEATH(PREFL_MEMOP_PANIC(count, IOReportElement), "count elements of IOReportElement");
}

// Facts: IOPhysical32
TEST(Types, TwoHalvesMakeAPhysicalAddress) {
    EXPECT_EQ(IOPhysical32(0x12, 0x89abcdef), 0x1289abcdefull);
    EXPECT_EQ(IOPhysical32(0, UINT32_MAX), uint64_t{UINT32_MAX});
}

TEST(Ethernet, AnAddressIsSixOctets) {
    const ether_addr_t address = {{2, 0, 0, 0, 0, 1}};
    EXPECT_EQ(sizeof address, static_cast<size_t>(ETHER_ADDR_LEN));
    EXPECT_EQ(address.octet[0] & 1, 0) << "not a group";
    EXPECT_EQ(sizeof(ether_header_t), static_cast<size_t>(ETHER_HDR_LEN));
}

}  // namespace
