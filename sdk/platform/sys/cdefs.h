/* SPDX-License-Identifier: Apache-2.0 */
#include_next <sys/cdefs.h>

#ifndef OPENDEXT_PLATFORM_SYS_CDEFS_H
#define OPENDEXT_PLATFORM_SYS_CDEFS_H

/* Words of the BSD header that driver sources use. */
#ifndef __unused
#define __unused __attribute__((unused))
#endif
#ifndef __deprecated
#define __deprecated __attribute__((deprecated))
#endif
#ifndef __dead2
#define __dead2 __attribute__((noreturn))
#endif
#ifndef __pure2
#define __pure2 __attribute__((const))
#endif
#ifndef __printflike
#define __printflike(format, first) __attribute__((format(printf, format, first)))
#endif
#ifndef __packed
#define __packed __attribute__((packed))
#endif
#ifndef __improbable
#define __improbable(x) __builtin_expect(!!(x), 0)
#define __probable(x) __builtin_expect(!!(x), 1)
#endif

#endif /* OPENDEXT_PLATFORM_SYS_CDEFS_H */
