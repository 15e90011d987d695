// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <DriverKit/IOBufferMemoryDescriptor.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "rpc/arena.h"
#include "rpc/protocol/user_client_frames.h"
#include "runtime/memory/memory_ivars.h"

namespace opendext::runtime {

class ClientConnection;

/// A part of a client's arena that a call names. Whoever holds memory over it holds it too; if that
/// goes on after the call, the client is told at the end.
class SlotInUse {
  public:
    SlotInUse(std::weak_ptr<ClientConnection> connection, std::shared_ptr<MemoryBacking> arena,
              const protocol::user_client::Slot& slot)
        : connection_(std::move(connection)), arena_(std::move(arena)), slot_(slot) {}
    ~SlotInUse();
    SlotInUse(const SlotInUse&) = delete;
    SlotInUse& operator=(const SlotInUse&) = delete;

    /// The answer to the call said that the driver keeps the slot.
    void tell_at_the_end() { tell_ = true; }

  private:
    friend class Arenas;
    const std::weak_ptr<ClientConnection> connection_;
    const std::shared_ptr<MemoryBacking> arena_;
    const protocol::user_client::Slot slot_;
    bool tell_ = false;
};

/// Memory of a call and its slot; without slot it is memory of its own.
struct CallMemory {
    IOBufferMemoryDescriptor* memory = nullptr;  ///< the caller owns the reference
    std::shared_ptr<SlotInUse> slot;
};

/// The memory that a client program shares with its driver for large structures: mapped once, and
/// descriptors of the driver show parts of it. One thread at a time.
class Arenas {
  public:
    /// Errc::malformed for one that cannot be.
    Status add(const protocol::user_client::Arena& arena, UniqueFd memory);
    /// Memory over a slot, or over the next of `fds` if the slot says so.
    Result<CallMemory> open(const std::weak_ptr<ClientConnection>& connection,
                            const protocol::user_client::Slot& slot, uint64_t direction,
                            std::vector<UniqueFd>& fds, size_t& next_fd) const;

  private:
    ArenaView view_;
    std::vector<std::shared_ptr<MemoryBacking>> backings_;  // by number of the arena
};

}  // namespace opendext::runtime
