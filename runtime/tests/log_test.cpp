// SPDX-License-Identifier: Apache-2.0
// os_log and IOLog: their formats.
#include <DriverKit/DriverKit.h>
#include <arpa/inet.h>
#include <errno.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <os/log.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/time.h>

#include <cstring>
#include <string>

#include "runtime/tests/owned.h"

namespace {

/// What a line of the log says.
#define LINE(...) logged([&] { os_log(OS_LOG_DEFAULT, __VA_ARGS__); })

#pragma clang diagnostic ignored "-Wformat"
#pragma clang diagnostic ignored "-Wformat-security"
#pragma clang diagnostic ignored "-Wformat-insufficient-args"
#pragma clang diagnostic ignored "-Wformat-invalid-specifier"
#pragma clang diagnostic ignored "-Wformat-extra-args"

// Facts: os_log
TEST(OsLog, FormatsAsPrintf) {
    EXPECT_EQ(LINE("%d %5u|%-5d|%05d %x %#llx %o %X", -1, 2u, 3, 4, 255u, 0x1234567890ull, 8, 0xab),
              "-1     2|3    |00004 ff 0x1234567890 10 AB");
    EXPECT_EQ(
        LINE("%s %.3s %*d %c %% %.2f %e %g %a", "text", "abcdef", 4, 7, 'x', 1.5, 1000.0, 0.5, 1.0),
        "text abc    7 x % 1.50 1.000000e+03 0.5 0x1p+0");
    EXPECT_EQ(LINE("%+d % d %.4d %-*d| %'d", 1, 2, 3, 4, 5, 6), "+1  2 0003 5   | 6");
    EXPECT_EQ(LINE("%*d|", -4, 5), "5   |") << "a width below zero is one to the left";
    EXPECT_EQ(LINE("%.*s|%.*s", -1, "all", 0, "none"), "all|");
    EXPECT_EQ(LINE("no arguments"), "no arguments");
    EXPECT_EQ(LINE("with its end\n"), "with its end");
    EXPECT_EQ(LINE("%p %p", nullptr, reinterpret_cast<void*>(0x1000)), "0x0 0x1000");
    EXPECT_EQ(LINE("%Lf %lf", 1.5L, 2.5), "1.500000 2.500000");
}

TEST(OsLog, TakesEveryLengthModifier) {
    EXPECT_EQ(LINE("%hhd %hhu %hd %hu", 300, 300, 70000, 70000), "44 44 4464 4464");
    EXPECT_EQ(LINE("%hhd %hd %d", 255, 65535, -1), "-1 -1 -1");
    EXPECT_EQ(LINE("%ld %lu %lx", -5L, 5ul, 255ul), "-5 5 ff");
    EXPECT_EQ(LINE("%lld %llu %qd %qx", -1ll, ~0ull, -2ll, 16ull), "-1 18446744073709551615 -2 10");
    EXPECT_EQ(LINE("%zu %zd %td %jd %ju", size_t{9}, ssize_t{-9}, ptrdiff_t{-3}, intmax_t{6},
                   uintmax_t{7}),
              "9 -9 -3 6 7");
    EXPECT_EQ(LINE("%D %U %O", -5L, 5ul, 8ul), "-5 5 10");
    EXPECT_EQ(LINE("%llu", uint64_t{1} << 40), "1099511627776") << "64-bit types are %llu here";
    EXPECT_EQ(LINE("%u", ~0u), "4294967295");
}

TEST(OsLog, ShowsTextsOfAllKinds) {
    EXPECT_EQ(LINE("%s|%5s|%-5s|%.2s", nullptr, "ab", "cd", nullptr), "(null)|   ab|cd   |(null)");
    const char unterminated[] = {'a', 'b', 'c'};
    EXPECT_EQ(LINE("%.3s", unterminated), "abc");
    EXPECT_EQ(LINE("%ls|%S|%lc%C", L"wide \u00e4", L"\U0001f600", L'x', L'\u20ac'), "wide ä|😀|x€");
    EXPECT_EQ(LINE("%.3ls|", L"a\u20ac"), "a|") << "no half character";
    EXPECT_EQ(LINE("%ls", nullptr), "(null)");
    const wchar_t surrogate[] = {static_cast<wchar_t>(0xd800), 0};
    EXPECT_EQ(LINE("%ls", surrogate), "\xef\xbf\xbd");
    EXPECT_EQ(LINE("<%c>", 0), "<>");
}

TEST(OsLog, AcceptsTheWordsOfPrivacy) {
    EXPECT_EQ(LINE("%{public}s %{private}s %{public, bool}d %{sensitive}d", "a", "b", 1, 2),
              "a b true 2");
    EXPECT_EQ(LINE("%{ public , uuid_t }.16P", "0123456789abcdef"),
              "30313233-3435-3637-3839-616263646566");
    EXPECT_EQ(LINE("%{private, mask.hash}s", "x"), "x");
    EXPECT_EQ(LINE("%{}d %{public}-4d|", 1, 2), "1 2   |");
}

TEST(OsLog, DecodesNumbers) {
    EXPECT_EQ(LINE("%{BOOL}d %{BOOL}d %{bool}d %{bool}hhd", 1, 0, 2, 0), "YES NO true false");
    EXPECT_EQ(LINE("%{errno}d", ENOENT), "[2: No such file or directory]");
    EXPECT_EQ(LINE("%{darwin.errno}d", EPIPE), "[32: Broken pipe]");
    EXPECT_EQ(LINE("%{mach.errno}d", kIOReturnBadArgument), "[0xe00002c2: kIOReturnBadArgument]");
    EXPECT_EQ(LINE("%{public,mach.errno}x", 5), "[0x5: KERN_FAILURE]");
    EXPECT_EQ(LINE("%{mach.errno}d", 0x12345678), "[0x12345678]");
    EXPECT_EQ(LINE("%{darwin.signal}d", SIGSEGV), "[sigsegv: Segmentation fault]");
    EXPECT_EQ(LINE("%{darwin.signal}d", 9999), "[9999]");
    EXPECT_EQ(LINE("%{darwin.mode}o %{darwin.mode}d", S_IFDIR | 0755, S_IFREG | 04640),
              "drwxr-xr-x -rwSr-----");
    EXPECT_EQ(LINE("%{darwin.mode}d", S_IFDIR | S_ISVTX | S_ISGID | 0777), "drwxrwsrwt");
    EXPECT_EQ(LINE("%{darwin.mode}o", 0700), "-rwx------");
    EXPECT_EQ(LINE("%{time_t}d", 0), "1970-01-01 00:00:00+0000");
    EXPECT_EQ(LINE("%{time_t}ld", 1452627697L), "2016-01-12 19:41:37+0000");
    EXPECT_EQ(LINE("%{time_t}ld", INT64_MAX), "9223372036854775807");
    EXPECT_EQ(LINE("%{bool}6d|", 1), "  true|") << "a width is one for the meaning";
    EXPECT_EQ(LINE("%{unknown}d", 5), "5");
    EXPECT_EQ(LINE("%{network:in_addr}d", htonl(0x7f000001)), "127.0.0.1");
}

TEST(OsLog, ScalesSizesAndRates) {
    EXPECT_EQ(LINE("%{bytes}d %{bytes}llu", 999, 4720ull), "999 B 4.72 kB");
    EXPECT_EQ(LINE("%{iec-bytes}d", 4720), "4.61 KiB");
    EXPECT_EQ(LINE("%{bitrate}d", 123000), "123 kbps");
    EXPECT_EQ(LINE("%{iec-bitrate}d", 120832), "118 Kibps");
    EXPECT_EQ(LINE("%{bytes}d", 999999), "1.00 MB") << "not 1000 kB";
    EXPECT_EQ(LINE("%{iec-bytes}llu", ~0ull), "16.0 EiB");
    EXPECT_EQ(LINE("%{bitrate}d", 0), "0 bps");
}

TEST(OsLog, ShowsBytes) {
    const uint8_t bytes[] = {0xde, 0xad, 0xbe, 0xef};
    EXPECT_EQ(LINE("%.*P", 4, bytes), "DE AD BE EF");
    EXPECT_EQ(LINE("%.2P %P|", bytes, bytes), "DE AD |");
    EXPECT_EQ(LINE("%.*P %.*P", 4, nullptr, -1, bytes), "(null) ");
    EXPECT_EQ(LINE("%{network:mac_addr}.4P", bytes), "DE:AD:BE:EF");
    EXPECT_EQ(LINE("%{uuid_t}.4P", bytes), "DE AD BE EF") << "not the size of one";
    const timespec moment = {1452627697, 774236823};
    EXPECT_EQ(LINE("%{timespec}.*P", static_cast<int>(sizeof moment), &moment),
              "2016-01-12 19:41:37.774236823+0000");
    const timeval coarse = {1452627697, 774236};
    EXPECT_EQ(LINE("%{timeval}.*P", static_cast<int>(sizeof coarse), &coarse),
              "2016-01-12 19:41:37.774236+0000");
    EXPECT_EQ(LINE("%{timespec}.3P", &moment).size(), 8u) << "three bytes, cut off";
    in6_addr loopback = in6addr_loopback;
    EXPECT_EQ(LINE("%{network:in6_addr}.16P", &loopback), "::1");
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(0x0a000001);
    EXPECT_EQ(LINE("%{network:sockaddr}.*P", static_cast<int>(sizeof address), &address),
              "10.0.0.1");
    EXPECT_EQ(LINE("%{network:sockaddr}.1P", &address), "02");
}

TEST(OsLog, KeepsErrno) {
    errno = EPERM;
    EXPECT_EQ(logged([] { os_log_error(OS_LOG_DEFAULT, "open: %m"); }),
              "open: Operation not permitted");
    EXPECT_EQ(errno, EPERM);
}

TEST(OsLog, RefusesWhatWritesOrIsOfAnotherLanguage) {
    int written = 7;
    const std::string writes = "ab%n%d";  // as a literal it does not compile
    EXPECT_EQ(LINE(writes.c_str(), &written, 5), "ab<%n is not supported>5");
    EXPECT_EQ(written, 7);
    EXPECT_EQ(LINE("%@ %d", &written, 5), "<%@ is not supported> 5");
}

TEST(OsLog, LeavesWhatIsNoConversion) {
    EXPECT_EQ(LINE("100%"), "100%");
    EXPECT_EQ(LINE("%d %y %d", 1, 2, 3), "1 %y %d");
    EXPECT_EQ(LINE("%{public"), "%{public");
    EXPECT_EQ(LINE("%l"), "%l");
    EXPECT_EQ(LINE("%5."), "%5.");
    EXPECT_EQ(LINE("%1$s", "x"), "%1$s");
}

TEST(OsLog, LongTextsAreNotCutButEndlessOnesAre) {
    const std::string text(20000, 'x');
    EXPECT_EQ(LINE("<%s>", text.c_str()).size(), text.size() + 2);
    const std::string endless(1 << 20, 'x');
    const std::string cut = LINE("<%s>", endless.c_str());
    EXPECT_LT(cut.size(), 25000u);
    EXPECT_NE(cut.find("too long"), std::string::npos);
    EXPECT_LT(LINE("%2000000000d", 1).size(), 5000u);
    EXPECT_LT(LINE("%*d", INT32_MAX, 1).size(), 5000u);
    EXPECT_LT(LINE("%*d", INT32_MIN, 1).size(), 5000u);
    EXPECT_LT(LINE("%.*f", INT32_MAX, 1.0).size(), 5000u);
    EXPECT_LT(LINE("%.99999999999999999999d", 1).size(), 5000u);
    const std::string data(100000, '\1');
    EXPECT_LT(LINE("%.*P", 100000, data.data()).size(), 25000u);
    const std::string umlauts = [] {
        std::string all;
        for (int i = 0; i < 20000; ++i) all += "ä";
        return all;
    }();
    const std::string whole = LINE("x%s", umlauts.c_str());
    EXPECT_EQ(whole.find(" …") % 2, 1u) << "not within a character";
}

// Facts: os_log_info, os_log_debug, os_log_error, os_log_fault, os_log_with_type
TEST(OsLog, HasALineForEachType) {
    EXPECT_EQ(logged([] { os_log_info(OS_LOG_DEFAULT, "info %d", 1); }), "info 1");
    EXPECT_EQ(logged([] { os_log_debug(OS_LOG_DEFAULT, "debug %d", 2); }), "debug 2");
    EXPECT_EQ(logged([] { os_log_error(OS_LOG_DEFAULT, "error %d", 3); }), "error 3");
    EXPECT_EQ(logged([] { os_log_fault(OS_LOG_DEFAULT, "fault %d", 4); }), "fault 4");
    EXPECT_EQ(logged([] { os_log_with_type(OS_LOG_DEFAULT, OS_LOG_TYPE_INFO, "any %d", 5); }),
              "any 5");
}

// Facts: os_log_create
TEST(OsLog, DisabledLogsSayNothing) {
    EXPECT_EQ(logged([] { os_log(OS_LOG_DISABLED, "x"); }), "");
    EXPECT_EQ(os_log_create("org.example", "a"), os_log_create("org.example", "a"));
    EXPECT_NE(os_log_create("org.example", "a"), os_log_create("org.example", "b"));
    EXPECT_NE(os_log_create(nullptr, nullptr), nullptr);
    os_log_t log = os_log_create("org.example", "a");
    EXPECT_EQ(logged([&] { os_log(log, "text"); }), "text");
    EXPECT_FALSE(os_log_type_enabled(OS_LOG_DISABLED, OS_LOG_TYPE_DEFAULT));
    EXPECT_TRUE(os_log_type_enabled(log, OS_LOG_TYPE_DEBUG));
}

int log_with_list(const char* format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const int size = IOLogv(format, arguments);
    va_end(arguments);
    return size;
}

// Facts: IOLog, IOLogv
TEST(IOLogTest, TakesLinesWithOrWithoutTheirEnd) {
    EXPECT_EQ(logged([] { EXPECT_EQ(IOLog("count %d\n", 3), 8); }), "count 3");
    EXPECT_EQ(logged([] { EXPECT_EQ(log_with_list("%s %d", "list", 4), 6); }), "list 4");
    EXPECT_EQ(logged([] {
                  va_list none{};
                  IOLogv("plain", none);
              }),
              "plain");
    EXPECT_EQ(logged([] { EXPECT_EQ(IOLog(nullptr), 6); }), "(null)");
}

// Facts: IOLogBuffer
TEST(IOLogTest, DumpsMemory) {
    uint8_t bytes[20];
    for (uint8_t i = 0; i < sizeof bytes; ++i) bytes[i] = i;
    EXPECT_EQ(logged([&] { IOLogBuffer("packet", bytes, sizeof bytes); }),
              "packet (20 bytes)\n"
              "000000  00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f\n"
              "000010  10 11 12 13");
    EXPECT_EQ(logged([] { IOLogBuffer(nullptr, nullptr, 5); }), "(null) (5 bytes)");
}

// Facts: OSReportWithBacktrace
TEST(IOLogTest, ShowsTheCallersStack) {
    const std::string text = logged([] { OSReportWithBacktrace("reached %d", 5); });
    EXPECT_EQ(text.find("reached 5\n"), 0u);
    EXPECT_NE(text.find("runtime_library_test"), std::string::npos) << text;
}

// Facts: panic
TEST(IOLogDeathTest, PanicEndsTheProcess) {
    EXPECT_DEATH(panic("out of %s", "luck"), "panic: out of luck");
}

}  // namespace
