/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#if KERNEL
#include <IOKit/IOLib.h>
#endif
#ifdef KERNEL
#include <IOKit/IOTypes.h>
#elif defined(KERNEL)
#error not here
#endif
#if !KERNEL && !defined(KERNEL)
struct SharedRecord {
    int a;
};
#endif
