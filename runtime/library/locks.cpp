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
    ~IORWLock() { pthread_rwlock_destroy(&lock); }
};

extern "C" {

IOLock* IOLockAlloc(void) {
    return new IOLock;
}
void IOLockFree(IOLock* lock) {
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
    delete lock;
}
void IORWLockRead(IORWLock* lock) {
    pthread_rwlock_rdlock(&lock->lock);
}
void IORWLockWrite(IORWLock* lock) {
    pthread_rwlock_wrlock(&lock->lock);
}
void IORWLockUnlock(IORWLock* lock) {
    pthread_rwlock_unlock(&lock->lock);
}

void IOCallOnce(IOCallOnceFlag* flag, IOCallOnceBlock block) {
    // 0 = not run, 1 = running, 2 = done. One condition serves all flags: waiting for one is rare
    // and short.
    static auto& mutex = *new std::mutex;
    static auto& changed = *new std::condition_variable;
    auto* state = &flag->opaque;
    if (__atomic_load_n(state, __ATOMIC_ACQUIRE) == 2) return;
    std::unique_lock lock(mutex);
    if (*state == 0) {
        __atomic_store_n(state, 1, __ATOMIC_RELAXED);
        lock.unlock();
        block();
        lock.lock();
        __atomic_store_n(state, 2, __ATOMIC_RELEASE);
        changed.notify_all();
        return;
    }
    changed.wait(lock, [&] { return __atomic_load_n(state, __ATOMIC_ACQUIRE) == 2; });
}

}  // extern "C"
