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

TEST(FutexConditionTest, EachTurnReachesWhoWaitsForIt) {
    constexpr int kTurns = 20'000;
    FutexLock lock;
    FutexCondition conditions[2];
    int turn = 0;
    const auto take_turns = [&](int mine) {
        for (int i = 0; i < kTurns; ++i) {
            std::unique_lock held(lock);
            conditions[mine].wait(held, [&] { return turn % 2 == mine; });
            ++turn;
            conditions[1 - mine].notify();
        }
    };
    std::thread other(take_turns, 1);
    take_turns(0);
    other.join();  // a lost wake-up would hang here
    EXPECT_EQ(2 * kTurns, turn);
}

TEST(FutexConditionTest, WaitEndsAtTheDeadlineOrWithTheChange) {
    FutexLock lock;
    FutexCondition condition;
    bool changed = false;
    std::unique_lock held(lock);
    const auto is_changed = [&] { return changed; };
    const int64_t begin = now_ns();
    EXPECT_FALSE(condition.wait_until(held, begin + 5'000'000, is_changed));
    EXPECT_GE(now_ns(), begin + 5'000'000);
    EXPECT_FALSE(condition.wait_until(held, 0, is_changed));  // long past
    std::thread other([&] {
        const std::lock_guard theirs(lock);
        changed = true;
        condition.notify();
    });
    EXPECT_TRUE(condition.wait_until(held, INT64_MAX, is_changed));
    held.unlock();
    other.join();
}

}  // namespace
}  // namespace opendext
