/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WaitsProtocol_h
#define WaitsProtocol_h

/* Selectors of WaitsClient. */
enum {
    kWaitsReturn = 0, /* returns at once */
    kWaitsHang = 1,   /* never returns */
    kWaitsBusy = 2, /* returns; queue "waits.worker" never ends the first of three pieces of work */
    kWaitsCircle = 3,   /* returns; "waits.left" and "waits.right" wait for each other for ever */
    kWaitsKeep = 4,     /* asynchronous; returns at once */
    kWaitsFlood = 5,    /* completes what was kept as often as it is told */
    kWaitsAskBelow = 6, /* of the driver above: asks the one below, which never answers */
};

/* Types of user clients: a queue of their own, or one for all. */
enum {
    kWaitsOwn = 0,
    kWaitsShared = 1,
};

#endif
