// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>

#include "rpc/futex.h"

namespace opendext {

/// A mutex whose unlock() is a full barrier: what was stored before is seen by everybody before
/// anything after is read. Who stores, unlocks and then looks whether somebody sleeps needs no
/// second barrier, and a barrier is what a short message costs most: it waits until the other CPU
/// has given its cache lines away. Lockable, so std::lock_guard takes it.
class FutexLock {
  public:
    void lock() {
        if (try_lock()) [[likely]]
            return;
        while (word_.exchange(kWaited, std::memory_order_acquire) != kFree)
            futex_sleep(word_, kWaited);
    }
    bool try_lock() {
        uint32_t expected = kFree;
        return word_.compare_exchange_strong(expected, kHeld, std::memory_order_acquire,
                                             std::memory_order_relaxed);
    }
    void unlock() {
        if (word_.exchange(kFree, std::memory_order_seq_cst) == kWaited) [[unlikely]]
            futex_wake(word_);
    }

  private:
    static constexpr uint32_t kFree = 0;
    static constexpr uint32_t kHeld = 1;
    static constexpr uint32_t kWaited = 2;  ///< held, and perhaps waited for
    std::atomic<uint32_t> word_{kFree};
};

/// A condition that changes under a FutexLock. notify() is called with the lock held, so the waiter
/// may be gone as soon as it has been let go of.
class FutexCondition {
  public:
    template <typename Predicate>
    void wait(std::unique_lock<FutexLock>& lock, Predicate predicate) {
        while (!predicate()) sleep(lock, -1);
    }
    /// Whether the predicate is true in the end; `deadline_ns` is CLOCK_MONOTONIC.
    template <typename Predicate>
    bool wait_until(std::unique_lock<FutexLock>& lock, int64_t deadline_ns, Predicate predicate) {
        while (!predicate()) {
            const int64_t left = deadline_ns - now_ns();
            if (left <= 0) return false;
            sleep(lock, left);
        }
        return true;
    }
    void notify() {
        word_.fetch_add(1, std::memory_order_relaxed);
        futex_wake(word_);
    }

  private:
    void sleep(std::unique_lock<FutexLock>& lock, int64_t limit_ns) {
        const uint32_t before = word_.load(std::memory_order_relaxed);
        lock.unlock();
        futex_sleep(word_, before, limit_ns);
        lock.lock();
    }

    std::atomic<uint32_t> word_{0};
};

}  // namespace opendext
