// SPDX-License-Identifier: Apache-2.0
// os_log formats, IOLib, locks, string functions.
#include <DriverKit/DriverKit.h>
#include <errno.h>
#include <gtest/gtest.h>
#include <os/log.h>
#include <os/overflow.h>

#include <string>
#include <thread>
#include <vector>

namespace {

template <typename Function>
std::string logged(Function function) {
    testing::internal::CaptureStderr();
    function();
    std::string text = testing::internal::GetCapturedStderr();
    if (!text.empty() && text.back() == '\n') text.pop_back();
    return text;
}

TEST(OsLog, FormatsAsPrintf) {
    EXPECT_EQ(logged([] {
                  os_log(OS_LOG_DEFAULT, "%d %5u|%-5d|%05d %x %#llx", -1, 2u, 3, 4, 255u,
                         0x1234567890ull);
              }),
              "-1     2|3    |00004 ff 0x1234567890");
    EXPECT_EQ(logged([] {
                  os_log(OS_LOG_DEFAULT, "%s %.3s %*d %c %% %.2f", "text", "abcdef", 4, 7, 'x',
                         1.5);
              }),
              "text abc    7 x % 1.50");
    EXPECT_EQ(logged([] {
                  os_log(OS_LOG_DEFAULT, "%zu %hhu %hd %ld %jd", size_t{9}, 300, 70000, 5L,
                         intmax_t{6});
              }),
              "9 44 4464 5 6");
    EXPECT_EQ(logged([] { os_log(OS_LOG_DEFAULT, "no arguments"); }), "no arguments");
    EXPECT_EQ(logged([] { os_log(OS_LOG_DEFAULT, "%s", static_cast<const char*>(nullptr)); }),
              "(null)");
}

TEST(OsLog, UnderstandsTheWordsInBraces) {
    EXPECT_EQ(logged([] {
                  os_log(OS_LOG_DEFAULT, "%{public}s %{private}s %{public, bool}d", "a", "b", 1);
              }),
              "a b true");
    EXPECT_EQ(logged([] { os_log(OS_LOG_DEFAULT, "%{BOOL}d %{BOOL}d", 1, 0); }), "YES NO");
    EXPECT_EQ(logged([] { os_log(OS_LOG_DEFAULT, "%{errno}d", ENOENT); }),
              "[2: No such file or directory]");
    EXPECT_EQ(logged([] { os_log(OS_LOG_DEFAULT, "%{time_t}d", 0); }), "1970-01-01 00:00:00+0000");
    errno = EPERM;
    EXPECT_EQ(logged([] { os_log_error(OS_LOG_DEFAULT, "open: %m"); }),
              "open: Operation not permitted");
    EXPECT_EQ(errno, EPERM);
    const uint8_t bytes[] = {0xde, 0xad, 0xbe, 0xef};
    EXPECT_EQ(logged([&] { os_log(OS_LOG_DEFAULT, "%.*P", 4, bytes); }), "DE AD BE EF");
}

TEST(OsLog, LongTextsAreNotCut) {
    const std::string text(20000, 'x');
    EXPECT_EQ(logged([&] { os_log(OS_LOG_DEFAULT, "<%s>", text.c_str()); }).size(),
              text.size() + 2);
}

TEST(OsLog, DisabledLogsSayNothing) {
    EXPECT_EQ(logged([] { os_log(OS_LOG_DISABLED, "x"); }), "");
    EXPECT_EQ(os_log_create("org.example", "a"), os_log_create("org.example", "a"));
    EXPECT_NE(os_log_create("org.example", "a"), os_log_create("org.example", "b"));
}

TEST(IOLibTest, IOLogTakesLinesWithOrWithoutTheirEnd) {
    EXPECT_EQ(logged([] { EXPECT_EQ(IOLog("count %d\n", 3), 8); }), "count 3");
}

TEST(IOLibTest, ReturnCodesHaveNames) {
    auto* service = OSTypeAlloc(IOService);
    EXPECT_STREQ(service->StringFromReturn(kIOReturnNotPermitted), "kIOReturnNotPermitted");
    OSString* text = nullptr;
    EXPECT_EQ(service->StringFromReturn(kIOReturnSuccess, &text), kIOReturnSuccess);
    ASSERT_NE(text, nullptr);
    EXPECT_TRUE(text->isEqualTo("kIOReturnSuccess"));
    text->release();
    service->release();
}

TEST(IOLibTest, ArraysAreZeroedAndFreed) {
    auto* numbers = IONewZero(uint32_t, 100);
    ASSERT_NE(numbers, nullptr);
    for (int i = 0; i < 100; ++i) EXPECT_EQ(numbers[i], 0u);
    IOSafeDeleteNULL(numbers, uint32_t, 100);
    EXPECT_EQ(numbers, nullptr);
    EXPECT_EQ(IONew(uint64_t, SIZE_MAX / 4), nullptr);
    EXPECT_EQ(IOMalloc(0), nullptr);
}

TEST(IOLibTest, Crc32IsTheUsualOne) {
    EXPECT_EQ(crc32(0, "123456789", 9), 0xcbf43926u);
}

TEST(IOLibTest, CallOnceRunsOnceAndOthersWait) {
    static IOCallOnceFlag flag;
    static int count;
    std::vector<std::thread> threads;
    for (int i = 0; i < 8; ++i) {
        threads.emplace_back([] {
            IOCallOnce(&flag, ^{
              std::this_thread::yield();
              ++count;
            });
            EXPECT_EQ(count, 1);
        });
    }
    for (auto& thread : threads) thread.join();
}

TEST(IOLibTest, ClocksGoOn) {
    const uint64_t before = clock_gettime_nsec_np(CLOCK_UPTIME_RAW);
    IODelay(1000);
    IOSleep(1);
    EXPECT_GE(clock_gettime_nsec_np(CLOCK_UPTIME_RAW), before + 2000000);
    EXPECT_NEAR(static_cast<double>(mach_absolute_time()),
                static_cast<double>(clock_gettime_nsec_np(CLOCK_UPTIME_RAW)), 1e9);
    EXPECT_EQ(clock_gettime_nsec_np(1234), 0u);
}

TEST(Locks, ExcludeAndKnowTheirHolder) {
    IOLock* lock = IOLockAlloc();
    int counter = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
            for (int j = 0; j < 1000; ++j) {
                IOLockLock(lock);
                ++counter;
                IOLockUnlock(lock);
            }
        });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(counter, 4000);
    IOLockAssert(lock, kIOLockAssertNotOwned);
    EXPECT_TRUE(IOLockTryLock(lock));
    EXPECT_FALSE(IOLockTryLock(lock));
    IOLockUnlock(lock);
    EXPECT_NE(logged([&] { IOLockUnlock(lock); }).find("driver bug"), std::string::npos);
    IOLockFree(lock);

    IORecursiveLock* recursive = IORecursiveLockAlloc();
    IORecursiveLockLock(recursive);
    IORecursiveLockLock(recursive);
    EXPECT_TRUE(IORecursiveLockHaveLock(recursive));
    IORecursiveLockUnlock(recursive);
    EXPECT_TRUE(IORecursiveLockHaveLock(recursive));
    IORecursiveLockUnlock(recursive);
    EXPECT_FALSE(IORecursiveLockHaveLock(recursive));
    IORecursiveLockFree(recursive);
}

