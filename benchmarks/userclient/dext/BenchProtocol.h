/* SPDX-License-Identifier: Apache-2.0 */
/* What driver and client program of the benchmark agree on. */
#ifndef BenchProtocol_h
#define BenchProtocol_h

enum {
    kBenchEcho = 0,    /* structure in -> the same out */
    kBenchTouch = 1,   /* adds one to the first word of the mapped pages, gives it back */
    kBenchCount = 2,   /* one-way: counts */
    kBenchCounted = 3, /* out: how many came, and sets it to 0 */
    kBenchStream = 4,  /* asynchronous; in: how many completions are to come */
    kBenchFill = 5,    /* in: how many records to put into the queue; out: how many had room */
    kBenchSelectors
};

enum { kBenchPages = 0, kBenchQueue = 1 }; /* types of memory */

enum { kBenchPagesSize = 64 * 1024, kBenchQueueSize = 4 * 1024 * 1024, kBenchRecordSize = 1024 };

#endif
