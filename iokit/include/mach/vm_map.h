/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OPENDEXT_MACH_VM_MAP_H_
#define OPENDEXT_MACH_VM_MAP_H_

/* Whole pages of this process' memory: what IOConnectCallMethod gives for
 * kIOConnectMethodVarOutputSize is given back with vm_deallocate. The task is mach_task_self(). */

#include <mach/mach_types.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { VM_FLAGS_FIXED = 0, VM_FLAGS_ANYWHERE = 1 };

#define OPENDEXT_MACH_EXPORT extern __attribute__((visibility("default")))
/* Pages of zeros, anywhere or at `*address`, which must be free then and the begin of a page. */
OPENDEXT_MACH_EXPORT kern_return_t vm_allocate(vm_map_t target_task, vm_address_t* address,
                                               vm_size_t size, int flags);
OPENDEXT_MACH_EXPORT kern_return_t vm_deallocate(vm_map_t target_task, vm_address_t address,
                                                 vm_size_t size);
OPENDEXT_MACH_EXPORT kern_return_t mach_vm_allocate(vm_map_t target, mach_vm_address_t* address,
                                                    mach_vm_size_t size, int flags);
OPENDEXT_MACH_EXPORT kern_return_t mach_vm_deallocate(vm_map_t target, mach_vm_address_t address,
                                                      mach_vm_size_t size);

#ifdef __cplusplus
}
#endif

#endif
