/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _UUID_T
#define _UUID_T

/* The 16 bytes of a universally unique identifier, most significant first. */
typedef unsigned char uuid_t[16];

#endif /* _UUID_T */
