/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ServiceProtocol_h
#define ServiceProtocol_h

/* Selectors of ServiceClient, for driver and program. */
enum {
    kServiceTakeMemory = 0, /* options, then address and length of each range -> sum of the bytes */
    kServiceLookAgain,      /* -> byte 1 of the memory that was taken last */
    kServiceCrash,
    kServiceExit,
    kServiceSetItem, /* number */
    kServiceChangePower,
    kServiceAdjustBusy,
    kServiceEntitlements, /* -> count */
};

#endif
