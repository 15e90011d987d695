/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OPENDEXT_PLATFORM_OS_LOG_H
#define OPENDEXT_PLATFORM_OS_LOG_H

/* Unified logging. A driver's line goes to the log of the realm with type, subsystem and category;
 * `opendext logs` shows it, and none is dropped. A client program's line goes to the journal or
 * syslog, or to standard error where there is neither and where the environment variable
 * OPENDEXT_LOG is "stderr". Any thread; never fails.
 *
 * Formats are those of printf with all length modifiers (%llu is right for 64-bit types), %m, %.*P
 * (bytes), and words in braces: %{public}s, and for integers bool, BOOL, errno, darwin.errno,
 * mach.errno (names of kIOReturn… and KERN_…), darwin.mode, darwin.signal, time_t, bytes,
 * iec-bytes, bitrate, iec-bitrate, network:in_addr, and for %.*P uuid_t, timespec, timeval,
 * network:sockaddr, network:in6_addr, network:mac_addr. The words public, private and sensitive are
 * accepted and nothing is redacted: a developer reads the log of the own realm. %n and %@ are not
 * supported. Times are UTC; a line of more than 24 KiB is cut. Values: driverkit-api.csv. */
#include <os/base.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct os_log_s* os_log_t;
typedef uint8_t os_log_type_t;

enum {
    OS_LOG_TYPE_DEFAULT = 0x00,
    OS_LOG_TYPE_INFO = 0x01,
    OS_LOG_TYPE_DEBUG = 0x02,
    OS_LOG_TYPE_ERROR = 0x10,
    OS_LOG_TYPE_FAULT = 0x11,
};

extern __attribute__((visibility("default"))) struct os_log_s _os_log_default;
#define OS_LOG_DEFAULT (&_os_log_default)
#define OS_LOG_DISABLED ((os_log_t)0)
#define OS_LOG_TARGET_HAS_10_15_FEATURES 1

/* A log object for `subsystem` and `category`. Lives as long as the process; the same names give
 * the same object. */
OS_EXPORT os_log_t os_log_create(const char* subsystem, const char* category);
OS_EXPORT bool os_log_type_enabled(os_log_t log, os_log_type_t type);
#define os_log_is_enabled(log) os_log_type_enabled((log), OS_LOG_TYPE_DEFAULT)
#define os_log_info_enabled(log) os_log_type_enabled((log), OS_LOG_TYPE_INFO)
#define os_log_debug_enabled(log) os_log_type_enabled((log), OS_LOG_TYPE_DEBUG)

/* What the macros call. */
OS_EXPORT void opendext_os_log(os_log_t log, os_log_type_t type, const char* format, ...)
#ifdef __clang__
    __attribute__((format(os_log, 3, 4)))
#endif
    ;

#ifdef __cplusplus
}
#endif

#define os_log_with_type(log, type, format, ...) \
    opendext_os_log((log), (type), format, ##__VA_ARGS__)
#define os_log(log, format, ...) opendext_os_log((log), OS_LOG_TYPE_DEFAULT, format, ##__VA_ARGS__)
#define os_log_info(log, format, ...) \
    opendext_os_log((log), OS_LOG_TYPE_INFO, format, ##__VA_ARGS__)
#define os_log_debug(log, format, ...) \
    opendext_os_log((log), OS_LOG_TYPE_DEBUG, format, ##__VA_ARGS__)
#define os_log_error(log, format, ...) \
    opendext_os_log((log), OS_LOG_TYPE_ERROR, format, ##__VA_ARGS__)
#define os_log_fault(log, format, ...) \
    opendext_os_log((log), OS_LOG_TYPE_FAULT, format, ##__VA_ARGS__)

#endif /* OPENDEXT_PLATFORM_OS_LOG_H */
