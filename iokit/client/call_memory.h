// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "rpc/arena.h"
#include "rpc/fd.h"
#include "rpc/protocol/user_client_frames.h"
#include "rpc/result.h"

namespace opendext::client {

/// The memory of one call whose structures are too large for a frame: slots of the connection's
/// arena, or memory of its own where those do not do. Empty for most calls.
class CallMemory {
  public:
    /// Memory with the structure in it. nullptr: of its own, which nobody gives back.
    Status give_input(ArenaPool* pool, std::span<const std::byte> structure);
    /// Memory for a structure of up to `room` bytes.
    Status give_room(ArenaPool* pool, size_t room);

    [[nodiscard]] bool empty() const { return input_.length == 0 && output_.length == 0; }
    [[nodiscard]] bool has_room() const { return output_.length != 0; }
    [[nodiscard]] const protocol::user_client::Slot& input() const { return input_; }
    [[nodiscard]] const protocol::user_client::Slot& output() const { return output_; }
    /// What the driver wrote; `used` is at most the room.
    [[nodiscard]] std::span<const std::byte> result(size_t used) const {
        return {room_lease_.valid() ? room_lease_.data() : room_.data(), used};
    }
    /// Descriptors that the frame carries.
    [[nodiscard]] std::span<const UniqueFd> fds() const { return fds_; }
    /// The answer came with these outcome_flags: slots go back, unless the driver keeps them.
    void answered(uint8_t flags);

  private:
    protocol::user_client::Slot input_;
    protocol::user_client::Slot output_;
    ArenaPool::Lease input_lease_;
    ArenaPool::Lease room_lease_;
    Mapping room_;  // of memory of its own
    std::vector<UniqueFd> fds_;
};

}  // namespace opendext::client
