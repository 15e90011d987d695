/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RecordsProtocol_h
#define RecordsProtocol_h

/* Types of memory: both are data queues. */
enum { kRecordsToDriver = 0, kRecordsToProgram = 1 };

/* Selector of a call without input: how often the driver was told of records and of room, and how
 * many records it passed on. */
enum { kRecordsCounts = 0 };

enum { kRecordsQueueSize = 64 * 1024, kRecordsLargest = 128 };

#endif
