// SPDX-License-Identifier: Apache-2.0
// IOLib: locks, IOCallOnce, values of threads.
#include <DriverKit/IOLib.h>
#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "runtime/tests/owned.h"

namespace {

/// Runs `function` on `count` threads and waits for them.
template <typename Function>
void on_threads(int count, Function function) {
    std::vector<std::thread> threads;
    for (int i = 0; i < count; ++i) threads.emplace_back(function);
    for (auto& thread : threads) thread.join();
}
template <typename Function>
bool on_another_thread(Function function) {
    bool result = false;
    std::thread([&] { result = function(); }).join();
    return result;
}
bool is_driver_bug(const std::string& text) {
    return text.find("driver bug") != std::string::npos;
}

// Facts: IOLockAlloc, IOLockLock, IOLockUnlock, IOLockTryLock, IOLockAssert, IOLockFree
TEST(IOLockTest, ExcludesAndKnowsItsHolder) {
    IOLock* lock = IOLockAlloc();
    int counter = 0;
    on_threads(4, [&] {
        for (int j = 0; j < 1000; ++j) {
            IOLockLock(lock);
            IOLockAssert(lock, kIOLockAssertOwned);
            ++counter;
            IOLockUnlock(lock);
        }
    });
    EXPECT_EQ(counter, 4000);
    IOLockAssert(lock, kIOLockAssertNotOwned);
    EXPECT_TRUE(IOLockTryLock(lock));
    EXPECT_FALSE(IOLockTryLock(lock));
    EXPECT_FALSE(on_another_thread([&] { return IOLockTryLock(lock); }));
    EXPECT_TRUE(is_driver_bug(logged([&] { on_threads(1, [&] { IOLockUnlock(lock); }); })));
    IOLockUnlock(lock);
    EXPECT_TRUE(is_driver_bug(logged([&] { IOLockUnlock(lock); })));
    IOLockFree(lock);
    IOLockFree(nullptr);
}

// Facts: IOLockFreeZero, IORecursiveLockFreeZero, IORWLockFreeZero
TEST(IOLockTest, FreeZeroForgetsThePointer) {
    IOLock* lock = IOLockAlloc();
    IOLockFreeZero(lock);
    EXPECT_EQ(lock, nullptr);
    IORecursiveLock* recursive = IORecursiveLockAlloc();
    IORecursiveLockFreeZero(recursive);
    EXPECT_EQ(recursive, nullptr);
    IORWLock* rw = IORWLockAlloc();
    IORWLockFreeZero(rw);
    EXPECT_EQ(rw, nullptr);
    IOLockFreeZero(lock);
    EXPECT_EQ(lock, nullptr);
}

TEST(IOLockDeathTest, MisuseIsTold) {
    IOLock* lock = IOLockAlloc();
    EXPECT_DEATH(IOLockAssert(lock, kIOLockAssertOwned), "panic: IOLockAssert");
    IOLockLock(lock);
    EXPECT_DEATH(IOLockAssert(lock, kIOLockAssertNotOwned), "panic: IOLockAssert");
    EXPECT_DEATH(IOLockLock(lock), "not recursive");
    EXPECT_TRUE(is_driver_bug(logged([&] { IOLockFree(lock); })));
}

// Facts: IORecursiveLockAlloc, IORecursiveLockLock, IORecursiveLockTryLock
// Facts: IORecursiveLockUnlock, IORecursiveLockHaveLock, IORecursiveLockFree
TEST(IORecursiveLockTest, CountsItsHoldersLocks) {
    IORecursiveLock* lock = IORecursiveLockAlloc();
    EXPECT_FALSE(IORecursiveLockHaveLock(lock));
    IORecursiveLockLock(lock);
    EXPECT_TRUE(IORecursiveLockTryLock(lock));
    EXPECT_TRUE(IORecursiveLockHaveLock(lock));
    EXPECT_FALSE(on_another_thread(
        [&] { return IORecursiveLockHaveLock(lock) || IORecursiveLockTryLock(lock); }));
    IORecursiveLockUnlock(lock);
    EXPECT_TRUE(IORecursiveLockHaveLock(lock));
    IORecursiveLockUnlock(lock);
    EXPECT_FALSE(IORecursiveLockHaveLock(lock));
    EXPECT_TRUE(is_driver_bug(logged([&] { IORecursiveLockUnlock(lock); })));
    int counter = 0;
    on_threads(4, [&] {
        for (int j = 0; j < 1000; ++j) {
            IORecursiveLockLock(lock);
            IORecursiveLockLock(lock);
            ++counter;
            IORecursiveLockUnlock(lock);
            IORecursiveLockUnlock(lock);
        }
    });
    EXPECT_EQ(counter, 4000);
    IORecursiveLockFree(lock);
    IORecursiveLockFree(nullptr);
}

// Facts: IORecursiveConditionLockAlloc, IORecursiveConditionLockLock
// Facts: IORecursiveConditionLockTryLock, IORecursiveConditionLockUnlock
// Facts: IORecursiveConditionLockHaveLock, IORecursiveConditionLockFree
TEST(IORecursiveConditionLockTest, CountsItsHoldersLocks) {
    IORecursiveConditionLock* lock = IORecursiveConditionLockAlloc();
    IORecursiveConditionLockLock(lock);
    EXPECT_TRUE(IORecursiveConditionLockTryLock(lock));
    EXPECT_TRUE(IORecursiveConditionLockHaveLock(lock));
    EXPECT_FALSE(on_another_thread([&] {
        return IORecursiveConditionLockHaveLock(lock) || IORecursiveConditionLockTryLock(lock);
    }));
    IORecursiveConditionLockUnlock(lock);
    IORecursiveConditionLockUnlock(lock);
    EXPECT_FALSE(IORecursiveConditionLockHaveLock(lock));
    EXPECT_TRUE(on_another_thread([&] {
        const bool taken = IORecursiveConditionLockTryLock(lock);
        if (taken) IORecursiveConditionLockUnlock(lock);
        return taken;
    }));
    EXPECT_TRUE(is_driver_bug(logged([&] { IORecursiveConditionLockUnlock(lock); })));
    IORecursiveConditionLockFree(lock);
    IORecursiveConditionLockFree(nullptr);
}

// Facts: IORWLockAlloc, IORWLockRead, IORWLockWrite, IORWLockUnlock, IORWLockFree
TEST(IORWLockTest, LetsManyReadOrOneWrite) {
    IORWLock* lock = IORWLockAlloc();
    IORWLockRead(lock);
    // Another reader comes in while this one reads; a writer waits for both.
    on_threads(1, [&] {
        IORWLockRead(lock);
        IORWLockUnlock(lock);
    });
    std::atomic<bool> writing{false}, done{false};
    std::thread writer([&] {
        IORWLockWrite(lock);
        writing = true;
        while (!done) std::this_thread::yield();
        IORWLockUnlock(lock);
    });
    std::this_thread::yield();
    EXPECT_FALSE(writing);
    IORWLockUnlock(lock);
    while (!writing) std::this_thread::yield();
    done = true;
    writer.join();

    int counter = 0;
    on_threads(4, [&] {
        for (int j = 0; j < 500; ++j) {
            IORWLockWrite(lock);
            ++counter;
            IORWLockUnlock(lock);
        }
    });
    IORWLockRead(lock);
    EXPECT_EQ(counter, 2000);
    IORWLockUnlock(lock);
    EXPECT_TRUE(is_driver_bug(logged([&] { IORWLockUnlock(lock); })));
    IORWLockFree(lock);
    IORWLockFree(nullptr);
}

TEST(IORWLockDeathTest, ASecondLockOfTheWriterIsTold) {
    IORWLock* lock = IORWLockAlloc();
    IORWLockWrite(lock);
    EXPECT_DEATH(IORWLockWrite(lock), "panic: IORWLockWrite");
    EXPECT_DEATH(IORWLockRead(lock), "panic: IORWLockRead");
    IORWLockUnlock(lock);
    IORWLockRead(lock);
    EXPECT_TRUE(is_driver_bug(logged([&] { IORWLockFree(lock); })));
}

// Facts: IOCallOnce
TEST(IOCallOnceTest, RunsOnceAndOthersWait) {
    static IOCallOnceFlag flag;
    static int count;
    on_threads(8, [] {
        IOCallOnce(&flag, ^{
          std::this_thread::yield();
          ++count;
        });
        EXPECT_EQ(count, 1);
    });
    static IOCallOnceFlag other;
    IOCallOnce(&other, ^{
      IOCallOnce(&flag, ^{
        ++count;
      });
      count += 10;
    });
    EXPECT_EQ(count, 11);
}

TEST(IOCallOnceDeathTest, ABlockThatWaitsForItselfIsTold) {
    static IOCallOnceFlag flag;
    EXPECT_DEATH(IOCallOnce(&flag,
                            ^{
                              IOCallOnce(&flag, ^{
                                         });
                            }),
                 "its own flag");
}

// Facts: IOThreadLocalStorageKeyCreate, IOThreadLocalStorageKeyDelete
// Facts: IOThreadLocalStorageSet, IOThreadLocalStorageGet
TEST(IOThreadLocalStorageTest, EachThreadHasItsValue) {
    uint64_t key = 0, other = 0;
    ASSERT_EQ(IOThreadLocalStorageKeyCreate(&key), kIOReturnSuccess);
    ASSERT_EQ(IOThreadLocalStorageKeyCreate(&other), kIOReturnSuccess);
    EXPECT_NE(key, other);
    EXPECT_EQ(IOThreadLocalStorageGet(key), nullptr);
    EXPECT_EQ(IOThreadLocalStorageSet(key, &key), kIOReturnSuccess);
    EXPECT_TRUE(on_another_thread([&] {
        const bool empty = IOThreadLocalStorageGet(key) == nullptr;
        return empty && IOThreadLocalStorageSet(key, &other) == kIOReturnSuccess &&
               IOThreadLocalStorageGet(key) == &other;
    }));
    EXPECT_EQ(IOThreadLocalStorageGet(key), &key);
    EXPECT_EQ(IOThreadLocalStorageGet(other), nullptr);
    EXPECT_EQ(IOThreadLocalStorageKeyDelete(key), kIOReturnSuccess);
    EXPECT_EQ(IOThreadLocalStorageKeyDelete(other), kIOReturnSuccess);
}

TEST(IOThreadLocalStorageTest, AKeyThatThereIsNotIsABadArgument) {
    EXPECT_EQ(IOThreadLocalStorageKeyCreate(nullptr), kIOReturnBadArgument);
    uint64_t key = 0;
    ASSERT_EQ(IOThreadLocalStorageKeyCreate(&key), kIOReturnSuccess);
    ASSERT_EQ(IOThreadLocalStorageKeyDelete(key), kIOReturnSuccess);
    for (const uint64_t wrong : {key, uint64_t{0}, ~uint64_t{0}, key + (uint64_t{1} << 32)}) {
        EXPECT_EQ(IOThreadLocalStorageKeyDelete(wrong), kIOReturnBadArgument) << wrong;
        EXPECT_EQ(IOThreadLocalStorageSet(wrong, &key), kIOReturnBadArgument) << wrong;
        EXPECT_EQ(IOThreadLocalStorageGet(wrong), nullptr) << wrong;
    }
    std::vector<uint64_t> keys;
    while (IOThreadLocalStorageKeyCreate(&key) == kIOReturnSuccess && keys.size() < 100000)
        keys.push_back(key);
    EXPECT_GT(keys.size(), 100u);
    EXPECT_EQ(IOThreadLocalStorageKeyCreate(&key), kIOReturnNoResources);
    for (const uint64_t made : keys) IOThreadLocalStorageKeyDelete(made);
}

}  // namespace
