// SPDX-License-Identifier: Apache-2.0
// IOLib: memory, random numbers, checksums, thread-local values; the string functions that
// glibc 2.36 lacks.
#include <DriverKit/IOLib.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sys/random.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include "runtime/log/log.h"

uint64_t IOVMPageSize = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));

extern "C" {

void* IOMalloc(size_t length) {
    return length == 0 ? nullptr : malloc(length);
}
void* IOMallocZero(size_t length) {
    return length == 0 ? nullptr : calloc(1, length);
}
void* IOMallocTyped(size_t length, malloc_type_id_t) {
    return IOMalloc(length);
}
void* IOMallocZeroTyped(size_t length, malloc_type_id_t) {
    return IOMallocZero(length);
}
void IOFree(void* address, size_t) {
    free(address);
}

void read_random(void* buffer, size_t size) {
    auto* at = static_cast<char*>(buffer);
    while (size > 0) {
        const ssize_t got = getrandom(at, size, 0);
        if (got < 0) {
            if (errno == EINTR) continue;
            panic("read_random: %s", strerror(errno));
        }
        at += got;
        size -= static_cast<size_t>(got);
    }
}

uint32_t crc32(uint32_t crc, const void* buffer, size_t size) {
    static constexpr auto kTable = [] {
        std::array<uint32_t, 256> table{};
        for (uint32_t i = 0; i < 256; ++i) {
            uint32_t value = i;
            for (int bit = 0; bit < 8; ++bit)
                value = (value >> 1) ^ ((value & 1) ? 0xedb88320u : 0);
            table[i] = value;
        }
        return table;
    }();
    const auto* bytes = static_cast<const uint8_t*>(buffer);
    crc = ~crc;
    for (size_t i = 0; i < size; ++i) crc = kTable[(crc ^ bytes[i]) & 0xff] ^ (crc >> 8);
    return ~crc;
}

// A key is the number of the thread library plus one, so that 0 is none.
static bool to_thread_key(uint64_t key, pthread_key_t& result) {
    result = static_cast<pthread_key_t>(key - 1);
    return key != 0 && key - 1 < PTHREAD_KEYS_MAX;
}

kern_return_t IOThreadLocalStorageKeyCreate(uint64_t* key) {
    if (key == nullptr) return kIOReturnBadArgument;
    pthread_key_t made{};
    if (pthread_key_create(&made, nullptr) != 0) return kIOReturnNoResources;
    *key = uint64_t{made} + 1;
    return kIOReturnSuccess;
}
kern_return_t IOThreadLocalStorageKeyDelete(uint64_t key) {
    pthread_key_t known{};
    return to_thread_key(key, known) && pthread_key_delete(known) == 0 ? kIOReturnSuccess
                                                                       : kIOReturnBadArgument;
}
kern_return_t IOThreadLocalStorageSet(uint64_t key, const void* value) {
    pthread_key_t known{};
    return to_thread_key(key, known) && pthread_setspecific(known, value) == 0
               ? kIOReturnSuccess
               : kIOReturnBadArgument;
}
void* IOThreadLocalStorageGet(uint64_t key) {
    pthread_key_t known{};
    return to_thread_key(key, known) ? pthread_getspecific(known) : nullptr;
}

#if !__GLIBC_PREREQ(2, 38)
size_t strlcpy(char* destination, const char* source, size_t size) {
    const size_t length = strlen(source);
    if (size > 0) {
        const size_t copied = length < size ? length : size - 1;
        memcpy(destination, source, copied);
        destination[copied] = '\0';
    }
    return length;
}

size_t strlcat(char* destination, const char* source, size_t size) {
    const size_t start = strnlen(destination, size);
    if (start == size) return size + strlen(source);
    return start + strlcpy(destination + start, source, size - start);
}
#endif

errno_t memset_s(void* destination, rsize_t size, int value, rsize_t count) {
    constexpr rsize_t kMaximum = SIZE_MAX >> 1;
    if (destination == nullptr || size > kMaximum) return EINVAL;
    const bool too_many = count > size;
    memset(destination, value, too_many ? size : count);
    __asm__ __volatile__("" : : "r"(destination) : "memory");  // never optimised away
    return too_many ? EOVERFLOW : 0;
}

char* strnstr(const char* haystack, const char* needle, size_t length) {
    const size_t wanted = strlen(needle);
    const size_t room = strnlen(haystack, length);
    for (size_t at = 0; at + wanted <= room; ++at) {
        if (memcmp(haystack + at, needle, wanted) == 0) return const_cast<char*>(haystack + at);
    }
    return nullptr;
}

}  // extern "C"
