/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OPENDEXT_PLATFORM_MACH_PORT_H
#define OPENDEXT_PLATFORM_MACH_PORT_H

#include <mach/vm_types.h>

typedef natural_t mach_port_name_t;
typedef natural_t mach_port_t;

#define MACH_PORT_NULL 0
#define MACH_PORT_DEAD ((mach_port_name_t)~0)

#endif /* OPENDEXT_PLATFORM_MACH_PORT_H */
