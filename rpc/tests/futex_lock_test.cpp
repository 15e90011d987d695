// SPDX-License-Identifier: Apache-2.0
#include "rpc/futex_lock.h"

#include <gtest/gtest.h>

#include <mutex>
#include <thread>
#include <vector>

namespace opendext {
namespace {

TEST(FutexLockTest, IsHeldByOneAtATime) {
    FutexLock lock;
    ASSERT_TRUE(lock.try_lock());
    std::thread([&] { EXPECT_FALSE(lock.try_lock()); }).join();
    lock.unlock();
    std::thread([&] {
        EXPECT_TRUE(lock.try_lock());
        lock.unlock();
    }).join();
}

TEST(FutexLockTest, LosesNoCountAndNoSleeperUnderContention) {
    constexpr int kThreads = 4;
    constexpr int kRounds = 20'000;
    FutexLock lock;
    int count = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < kThreads; ++i) {
        threads.emplace_back([&] {
            for (int round = 0; round < kRounds; ++round) {
                const std::lock_guard held(lock);
                if (round % 512 == 0) std::this_thread::yield();  // the others come to wait
                ++count;
            }
        });
    }
    for (std::thread& thread : threads) thread.join();  // a lost wake-up would hang here
    EXPECT_EQ(kThreads * kRounds, count);
}

}  // namespace
}  // namespace opendext
