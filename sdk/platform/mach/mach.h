/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OPENDEXT_PLATFORM_MACH_MACH_H
#define OPENDEXT_PLATFORM_MACH_MACH_H

#include <mach/boolean.h>
#include <mach/error.h>
#include <mach/kern_return.h>
#include <mach/mach_time.h>
#include <mach/message.h>
#include <mach/port.h>
#include <mach/vm_types.h>

#endif /* OPENDEXT_PLATFORM_MACH_MACH_H */
