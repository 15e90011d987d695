/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OPENDEXT_IOKIT_IODATAQUEUESHARED_H_
#define OPENDEXT_IOKIT_IODATAQUEUESHARED_H_

/* A data queue in memory that two sides share: docs/facts/iokit-client-api.csv.
 *
 * Entries lie one behind the other, each its size and its data without padding. `head` is where the
 * next one is taken, `tail` where the next one is put, both in bytes from `queue`; equal means
 * empty. An entry is never split: one that does not fit before `queueSize` lies at the start, and
 * where there is room for a size word at the end, its size stands there too. */

#include <IOKit/IOTypes.h>
#include <mach/message.h>

typedef struct IODataQueueEntry {
    UInt32 size;   /* of the data, without this header */
    UInt8 data[4]; /* as long as it is */
} IODataQueueEntry;

typedef struct IODataQueueMemory {
    UInt32 queueSize; /* bytes of `queue` */
    volatile UInt32 head;
    volatile UInt32 tail;
    IODataQueueEntry queue[1];
} IODataQueueMemory;

/* Lies behind the queue where a Mach port is to be told of new data; not used here. */
typedef struct IODataQueueAppendix {
    UInt32 version;
    mach_msg_header_t msgh;
} IODataQueueAppendix;

#define DATA_QUEUE_ENTRY_HEADER_SIZE (sizeof(IODataQueueEntry) - 4)
#define DATA_QUEUE_MEMORY_HEADER_SIZE (sizeof(IODataQueueMemory) - sizeof(IODataQueueEntry))
#define DATA_QUEUE_MEMORY_APPENDIX_SIZE (sizeof(IODataQueueAppendix))

#endif
