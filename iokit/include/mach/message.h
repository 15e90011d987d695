/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OPENDEXT_MACH_MESSAGE_H_
#define OPENDEXT_MACH_MESSAGE_H_

/* The head of a Mach message, for structures that contain one. Mach messages themselves do not
 * exist here. */

#include <mach/mach_types.h>

typedef natural_t mach_msg_size_t;
typedef unsigned int mach_msg_bits_t;
typedef integer_t mach_msg_id_t;

typedef struct {
    mach_msg_bits_t msgh_bits;
    mach_msg_size_t msgh_size;
    mach_port_t msgh_remote_port;
    mach_port_t msgh_local_port;
    mach_port_name_t msgh_voucher_port;
    mach_msg_id_t msgh_id;
} mach_msg_header_t;

#endif
