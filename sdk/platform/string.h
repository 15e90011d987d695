/* SPDX-License-Identifier: Apache-2.0 */
#include_next <string.h>

#ifndef OPENDEXT_PLATFORM_STRING_H
#define OPENDEXT_PLATFORM_STRING_H

/* What the system's <string.h> lacks and driver sources use. */
#include <os/base.h>
#include <strings.h>

typedef int errno_t;
typedef size_t rsize_t;

#ifdef __cplusplus
extern "C" {
#endif
#if !defined(__GLIBC_PREREQ) || !__GLIBC_PREREQ(2, 38)
OS_EXPORT size_t strlcpy(char* destination, const char* source, size_t size);
OS_EXPORT size_t strlcat(char* destination, const char* source, size_t size);
#endif
/* Sets `count` bytes and is never optimised away. EINVAL for a NULL destination or size >
 * RSIZE_MAX, EOVERFLOW where count > size (then all `size` bytes are set). */
OS_EXPORT errno_t memset_s(void* destination, rsize_t size, int value, rsize_t count);
OS_EXPORT char* strnstr(const char* haystack, const char* needle, size_t length);
#ifdef __cplusplus
}
#endif

#endif /* OPENDEXT_PLATFORM_STRING_H */
