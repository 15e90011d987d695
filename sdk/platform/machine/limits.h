/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OPENDEXT_PLATFORM_MACHINE_LIMITS_H
#define OPENDEXT_PLATFORM_MACHINE_LIMITS_H

#include <limits.h>

#endif /* OPENDEXT_PLATFORM_MACHINE_LIMITS_H */
