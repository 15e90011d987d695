/* SPDX-License-Identifier: Apache-2.0 */
/* A header that a kernel extension could share: it asks for KERNEL, which is a word of the
 * interface language. */
#pragma once

#if KERNEL
#include <IOKit/IOLib.h>
#else
#include <stdint.h>
#endif
#ifdef KERNEL
#error "this is no kernel"
#endif

struct FormsRecord {
    uint32_t key;
    int64_t value;
    char text[12];
};
