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

/// A futex call that takes no errno: without the C library, whose page of code would be one more to
/// fetch after a rest.
inline void futex(std::atomic<uint32_t>& word, long operation, long value, const timespec* limit) {
#if defined(__x86_64__)
    long result = SYS_futex;
    register const timespec* limit_register asm("r10") = limit;
    asm volatile("syscall"
                 : "+a"(result)
                 : "D"(&word), "S"(operation), "d"(value), "r"(limit_register)
                 : "rcx", "r11", "memory");
#else
    ::syscall(SYS_futex, &word, operation, value, limit, nullptr, 0L);
#endif
}

/// Sleeps while `word` is `expected`, at the longest `limit_ns` (< 0: without limit). May return
/// early. A limit costs a timer, 0.2 us: only where there has to be one.
inline void futex_sleep(std::atomic<uint32_t>& word, uint32_t expected, int64_t limit_ns = -1) {
    const timespec limit{limit_ns / 1'000'000'000, limit_ns % 1'000'000'000};
    futex(word, FUTEX_WAIT, expected, limit_ns < 0 ? nullptr : &limit);
}

inline void futex_wake(std::atomic<uint32_t>& word) {
    futex(word, FUTEX_WAKE, INT_MAX, nullptr);
}

/// 1 + the CPU this thread runs on, or 0 where the C library has not registered rseq: a load, no
/// system call.
inline uint32_t current_cpu() {
    if (__rseq_size == 0) [[unlikely]]
        return 0;
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

/// Gives the CPU to whoever else can run on it.
inline void yield_cpu() {
#if defined(__x86_64__)
    long result = SYS_sched_yield;
    asm volatile("syscall" : "+a"(result) : : "rcx", "r11", "memory");
#else
    ::syscall(SYS_sched_yield);
#endif
}

inline int64_t now_ns() {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * int64_t{1'000'000'000} + now.tv_nsec;
}

/// For a difference that need only be right within a factor of two: a register of the processor,
/// where the clock takes pages of code and data.
inline int64_t rough_ns() {
#if defined(__x86_64__)
    return static_cast<int64_t>(__builtin_ia32_rdtsc() / 5 * 2);  // 1.25 to 5 GHz
#else
    return now_ns();
#endif
}

}  // namespace opendext
