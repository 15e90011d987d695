/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OPENDEXT_PLATFORM_MACH_VM_TYPES_H
#define OPENDEXT_PLATFORM_MACH_VM_TYPES_H

#include <stdint.h>

typedef uint32_t natural_t;
typedef int32_t integer_t;
typedef uintptr_t vm_offset_t;
typedef uintptr_t vm_address_t;
typedef uintptr_t vm_size_t;
typedef uint64_t mach_vm_address_t;
typedef uint64_t mach_vm_offset_t;
typedef uint64_t mach_vm_size_t;
typedef int vm_prot_t;

#endif /* OPENDEXT_PLATFORM_MACH_VM_TYPES_H */
