/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OPENDEXT_PLATFORM_LIBKERN_OSRETURN_H
#define OPENDEXT_PLATFORM_LIBKERN_OSRETURN_H

#include <mach/error.h>

typedef kern_return_t OSReturn;
#define kOSReturnSuccess KERN_SUCCESS
#define sys_libkern err_system(0x37)
#define sub_libkern_common err_sub(0)
#define libkern_common_err(code) (sys_libkern | sub_libkern_common | (code))
#define kOSReturnError libkern_common_err(1)

#endif /* OPENDEXT_PLATFORM_LIBKERN_OSRETURN_H */
