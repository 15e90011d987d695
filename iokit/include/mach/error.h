/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OPENDEXT_MACH_ERROR_H_
#define OPENDEXT_MACH_ERROR_H_

#include <mach/kern_return.h>

typedef kern_return_t mach_error_t;

#define err_none ((mach_error_t)0)
#define ERR_SUCCESS ((mach_error_t)0)

#endif
