/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OPENDEXT_PLATFORM_MACH_MACH_TYPES_H
#define OPENDEXT_PLATFORM_MACH_MACH_TYPES_H

#include <mach/boolean.h>
#include <mach/kern_return.h>
#include <mach/port.h>
#include <mach/vm_types.h>

typedef mach_port_t vm_task_t;

#endif /* OPENDEXT_PLATFORM_MACH_MACH_TYPES_H */
