// SPDX-License-Identifier: Apache-2.0
#ifndef OPENDEXT_CLIENT_DATA_QUEUE_HPP_
#define OPENDEXT_CLIENT_DATA_QUEUE_HPP_

#include <IOKit/IODataQueueClient.h>
#include <opendext/client/connection.hpp>

namespace opendext::iokit {

/// A data queue in mapped memory of a driver, which has to live longer than this. One thread at a
/// time may take, and one may put. No function but wait() waits.
class DataQueue {
  public:
    explicit DataQueue(const MappedMemory& memory)
        : queue_(reinterpret_cast<IODataQueueMemory*>(memory.bytes().data())) {}
    DataQueue(DataQueue&& other) noexcept
        : queue_(std::exchange(other.queue_, nullptr)),
          port_(std::exchange(other.port_, MACH_PORT_NULL)) {}
    DataQueue& operator=(DataQueue&& other) noexcept {
        std::swap(queue_, other.queue_);
        std::swap(port_, other.port_);
        return *this;
    }
    ~DataQueue() {
        if (port_ != MACH_PORT_NULL) mach_port_deallocate(mach_task_self(), port_);
    }

    [[nodiscard]] bool available() const { return IODataQueueDataAvailable(queue_) != 0; }
    /// Until there is an entry to take; kIOReturnNotResponding once the driver is gone.
    Result<void> wait() {
        if (port_ == MACH_PORT_NULL) port_ = IODataQueueAllocateNotificationPort();
        return outcome(IODataQueueWaitForAvailableData(queue_, port_));
    }
    /// Takes the next entry; the part of `room` that it fills. kIOReturnUnderrun if there is none,
    /// kIOReturnNoSpace, and it stays, if `room` is too small.
    Result<std::span<std::byte>> dequeue(std::span<std::byte> room) {
        auto size = static_cast<uint32_t>(room.size());
        const kern_return_t code = IODataQueueDequeue(queue_, room.data(), &size);
        if (code != KERN_SUCCESS) return last_error(code);
        return room.first(size);
    }
    /// Puts an entry; kIOReturnOverrun if there is no room now.
    Result<void> enqueue(Bytes entry) {
        const auto bytes = entry.span();
        // The function is older than const; it only reads.
        return outcome(IODataQueueEnqueue(queue_, const_cast<std::byte*>(bytes.data()),
                                          static_cast<uint32_t>(bytes.size())));
    }

  private:
    IODataQueueMemory* queue_ = nullptr;
    mach_port_t port_ = MACH_PORT_NULL;
};

}  // namespace opendext::iokit

#endif
