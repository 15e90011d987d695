/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OPENDEXT_IOKIT_IODATAQUEUECLIENT_H_
#define OPENDEXT_IOKIT_IODATAQUEUECLIENT_H_

/* Data queues in memory that a driver and a program share.
 *
 * `dataQueue` is memory of a driver that IOConnectMapMemory64 mapped, or memory of the program's
 * own. A driver shares a queue in one of two ways, and the same functions serve both:
 * - its CopyClientMemoryForType returns what IODataQueueDispatchSource::CopyMemory gave. Then each
 *   side wakes the other: IODataQueueWaitForAvailableData here when the driver enqueues, the
 *   driver's DataAvailable and DataServiced handlers when the program enqueues and dequeues. The
 *   fields of IODataQueueMemory mean nothing for such a queue.
 * - it lays out an IODataQueueMemory (IODataQueueShared.h) itself. Then nobody rings, and
 *   IODataQueueWaitForAvailableData looks every few milliseconds.
 *
 * One thread at a time may take, and one may put; no function but IODataQueueWaitForAvailableData
 * waits, and none takes a lock or a system call unless the other side is to be woken. The memory is
 * shared with another process: every index and size is checked against the length of the mapping at
 * each call, and a queue that cannot be is kIOReturnError. Signatures:
 * docs/facts/iokit-client-api.csv; results: docs/facts/semantics.md section 11. */

#include <IOKit/IODataQueueShared.h>
#include <IOKit/IOKitLib.h>

CF_EXTERN_C_BEGIN

/* Whether there is an entry to take. */
IOKIT_EXPORT Boolean IODataQueueDataAvailable(IODataQueueMemory* dataQueue);

/* The next entry, which stays in the queue; NULL if there is none. It lies in the shared memory:
 * the driver can change it, its size too, while the program looks at it. IODataQueueDequeue copies.
 */
IOKIT_EXPORT IODataQueueEntry* IODataQueuePeek(IODataQueueMemory* dataQueue);

/* Copies the next entry to `data`, whose room is `*dataSize`, and takes it out. `*dataSize` is then
 * the entry's size. NULL for `data` only takes it out.
 * kIOReturnUnderrun: the queue is empty. kIOReturnNoSpace: `*dataSize` was less than the entry's
 * size, which it is now; the entry stays. kIOReturnBadArgument: no queue, or `data` without
 * `dataSize`. kIOReturnNotWritable: the memory is mapped read-only. kIOReturnError: corrupt. */
IOKIT_EXPORT IOReturn IODataQueueDequeue(IODataQueueMemory* dataQueue, void* data,
                                         uint32_t* dataSize);

/* Waits until there is an entry to take; returns at once if there is one. `notificationPort` is one
 * of IODataQueueAllocateNotificationPort. kIOReturnBadArgument: no queue or no port.
 * kIOReturnAborted: the port was released meanwhile (mach_port_deallocate). kIOReturnNotResponding:
 * the driver, or the connection that mapped the memory, ended. */
IOKIT_EXPORT IOReturn IODataQueueWaitForAvailableData(IODataQueueMemory* dataQueue,
                                                      mach_port_t notificationPort);

/* A name to wait with; given back with mach_port_deallocate. MACH_PORT_NULL if there is none. */
IOKIT_EXPORT mach_port_t IODataQueueAllocateNotificationPort(void);

/* Puts an entry into the queue; a driver whose queue was empty is told. kIOReturnOverrun: no room
 * now. Other results as of IODataQueueDequeue. */
IOKIT_EXPORT IOReturn IODataQueueEnqueue(IODataQueueMemory* dataQueue, void* data,
                                         uint32_t dataSize);

/* Names who is told of what the program enqueues. Whoever waits for a queue is told here in any
 * case, so this only checks its arguments. */
IOKIT_EXPORT IOReturn IODataQueueSetNotificationPort(IODataQueueMemory* dataQueue,
                                                     mach_port_t notifyPort);

CF_EXTERN_C_END

#endif
