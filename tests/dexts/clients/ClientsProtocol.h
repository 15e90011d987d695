/* SPDX-License-Identifier: Apache-2.0 */
/* What the driver and its application agree on. */
#ifndef ClientsProtocol_h
#define ClientsProtocol_h

#include <stdint.h>

enum {
    kClientsAdd,   /* two scalars in, their sum and product out */
    kClientsTurn,  /* a structure in, the same turned round out */
    kClientsLater, /* one scalar in; completes with it and its square */
    kClientsCount, /* how many clients there are */
    kClientsSelectors,
};

struct ClientsShared {
    uint32_t fromDriver;
    uint32_t fromClient;
};

#endif