TEST(LocksDeathTest, AWrongAssertionPanics) {
    IOLock* lock = IOLockAlloc();
    EXPECT_DEATH(IOLockAssert(lock, kIOLockAssertOwned), "panic: IOLockAssert");
    IOLockFree(lock);
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

struct Element {
    int value;
    queue_chain_t chain;
};

TEST(QueueMacros, InsertIterateAndRemove) {
    queue_head_t head;
    queue_init(&head);
    Element elements[3] = {{1, {}}, {2, {}}, {3, {}}};
    queue_enter(&head, &elements[1], Element*, chain);
    queue_enter(&head, &elements[2], Element*, chain);
    queue_enter_first(&head, &elements[0], Element*, chain);
    std::vector<int> seen;
    Element* each = nullptr;
    queue_iterate(&head, each, Element*, chain) {
        seen.push_back(each->value);
    }
    EXPECT_EQ(seen, (std::vector<int>{1, 2, 3}));
    queue_remove(&head, &elements[1], Element*, chain);
    queue_remove_first(&head, each, Element*, chain);
    EXPECT_EQ(each, &elements[0]);
    queue_remove_last(&head, each, Element*, chain);
    EXPECT_EQ(each, &elements[2]);
    EXPECT_TRUE(queue_empty(&head));

    for (Element& element : elements) enqueue_tail(&head, &element.chain);
    seen.clear();
    qe_foreach_element_safe(each, &head, chain) {
        seen.push_back(each->value);
        remqueue(&each->chain);
    }
    EXPECT_EQ(seen, (std::vector<int>{1, 2, 3}));
    EXPECT_TRUE(queue_empty(&head));
}

}  // namespace
