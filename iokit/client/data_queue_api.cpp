// SPDX-License-Identifier: Apache-2.0
#include <IOKit/IODataQueueClient.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstring>

#include "iokit/client/driver_memory.h"
#include "iokit/client/notification_port.h"
#include "iokit/client/reason.h"

namespace opendext::client {
namespace {

using RingStatus = DataQueueRing::Status;

/// What a pointer to a queue means.
struct Queue {
    DataQueueRing ring;
    bool writable = false;
    int bell = -1;  ///< the driver's, where it has one
};

/// What a program's IODataQueueMemory is, with `room` bytes of memory from its start on.
kern_return_t lay_out(IODataQueueMemory* memory, uint64_t room, Queue& queue) {
    const uint32_t size = __atomic_load_n(&memory->queueSize, __ATOMIC_RELAXED);
    if (size > room - DATA_QUEUE_MEMORY_HEADER_SIZE)
        return fail(kIOReturnError, "the queue is larger than the memory it lies in");
    queue.ring = DataQueueRing::unpadded(
        const_cast<UInt32*>(&memory->head), const_cast<UInt32*>(&memory->tail),
        reinterpret_cast<std::byte*>(memory) + DATA_QUEUE_MEMORY_HEADER_SIZE, size);
    return kIOReturnSuccess;
}

/// What this thread found out last about a pointer: right until memory is mapped or unmapped.
struct Known {
    const void* pointer = nullptr;
    uint64_t generation = 0;
    uint64_t room = 0;  ///< bytes up to the end of the mapping
    Queue queue;
};
thread_local Known t_known;

/// What a pointer into `mapped` (or, if that is none, into memory of the program's own) is.
Known look_up(const IODataQueueMemory* memory, const DriverMemory* mapped) {
    Known known{memory, 0, UINT64_MAX, {{}, true, -1}};
    if (mapped == nullptr) return known;
    const uint64_t offset = reinterpret_cast<uint64_t>(memory) - mapped->address();
    known.room = mapped->length - offset;
    known.queue.writable = mapped->writable;
    if (offset == 0) known.queue.ring = mapped->queue();
    if (known.queue.ring.valid()) known.queue.bell = mapped->bell.get();
    return known;
}

kern_return_t check_pointer(const IODataQueueMemory* memory) {
    if (memory == nullptr) return fail(kIOReturnBadArgument, "no data queue");
    if (reinterpret_cast<uintptr_t>(memory) % alignof(IODataQueueMemory) != 0)
        return fail(kIOReturnBadArgument, "a data queue starts at a multiple of 4");
    return kIOReturnSuccess;
}

kern_return_t take_queue(const Known& known, IODataQueueMemory* memory, Queue& queue) {
    queue = known.queue;
    if (queue.ring.valid()) return kIOReturnSuccess;
    if (known.room < DATA_QUEUE_MEMORY_HEADER_SIZE)
        return fail(kIOReturnError, "the memory is too small for a data queue");
    return lay_out(memory, known.room, queue);
}

kern_return_t find_queue(IODataQueueMemory* memory, Queue& queue) {
    const uint64_t generation = DriverMemories::instance().generation();
    if (t_known.pointer != memory || t_known.generation != generation) {
        const kern_return_t usable = check_pointer(memory);
        if (usable != kIOReturnSuccess) return usable;
        t_known = look_up(memory, DriverMemories::instance().find(memory).get());
        t_known.generation = generation;
    }
    return take_queue(t_known, memory, queue);
}

kern_return_t failure(RingStatus status) {
    switch (status) {
        case RingStatus::ok:
            return kIOReturnSuccess;
        // Programs meet these two all the time: texts so short that no memory is allocated.
        case RingStatus::full:
            return fail(kIOReturnOverrun, "queue is full");
        case RingStatus::empty:
            return fail(kIOReturnUnderrun, "queue is empty");
        case RingStatus::bad_index:
        case RingStatus::corrupt:
            break;
    }
    return fail(kIOReturnError, "the data queue is corrupt");
}

void tell_driver(const Queue& queue, uint32_t what) {
    if (queue.bell < 0 || !queue.ring.ring_bell(what)) return;
    const uint64_t one = 1;
    (void)!::write(queue.bell, &one, sizeof one);  // full only if it is readable anyway
}

/// A sleeper looks this often whether its port or its driver has gone.
constexpr std::chrono::nanoseconds kLongestSlice = std::chrono::milliseconds(250);
/// And this often for data where nobody rings.
constexpr std::chrono::nanoseconds kFirstLook = std::chrono::microseconds(50);
constexpr std::chrono::nanoseconds kLongestLook = std::chrono::milliseconds(4);

}  // namespace
}  // namespace opendext::client

using namespace opendext;
using namespace opendext::client;

Boolean IODataQueueDataAvailable(IODataQueueMemory* dataQueue) {
    Queue queue;
    return find_queue(dataQueue, queue) == kIOReturnSuccess && !queue.ring.empty();
}

