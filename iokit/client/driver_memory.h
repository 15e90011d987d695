// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <opendext/client.h>

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>

#include "rpc/data_queue_ring.h"
#include "rpc/fd.h"
#include "rpc/mapped_range.h"

namespace opendext::client {

/// Memory of a driver that this program has mapped. Mapped as long as somebody holds it.
struct DriverMemory {
    MappedRange range;
    uint64_t length = 0;
    uint32_t type = 0;
    bool writable = false;
    /// Valid if it is the memory of an IODataQueueDispatchSource: its bell (rpc/data_queue_ring.h).
    UniqueFd bell;
    /// How the driver or the connection ended: nothing happens in the memory any more.
    std::atomic<opendext_origin> ended = OPENDEXT_ORIGIN_NONE;

    [[nodiscard]] uint64_t address() const { return reinterpret_cast<uint64_t>(range.data()); }
    /// The ring of a queue that the driver shares; invalid if it is none.
    [[nodiscard]] DataQueueRing queue() const;
    /// Sets `ended` and wakes who waits for data. `how`: not OPENDEXT_ORIGIN_NONE. Any thread.
    void end(opendext_origin how);
};

/// What is mapped, by address: so that a pointer that the program gives can be checked against the
/// memory it points into. Any thread.
class DriverMemories {
  public:
    static DriverMemories& instance();

    void add(std::shared_ptr<DriverMemory> memory);
    void remove(uint64_t address);
    /// The memory that the address lies in; nullptr if it is none of a driver's.
    [[nodiscard]] std::shared_ptr<DriverMemory> find(const void* address);
    /// Changes with every add and remove: what was found before is right as long as it has not.
    [[nodiscard]] uint64_t generation() const {
        return generation_.load(std::memory_order_acquire);
    }

  private:
    std::mutex mutex_;
    std::map<uint64_t, std::shared_ptr<DriverMemory>> by_address_;
    std::atomic<uint64_t> generation_ = 1;
};

}  // namespace opendext::client
