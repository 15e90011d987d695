// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>

#include "rpc/futex.h"

namespace opendext {

/// A mutex whose unlock() is a full barrier: what was stored before is seen by everybody before
/// anything after is read. Who stores, unlocks and then looks whether somebody sleeps needs no
/// second barrier, and a barrier is what a short message costs most: it waits until the other CPU
/// has given its cache lines away. Lockable, so std::lock_guard takes it.
class FutexLock {
  public:
    void lock() {
        if (try_lock()) return;
        while (word_.exchange(kWaited, std::memory_order_acquire) != kFree)
            futex_sleep(word_, kWaited);
    }
    bool try_lock() {
        uint32_t expected = kFree;
        return word_.compare_exchange_strong(expected, kHeld, std::memory_order_acquire,
                                             std::memory_order_relaxed);
    }
    void unlock() {
        if (word_.exchange(kFree, std::memory_order_seq_cst) == kWaited) futex_wake(word_);
    }

  private:
    static constexpr uint32_t kFree = 0;
    static constexpr uint32_t kHeld = 1;
    static constexpr uint32_t kWaited = 2;  ///< held, and perhaps waited for
    std::atomic<uint32_t> word_{kFree};
};

}  // namespace opendext
