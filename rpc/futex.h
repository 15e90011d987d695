// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <linux/futex.h>
#include <sys/rseq.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <climits>
#include <cstdint>

/// The few things of the kernel and the processor that waiting in shared memory needs.
namespace opendext {

/// Sleeps while `word` is `expected`, at the longest `limit_ns` (< 0: without limit). May return
/// early. A limit costs a timer, 0.2 us: only where there has to be one.
inline void futex_sleep(std::atomic<uint32_t>& word, uint32_t expected, int64_t limit_ns = -1) {
    const timespec limit{limit_ns / 1'000'000'000, limit_ns % 1'000'000'000};
    ::syscall(SYS_futex, &word, FUTEX_WAIT, expected, limit_ns < 0 ? nullptr : &limit, nullptr, 0L);
}

inline void futex_wake(std::atomic<uint32_t>& word) {
    ::syscall(SYS_futex, &word, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0L);
}

/// 1 + the CPU this thread runs on, or 0 where the C library has not registered rseq: a load, no
/// system call.
inline uint32_t current_cpu() {
    if (__rseq_size == 0) return 0;
    const auto* area = reinterpret_cast<const volatile struct rseq*>(
        static_cast<const char*>(__builtin_thread_pointer()) + __rseq_offset);
    const uint32_t cpu = area->cpu_id;
    return cpu > INT_MAX ? 0 : cpu + 1;
}

inline void pause_cpu() {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

/// The line of `at` is going to be written, though not at once: gets it from the other CPU
/// meanwhile. A locked instruction would else wait for it.
inline void prefetch_to_write(const void* at) {
#if defined(__x86_64__)
    asm volatile("prefetchw %0" ::"m"(*static_cast<const char*>(at)));
#else
    __builtin_prefetch(at, 1);
#endif
}

inline int64_t now_ns() {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * int64_t{1'000'000'000} + now.tv_nsec;
}

}  // namespace opendext
