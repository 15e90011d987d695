/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OPENDEXT_MACH_MACH_PORT_H_
#define OPENDEXT_MACH_MACH_PORT_H_

#include <mach/mach_types.h>

#ifdef __cplusplus
extern "C" {
#endif

extern __attribute__((visibility("default"))) mach_port_t mach_task_self_;
#define mach_task_self() mach_task_self_

/* The same as IOObjectRelease. */
extern __attribute__((visibility("default"))) kern_return_t
mach_port_deallocate(ipc_space_t task, mach_port_name_t name);

#ifdef __cplusplus
}
#endif

#endif
