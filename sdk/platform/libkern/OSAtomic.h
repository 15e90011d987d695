/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OPENDEXT_PLATFORM_LIBKERN_OSATOMIC_H
#define OPENDEXT_PLATFORM_LIBKERN_OSATOMIC_H

/* Atomic operations under their old names; each returns the value before the operation and is a
 * full barrier. */
#include <stdbool.h>
#include <stdint.h>

typedef uint8_t UInt8;
typedef uint16_t UInt16;
typedef uint32_t UInt32;
typedef int32_t SInt32;
typedef int64_t SInt64;

static inline SInt32 OSIncrementAtomic(volatile SInt32* at) {
    return __atomic_fetch_add(at, 1, __ATOMIC_SEQ_CST);
}
static inline SInt32 OSDecrementAtomic(volatile SInt32* at) {
    return __atomic_fetch_sub(at, 1, __ATOMIC_SEQ_CST);
}
static inline SInt32 OSAddAtomic(SInt32 amount, volatile SInt32* at) {
    return __atomic_fetch_add(at, amount, __ATOMIC_SEQ_CST);
}
static inline SInt64 OSIncrementAtomic64(volatile SInt64* at) {
    return __atomic_fetch_add(at, 1, __ATOMIC_SEQ_CST);
}
static inline SInt64 OSDecrementAtomic64(volatile SInt64* at) {
    return __atomic_fetch_sub(at, 1, __ATOMIC_SEQ_CST);
}
static inline SInt64 OSAddAtomic64(SInt64 amount, volatile SInt64* at) {
    return __atomic_fetch_add(at, amount, __ATOMIC_SEQ_CST);
}
static inline UInt32 OSBitAndAtomic(UInt32 mask, volatile UInt32* at) {
    return __atomic_fetch_and(at, mask, __ATOMIC_SEQ_CST);
}
static inline UInt32 OSBitOrAtomic(UInt32 mask, volatile UInt32* at) {
    return __atomic_fetch_or(at, mask, __ATOMIC_SEQ_CST);
}
static inline UInt32 OSBitXorAtomic(UInt32 mask, volatile UInt32* at) {
    return __atomic_fetch_xor(at, mask, __ATOMIC_SEQ_CST);
}
static inline bool OSCompareAndSwap(UInt32 expected, UInt32 desired, volatile UInt32* at) {
    return __atomic_compare_exchange_n(at, &expected, desired, false, __ATOMIC_SEQ_CST,
                                       __ATOMIC_SEQ_CST);
}
static inline void OSMemoryBarrier(void) {
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

#endif /* OPENDEXT_PLATFORM_LIBKERN_OSATOMIC_H */
