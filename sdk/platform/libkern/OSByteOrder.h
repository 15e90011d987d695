/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OPENDEXT_PLATFORM_LIBKERN_OSBYTEORDER_H
#define OPENDEXT_PLATFORM_LIBKERN_OSBYTEORDER_H

/* Byte order. Every supported machine is little-endian. */
#include <stdint.h>

static inline uint16_t _OSSwapInt16(uint16_t data) {
    return __builtin_bswap16(data);
}
static inline uint32_t _OSSwapInt32(uint32_t data) {
    return __builtin_bswap32(data);
}
static inline uint64_t _OSSwapInt64(uint64_t data) {
    return __builtin_bswap64(data);
}
#define OSSwapInt16(x) __builtin_bswap16((uint16_t)(x))
#define OSSwapConstInt16(x) __builtin_bswap16((uint16_t)(x))
#define OSSwapInt32(x) __builtin_bswap32((uint32_t)(x))
#define OSSwapConstInt32(x) __builtin_bswap32((uint32_t)(x))
#define OSSwapInt64(x) __builtin_bswap64((uint64_t)(x))
#define OSSwapConstInt64(x) __builtin_bswap64((uint64_t)(x))
#define OSSwapHostToBigInt16(x) OSSwapInt16(x)
#define OSSwapBigToHostInt16(x) OSSwapInt16(x)
#define OSSwapHostToLittleInt16(x) ((uint16_t)(x))
#define OSSwapLittleToHostInt16(x) ((uint16_t)(x))
#define OSSwapHostToBigConstInt16(x) OSSwapInt16(x)
#define OSSwapBigToHostConstInt16(x) OSSwapInt16(x)
#define OSSwapHostToLittleConstInt16(x) ((uint16_t)(x))
#define OSSwapLittleToHostConstInt16(x) ((uint16_t)(x))
#define OSSwapHostToBigInt32(x) OSSwapInt32(x)
#define OSSwapBigToHostInt32(x) OSSwapInt32(x)
#define OSSwapHostToLittleInt32(x) ((uint32_t)(x))
#define OSSwapLittleToHostInt32(x) ((uint32_t)(x))
#define OSSwapHostToBigConstInt32(x) OSSwapInt32(x)
#define OSSwapBigToHostConstInt32(x) OSSwapInt32(x)
#define OSSwapHostToLittleConstInt32(x) ((uint32_t)(x))
#define OSSwapLittleToHostConstInt32(x) ((uint32_t)(x))
#define OSSwapHostToBigInt64(x) OSSwapInt64(x)
#define OSSwapBigToHostInt64(x) OSSwapInt64(x)
#define OSSwapHostToLittleInt64(x) ((uint64_t)(x))
#define OSSwapLittleToHostInt64(x) ((uint64_t)(x))
#define OSSwapHostToBigConstInt64(x) OSSwapInt64(x)
#define OSSwapBigToHostConstInt64(x) OSSwapInt64(x)
#define OSSwapHostToLittleConstInt64(x) ((uint64_t)(x))
#define OSSwapLittleToHostConstInt64(x) ((uint64_t)(x))

/* Loads and stores at any alignment. `base` + `offset` in bytes. */
static inline uint16_t OSReadBigInt16(const volatile void* base, uintptr_t offset) {
    uint16_t value;
    __builtin_memcpy(&value, (const char*)base + offset, sizeof value);
    return __builtin_bswap16(value);
}
static inline void OSWriteBigInt16(volatile void* base, uintptr_t offset, uint16_t data) {
    const uint16_t value = __builtin_bswap16(data);
    __builtin_memcpy((char*)base + offset, &value, sizeof value);
}
static inline uint16_t OSReadLittleInt16(const volatile void* base, uintptr_t offset) {
    uint16_t value;
    __builtin_memcpy(&value, (const char*)base + offset, sizeof value);
    return (value);
}
static inline void OSWriteLittleInt16(volatile void* base, uintptr_t offset, uint16_t data) {
    const uint16_t value = (data);
    __builtin_memcpy((char*)base + offset, &value, sizeof value);
}
static inline uint32_t OSReadBigInt32(const volatile void* base, uintptr_t offset) {
    uint32_t value;
    __builtin_memcpy(&value, (const char*)base + offset, sizeof value);
    return __builtin_bswap32(value);
}
static inline void OSWriteBigInt32(volatile void* base, uintptr_t offset, uint32_t data) {
    const uint32_t value = __builtin_bswap32(data);
    __builtin_memcpy((char*)base + offset, &value, sizeof value);
}
static inline uint32_t OSReadLittleInt32(const volatile void* base, uintptr_t offset) {
    uint32_t value;
    __builtin_memcpy(&value, (const char*)base + offset, sizeof value);
    return (value);
}
static inline void OSWriteLittleInt32(volatile void* base, uintptr_t offset, uint32_t data) {
    const uint32_t value = (data);
    __builtin_memcpy((char*)base + offset, &value, sizeof value);
}
static inline uint64_t OSReadBigInt64(const volatile void* base, uintptr_t offset) {
    uint64_t value;
    __builtin_memcpy(&value, (const char*)base + offset, sizeof value);
    return __builtin_bswap64(value);
}
static inline void OSWriteBigInt64(volatile void* base, uintptr_t offset, uint64_t data) {
    const uint64_t value = __builtin_bswap64(data);
    __builtin_memcpy((char*)base + offset, &value, sizeof value);
}
static inline uint64_t OSReadLittleInt64(const volatile void* base, uintptr_t offset) {
    uint64_t value;
    __builtin_memcpy(&value, (const char*)base + offset, sizeof value);
    return (value);
}
static inline void OSWriteLittleInt64(volatile void* base, uintptr_t offset, uint64_t data) {
    const uint64_t value = (data);
    __builtin_memcpy((char*)base + offset, &value, sizeof value);
}
#define OSReadInt16 OSReadLittleInt16
#define OSReadInt32 OSReadLittleInt32
#define OSReadInt64 OSReadLittleInt64
#define OSUnknownByteOrder 0
#define OSLittleEndian 1
#define OSBigEndian 2
static inline int OSHostByteOrder(void) {
    return OSLittleEndian;
}

#endif /* OPENDEXT_PLATFORM_LIBKERN_OSBYTEORDER_H */
