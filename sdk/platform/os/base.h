/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OPENDEXT_PLATFORM_OS_BASE_H
#define OPENDEXT_PLATFORM_OS_BASE_H

/* Compiler words under the names that driver sources know. */
#include <Availability.h>
#include <TargetConditionals.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/cdefs.h>

#ifdef __cplusplus
#define OS_EXPORT extern "C" __attribute__((visibility("default")))
#else
#define OS_EXPORT extern __attribute__((visibility("default")))
#endif
#define OS_ALWAYS_INLINE __attribute__((always_inline))
#define OS_INLINE static inline
#define OS_NOINLINE __attribute__((noinline))
#define OS_NORETURN __attribute__((noreturn))
#define OS_NOTHROW __attribute__((nothrow))
#define OS_NONNULL_ALL __attribute__((nonnull))
#define OS_WARN_RESULT __attribute__((warn_unused_result))
#define OS_MALLOC __attribute__((malloc))
#define OS_PURE __attribute__((pure))
#define OS_CONST __attribute__((const))
#define OS_WEAK __attribute__((weak))
#define OS_FORMAT_PRINTF(format, first) __attribute__((format(printf, format, first)))
#define OS_PRINTF_LIKE(format, first) __attribute__((format(printf, format, first)))
#define OS_FALLTHROUGH __attribute__((fallthrough))
#define OS_UNUSED __attribute__((unused))
#define OS_PACKED __attribute__((packed))
#define OS_ENUM(name, type, ...) typedef enum : type { __VA_ARGS__ } name##_t
#define OS_OPTIONS(name, type, ...) typedef enum : type { __VA_ARGS__ } name##_t
#define OS_CLOSED_ENUM(name, type, ...) typedef enum : type { __VA_ARGS__ } name##_t
#define OS_STRINGIFY_(text) #text
#define OS_STRINGIFY(text) OS_STRINGIFY_(text)
#define OS_CONCAT_(a, b) a##b
#define OS_CONCAT(a, b) OS_CONCAT_(a, b)
#define os_fastpath(x) ((__typeof__(x))__builtin_expect((long)(x), ~0l))
#define os_slowpath(x) ((__typeof__(x))__builtin_expect((long)(x), 0l))
#define os_likely(x) __builtin_expect(!!(x), 1)
#define os_unlikely(x) __builtin_expect(!!(x), 0)
#define os_compiler_barrier() __asm__ __volatile__("" ::: "memory")

#endif /* OPENDEXT_PLATFORM_OS_BASE_H */
