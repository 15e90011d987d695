/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OPENDEXT_PLATFORM_MACHINE_ENDIAN_H
#define OPENDEXT_PLATFORM_MACHINE_ENDIAN_H

/* BYTE_ORDER and its values, under the name of the header that BSD sources include. */
#include <endian.h>

#endif /* OPENDEXT_PLATFORM_MACHINE_ENDIAN_H */
