/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OPENDEXT_MACH_MACH_TYPES_H_
#define OPENDEXT_MACH_MACH_TYPES_H_

/* The names that IOKit's signatures use. There are no Mach ports here: a port name is a handle of
 * this library. */

#include <mach/kern_return.h>
#include <stdint.h>

typedef unsigned int natural_t;
typedef int integer_t;
typedef int boolean_t;
typedef natural_t mach_port_name_t;
typedef mach_port_name_t mach_port_t;
typedef mach_port_t task_t;
typedef mach_port_t task_port_t;
typedef mach_port_t vm_task_t;
typedef mach_port_t vm_map_t;
typedef mach_port_t ipc_space_t;
typedef uint64_t mach_vm_address_t;
typedef uint64_t mach_vm_size_t;
typedef uintptr_t vm_address_t;
typedef uintptr_t vm_size_t;
typedef struct mach_timespec {
    unsigned int tv_sec;
    int tv_nsec;
} mach_timespec_t;

#define MACH_PORT_NULL 0

#endif
