/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DRIVERKIT_IOLIB_H
#define DRIVERKIT_IOLIB_H

/* Memory, logging, delays and locks for drivers. Names and signatures: docs/facts/driverkit-api.csv
 * (IOLib). Every function may be called from any thread unless it says otherwise. */
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <Availability.h>
#include <TargetConditionals.h>
#include <mach/mach_time.h>
#include <os/base.h>

#include <DriverKit/IOKitKeys.h>
#include <DriverKit/IOReturn.h>
#include <DriverKit/IOTypes.h>
#include <DriverKit/queue.h>
#include <libkern/OSByteOrder.h>

#ifndef NSEC_PER_SEC
#define NSEC_PER_SEC 1000000000ull
#define NSEC_PER_MSEC 1000000ull
#define NSEC_PER_USEC 1000ull
#define USEC_PER_SEC 1000000ull
#endif

enum { THREAD_UNINT = 0, THREAD_INTERRUPTIBLE = 1, THREAD_ABORTSAFE = 2 };

#ifdef __cplusplus
extern "C" {
#endif

typedef unsigned long long malloc_type_id_t;

/* Memory of `length` bytes, aligned for any type; NULL for 0 bytes or when there is none. Freed
 * with the same length. */
OS_EXPORT void* IOMalloc(size_t length);
OS_EXPORT void* IOMallocZero(size_t length);
OS_EXPORT void* IOMallocTyped(size_t length, malloc_type_id_t type_id);
OS_EXPORT void* IOMallocZeroTyped(size_t length, malloc_type_id_t type_id);
/* `address` may be NULL. */
OS_EXPORT void IOFree(void* address, size_t length);

/* A line of the log, type default. Returns the number of bytes of the text. */
OS_EXPORT int IOLog(const char* format, ...) __attribute__((format(printf, 1, 2)));
OS_EXPORT int IOLogv(const char* format, va_list ap) __attribute__((format(printf, 1, 0)));
/* Dump of `size` bytes below the line `title`; at most 4096 of them. */
OS_EXPORT void IOLogBuffer(const char* title, const void* buffer, size_t size);
/* A line of the log and the call stack of the caller. */
OS_EXPORT void OSReportWithBacktrace(const char* str, ...) __attribute__((format(printf, 1, 2)));
/* Logs the text as a fault and ends the process at once. */
OS_EXPORT void panic(const char* string, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* Waits without giving up the processor (microseconds; for a few of them). */
OS_EXPORT void IODelay(uint64_t us);
/* Blocks the thread, and so the queue that it runs on (milliseconds). */
OS_EXPORT void IOSleep(uint64_t ms);

OS_EXPORT void read_random(void* buffer, size_t numBytes);
OS_EXPORT uint32_t crc32(uint32_t crc, const void* buf, size_t size);

/* Boot arguments are words NAME=VALUE or -NAME, here of OPENDEXT_BOOT_ARGS in the environment that
 * the realm was started with. False, and the result is left alone, where there is no such word. A
 * number (decimal, 0x…, 0…, with K, M or G) is stored in 1, 2, 4 or 8 bytes: any other size, or a
 * value that is no number, gives false; a word without a value counts as 1. A string is cut to fit
 * and ends with 0. */
OS_EXPORT bool IOParseBootArgNumber(const char* arg_string, void* arg_ptr, int max_len);
OS_EXPORT bool IOParseBootArgString(const char* arg_string, char* arg_ptr, int strlen);

/* Per-thread values. The value of a key is NULL in a thread that has not set it. A key that there
 * is not gives kIOReturnBadArgument, or NULL; too many keys give kIOReturnNoResources. */
OS_EXPORT kern_return_t IOThreadLocalStorageKeyCreate(uint64_t* key);
OS_EXPORT kern_return_t IOThreadLocalStorageKeyDelete(uint64_t key);
OS_EXPORT kern_return_t IOThreadLocalStorageSet(uint64_t key, const void* value);
OS_EXPORT void* IOThreadLocalStorageGet(uint64_t key);

extern __attribute__((visibility("default"))) uint64_t IOVMPageSize;

/* Locks. A lock is freed by nobody who holds it; unlocking what the thread does not hold is logged
 * as a bug. */
struct IOLock;
struct IORecursiveLock;
struct IORWLock;
struct IORecursiveConditionLock;

typedef enum { kIOLockAssertOwned = 1, kIOLockAssertNotOwned = 2 } IOLockAssertState;
typedef enum {
    kIORWLockAssertRead = 1,
    kIORWLockAssertWrite = 2,
    kIORWLockAssertHeld = 3,
    kIORWLockAssertNotHeld = 4,
} IORWLockAssertState;

OS_EXPORT struct IOLock* IOLockAlloc(void);
OS_EXPORT void IOLockFree(struct IOLock* lock);
OS_EXPORT void IOLockLock(struct IOLock* lock);
OS_EXPORT bool IOLockTryLock(struct IOLock* lock);
OS_EXPORT void IOLockUnlock(struct IOLock* lock);
/* panic() when the state is not as said. */
OS_EXPORT void IOLockAssert(struct IOLock* lock, IOLockAssertState type);

OS_EXPORT struct IORecursiveLock* IORecursiveLockAlloc(void);
OS_EXPORT void IORecursiveLockFree(struct IORecursiveLock* lock);
OS_EXPORT void IORecursiveLockLock(struct IORecursiveLock* lock);
OS_EXPORT bool IORecursiveLockTryLock(struct IORecursiveLock* lock);
OS_EXPORT void IORecursiveLockUnlock(struct IORecursiveLock* lock);
OS_EXPORT bool IORecursiveLockHaveLock(struct IORecursiveLock* lock);

OS_EXPORT struct IORecursiveConditionLock* IORecursiveConditionLockAlloc(void);
OS_EXPORT void IORecursiveConditionLockFree(struct IORecursiveConditionLock* lock);
OS_EXPORT void IORecursiveConditionLockLock(struct IORecursiveConditionLock* lock);
OS_EXPORT bool IORecursiveConditionLockTryLock(struct IORecursiveConditionLock* lock);
OS_EXPORT void IORecursiveConditionLockUnlock(struct IORecursiveConditionLock* lock);
OS_EXPORT bool IORecursiveConditionLockHaveLock(struct IORecursiveConditionLock* lock);

OS_EXPORT struct IORWLock* IORWLockAlloc(void);
OS_EXPORT void IORWLockFree(struct IORWLock* lock);
OS_EXPORT void IORWLockRead(struct IORWLock* lock);
OS_EXPORT void IORWLockWrite(struct IORWLock* lock);
OS_EXPORT void IORWLockUnlock(struct IORWLock* lock);

#define IOLockFreeZero(l) \
    do {                  \
        IOLockFree(l);    \
        (l) = NULL;       \
    } while (0)
#define IORecursiveLockFreeZero(l) \
    do {                           \
        IORecursiveLockFree(l);    \
        (l) = NULL;                \
    } while (0)
#define IORWLockFreeZero(l) \
    do {                    \
        IORWLockFree(l);    \
        (l) = NULL;         \
    } while (0)

/* Runs `block` exactly once for a flag that starts zeroed; others wait until it is through. */
struct IOCallOnceFlag {
    intptr_t opaque;
};
#ifdef __BLOCKS__
typedef void (^IOCallOnceBlock)(void);
OS_EXPORT void IOCallOnce(struct IOCallOnceFlag* flag, IOCallOnceBlock block);
#endif

/* Fixed point, 16 bits of fraction. */
static inline IOFixed IOFixedMultiply(IOFixed a, IOFixed b) {
    return (IOFixed)(((int64_t)a * b) >> 16);
}
static inline IOFixed IOFixedDivide(IOFixed a, IOFixed b) {
    return (IOFixed)(((int64_t)a << 16) / b);
}

/* Orders accesses to device memory. */
static inline void OSSynchronizeIO(void) {
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

#ifdef __cplusplus
} /* extern "C" */

#include <new>
#include <type_traits>

namespace opendext {
namespace sdk {
template <typename T>
T* construct(void* memory, size_t count, bool zero) {
    if (memory == nullptr) return nullptr;
    T* first = static_cast<T*>(memory);
    for (size_t i = 0; i < count; ++i) {
        if (zero) {
            new (static_cast<void*>(first + i)) T();
        } else {
            new (static_cast<void*>(first + i)) T;
        }
    }
    return first;
}
inline size_t array_size(size_t element, size_t count) {
    size_t size = 0;
    return __builtin_mul_overflow(element, count, &size) ? 0 : size;
}
template <typename T>
void destroy(T* first, size_t count) {
    if (first == nullptr) return;
    for (size_t i = 0; i < count; ++i) first[i].~T();
    IOFree(const_cast<typename std::remove_cv<T>::type*>(first), sizeof(T) * count);
}
}  // namespace sdk
}  // namespace opendext

/* Arrays of `count` elements; the Zero form gives zeroed (value-initialised) elements. NULL when
 * there is no memory. */
#define IONew(type, count)             \
    (::opendext::sdk::construct<type>( \
        IOMalloc(::opendext::sdk::array_size(sizeof(type), (count))), (count), false))
#define IONewZero(type, count)         \
    (::opendext::sdk::construct<type>( \
        IOMallocZero(::opendext::sdk::array_size(sizeof(type), (count))), (count), true))
#define IODelete(ptr, type, count) ::opendext::sdk::destroy(static_cast<type*>(ptr), (count))
#define IOSafeDeleteNULL(ptr, type, count)  \
    do {                                    \
        if ((ptr) != nullptr) {             \
            IODelete((ptr), type, (count)); \
            (ptr) = nullptr;                \
        }                                   \
    } while (0)

/* What the typed allocation macros of newer sources name. */
#define IOMallocType(type) (::opendext::sdk::construct<type>(IOMallocZero(sizeof(type)), 1, true))
#define IOFreeType(ptr, type) ::opendext::sdk::destroy(static_cast<type*>(ptr), 1)
#endif /* __cplusplus */

#endif /* DRIVERKIT_IOLIB_H */