IODataQueueEntry* IODataQueuePeek(IODataQueueMemory* dataQueue) {
    Queue queue;
    if (find_queue(dataQueue, queue) != kIOReturnSuccess) return nullptr;
    const auto entry = queue.ring.first();
    if (entry.status != RingStatus::ok) {
        failure(entry.status);
        return nullptr;
    }
    return reinterpret_cast<IODataQueueEntry*>(entry.data - DATA_QUEUE_ENTRY_HEADER_SIZE);
}

IOReturn IODataQueueDequeue(IODataQueueMemory* dataQueue, void* data, uint32_t* dataSize) {
    Queue queue;
    const kern_return_t found = find_queue(dataQueue, queue);
    if (found != kIOReturnSuccess) return found;
    if (data != nullptr && dataSize == nullptr)
        return fail(kIOReturnBadArgument, "room for data whose size is not given");
    if (!queue.writable)
        return fail(kIOReturnNotWritable, "the memory of the data queue is mapped read-only");
    const auto entry = queue.ring.first();
    if (entry.status == RingStatus::ok) {
        const uint32_t room = dataSize != nullptr ? *dataSize : 0;
        if (dataSize != nullptr) *dataSize = entry.size;
        if (data != nullptr) {
            if (entry.size > room)
                return fail(kIOReturnNoSpace, "the next entry is larger than the room given");
            std::memcpy(data, entry.data, entry.size);
        }
        queue.ring.consume(entry);
    }
    if (queue.ring.take_want_serviced()) tell_driver(queue, DataQueueRing::kDataServiced);
    return failure(entry.status);
}

IOReturn IODataQueueEnqueue(IODataQueueMemory* dataQueue, void* data, uint32_t dataSize) {
    Queue queue;
    const kern_return_t found = find_queue(dataQueue, queue);
    if (found != kIOReturnSuccess) return found;
    if (data == nullptr && dataSize > 0) return fail(kIOReturnBadArgument, "no data");
    if (!queue.writable)
        return fail(kIOReturnNotWritable, "the memory of the data queue is mapped read-only");
    const auto entry = queue.ring.reserve(dataSize);
    if (entry.status == RingStatus::full) {
        queue.ring.want_serviced();
        tell_driver(queue, DataQueueRing::kDataAvailable);
    }
    if (entry.status != RingStatus::ok) return failure(entry.status);
    if (dataSize > 0) std::memcpy(entry.data, data, dataSize);
    if (!queue.ring.publish(entry)) return kIOReturnSuccess;
    if (queue.bell >= 0) {
        tell_driver(queue, DataQueueRing::kDataAvailable);
    } else {
        queue.ring.wake_consumer();  // another program, or another thread of this one
    }
    return kIOReturnSuccess;
}

IOReturn IODataQueueWaitForAvailableData(IODataQueueMemory* dataQueue,
                                         mach_port_t notificationPort) {
    kern_return_t code = check_pointer(dataQueue);
    if (code != kIOReturnSuccess) return code;
    // The memory is held before it is looked at, so that unmapping it in another thread does not
    // take it from under this one. The port is held weakly: releasing it ends the wait.
    const auto memory = DriverMemories::instance().find(dataQueue);
    const std::weak_ptr<Port> port = HandleTable::instance().find_as<Port>(notificationPort);
    if (port.expired()) return fail(kIOReturnBadArgument, "not a notification port");
    Queue queue;
    code = take_queue(look_up(dataQueue, memory.get()), dataQueue, queue);
    if (code != kIOReturnSuccess) return code;
    const bool rung = queue.bell >= 0 && queue.writable;
    std::chrono::nanoseconds slice = rung ? kLongestSlice : kFirstLook;
    for (;;) {
        if (!queue.ring.empty()) return kIOReturnSuccess;
        if (port.expired()) return fail(kIOReturnAborted, "the notification port was released");
        if (const auto how = memory == nullptr ? OPENDEXT_ORIGIN_NONE : memory->ended.load();
            how != OPENDEXT_ORIGIN_NONE)
            return fail(kIOReturnNotResponding, "the driver of the data queue ended", how);
        if (queue.writable) {
            queue.ring.wait_for_data(slice);
        } else {
            ::usleep(static_cast<useconds_t>(slice.count() / 1000));
        }
        if (!rung) slice = std::min(slice * 2, kLongestLook);
    }
}

mach_port_t IODataQueueAllocateNotificationPort(void) {
    auto port = Port::create();
    if (port.ok()) return HandleTable::instance().add(std::move(port).value());
    fail(port.error());
    return MACH_PORT_NULL;
}

IOReturn IODataQueueSetNotificationPort(IODataQueueMemory* dataQueue, mach_port_t notifyPort) {
    Queue queue;
    const kern_return_t found = find_queue(dataQueue, queue);
    if (found != kIOReturnSuccess) return found;
    if (notifyPort != MACH_PORT_NULL &&
        HandleTable::instance().find_as<Port>(notifyPort) == nullptr)
        return fail(kIOReturnBadArgument, "not a notification port");
    return kIOReturnSuccess;
}
