// SPDX-License-Identifier: Apache-2.0
// IOLib: locks. Thin shells around POSIX ones that know their holder, so that misuse is told
// instead of corrupting.
#include <Block.h>
#include <DriverKit/IOLib.h>
#include <pthread.h>

#include <atomic>
#include <condition_variable>
#include <mutex>

#include "runtime/dispatch/executor.h"
#include "runtime/log/log.h"

using opendext::runtime::log_driver_bug;
using opendext::runtime::thread_token;

struct IOLock {
    std::mutex mutex;
    std::atomic<uint64_t> owner{0};

    [[nodiscard]] bool mine() const {
        return owner.load(std::memory_order_relaxed) == thread_token();
    }
};

struct IORecursiveLock {
    std::recursive_mutex mutex;
    std::atomic<uint64_t> owner{0};
    unsigned depth = 0;

    [[nodiscard]] bool mine() const {
        return owner.load(std::memory_order_relaxed) == thread_token();
    }
    void lock() {
        mutex.lock();
        entered();
    }
    bool try_lock() {
        if (!mutex.try_lock()) return false;
        entered();
        return true;
    }
    void unlock(const char* what) {
        if (!mine()) {
            log_driver_bug("%s: the thread does not hold the lock", what);
            return;
        }
        if (--depth == 0) owner.store(0, std::memory_order_relaxed);
        mutex.unlock();
    }

  private:
    void entered() {
        owner.store(thread_token(), std::memory_order_relaxed);
        ++depth;
    }
};

struct IORecursiveConditionLock : IORecursiveLock {};

struct IORWLock {
    pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
    std::atomic<uint64_t> writer{0};
    std::atomic<uint32_t> readers{0};

    ~IORWLock() { pthread_rwlock_destroy(&lock); }
    [[nodiscard]] bool mine() const {
        return writer.load(std::memory_order_relaxed) == thread_token();
    }
};

namespace {

/// Before a lock is freed. The memory is given back all the same: keeping it would only hide the
/// error.
void expect_free(const char* what, uint64_t owner, uint32_t others = 0) {
    if (owner != 0 || others != 0) log_driver_bug("%s: somebody holds the lock", what);
}

}  // namespace

extern "C" {

IOLock* IOLockAlloc(void) {
    return new IOLock;
}
void IOLockFree(IOLock* lock) {
    if (lock != nullptr) expect_free("IOLockFree", lock->owner);
    delete lock;
}
void IOLockLock(IOLock* lock) {
    if (lock->mine())
        panic("IOLockLock: the thread holds the lock already; an IOLock is not recursive");
    lock->mutex.lock();
    lock->owner.store(thread_token(), std::memory_order_relaxed);
}
bool IOLockTryLock(IOLock* lock) {
    if (lock->mine() || !lock->mutex.try_lock()) return false;
    lock->owner.store(thread_token(), std::memory_order_relaxed);
    return true;
}
void IOLockUnlock(IOLock* lock) {
    if (!lock->mine()) {
        log_driver_bug("IOLockUnlock: the thread does not hold the lock");
        return;
    }
    lock->owner.store(0, std::memory_order_relaxed);
    lock->mutex.unlock();
}
void IOLockAssert(IOLock* lock, IOLockAssertState type) {
    if (lock->mine() != (type == kIOLockAssertOwned)) {
        panic("IOLockAssert: the lock is %s",
              type == kIOLockAssertOwned ? "not held by the thread" : "held");
    }
}

IORecursiveLock* IORecursiveLockAlloc(void) {
    return new IORecursiveLock;
}
void IORecursiveLockFree(IORecursiveLock* lock) {
    if (lock != nullptr) expect_free("IORecursiveLockFree", lock->owner);
    delete lock;
}
void IORecursiveLockLock(IORecursiveLock* lock) {
    lock->lock();
}
bool IORecursiveLockTryLock(IORecursiveLock* lock) {
    return lock->try_lock();
}
void IORecursiveLockUnlock(IORecursiveLock* lock) {
    lock->unlock("IORecursiveLockUnlock");
}
bool IORecursiveLockHaveLock(IORecursiveLock* lock) {
    return lock->mine();
}

IORecursiveConditionLock* IORecursiveConditionLockAlloc(void) {
    return new IORecursiveConditionLock;
}
void IORecursiveConditionLockFree(IORecursiveConditionLock* lock) {
    if (lock != nullptr) expect_free("IORecursiveConditionLockFree", lock->owner);
    delete lock;
}
void IORecursiveConditionLockLock(IORecursiveConditionLock* lock) {
    lock->lock();
}
bool IORecursiveConditionLockTryLock(IORecursiveConditionLock* lock) {
    return lock->try_lock();
}
void IORecursiveConditionLockUnlock(IORecursiveConditionLock* lock) {
    lock->unlock("IORecursiveConditionLockUnlock");
}
bool IORecursiveConditionLockHaveLock(IORecursiveConditionLock* lock) {
    return lock->mine();
}

IORWLock* IORWLockAlloc(void) {
    return new IORWLock;
}
void IORWLockFree(IORWLock* lock) {
    if (lock != nullptr) expect_free("IORWLockFree", lock->writer, lock->readers);
    delete lock;
}
void IORWLockRead(IORWLock* lock) {
    if (lock->mine()) panic("IORWLockRead: the thread holds the lock for writing already");
    pthread_rwlock_rdlock(&lock->lock);
    ++lock->readers;
}
void IORWLockWrite(IORWLock* lock) {
    if (lock->mine()) panic("IORWLockWrite: the thread holds the lock for writing already");
    pthread_rwlock_wrlock(&lock->lock);
    lock->writer.store(thread_token(), std::memory_order_relaxed);
}
void IORWLockUnlock(IORWLock* lock) {
    if (lock->mine()) {
        lock->writer.store(0, std::memory_order_relaxed);
    } else if (lock->readers == 0) {
        log_driver_bug("IORWLockUnlock: the thread does not hold the lock");
        return;
    } else {
        --lock->readers;
    }
    pthread_rwlock_unlock(&lock->lock);
}

void IOCallOnce(IOCallOnceFlag* flag, IOCallOnceBlock block) {
    // 0 = not run, 2 = done, else it runs on the thread with that token. One condition serves all
    // flags: waiting for one is rare and short.
    constexpr intptr_t kDone = 2;
    static auto& mutex = *new std::mutex;
    static auto& changed = *new std::condition_variable;
    auto* state = &flag->opaque;
    if (__atomic_load_n(state, __ATOMIC_ACQUIRE) == kDone) return;
    const auto mine = static_cast<intptr_t>(thread_token() << 2 | 1);
    std::unique_lock lock(mutex);
    if (*state == mine) panic("IOCallOnce: the block calls IOCallOnce with its own flag");
    if (*state == 0) {
        __atomic_store_n(state, mine, __ATOMIC_RELAXED);
        lock.unlock();
        block();
        lock.lock();
        __atomic_store_n(state, kDone, __ATOMIC_RELEASE);
        changed.notify_all();
        return;
    }
    changed.wait(lock, [&] { return __atomic_load_n(state, __ATOMIC_ACQUIRE) == kDone; });
}

}  // extern "C"
