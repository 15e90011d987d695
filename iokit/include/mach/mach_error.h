/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OPENDEXT_MACH_MACH_ERROR_H_
#define OPENDEXT_MACH_MACH_ERROR_H_

#include <mach/error.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The name and meaning of a kern_return_t or IOReturn. The text is constant and never freed. */
extern __attribute__((visibility("default"))) char* mach_error_string(mach_error_t error_value);
/* Writes `str`, the name and the number to standard error. */
extern __attribute__((visibility("default"))) void mach_error(const char* str,
                                                              mach_error_t error_value);

#ifdef __cplusplus
}
#endif

#endif
