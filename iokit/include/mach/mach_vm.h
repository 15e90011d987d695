/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OPENDEXT_MACH_MACH_VM_H_
#define OPENDEXT_MACH_MACH_VM_H_

#include <mach/vm_map.h>

#endif
