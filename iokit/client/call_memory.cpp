// SPDX-License-Identifier: Apache-2.0
#include "iokit/client/call_memory.h"

#include <cstring>
#include <utility>

namespace opendext::client {

namespace uc = protocol::user_client;

namespace {

/// A lease, or none (not valid) where the call needs memory of its own.
Result<ArenaPool::Lease> lease(ArenaPool* pool, size_t size) {
    if (pool == nullptr) return ArenaPool::Lease();
    Result<ArenaPool::Lease> taken = pool->take(size);
    if (!taken.ok() && taken.error().code == Errc::no_space) return ArenaPool::Lease();
    return taken;
}

}  // namespace

Status CallMemory::give_input(ArenaPool* pool, std::span<const std::byte> structure) {
    input_lease_ = OD_TRY(lease(pool, structure.size()));
    if (input_lease_.valid()) {
        input_ = input_lease_.slot();
        std::memcpy(input_lease_.data(), structure.data(), structure.size());
        return success();
    }
    UniqueFd memory = OD_TRY(make_sealed_memory("opendext-input", structure.size()));
    const Mapping mapping =
        OD_TRY(Mapping::map(memory.get(), 0, structure.size(), Mapping::Access::read_write));
    std::memcpy(mapping.data(), structure.data(), structure.size());
    input_ = {uc::Slot::kOwnMemory, 0, 0, structure.size()};
    fds_.push_back(std::move(memory));
    return success();
}

Status CallMemory::give_room(ArenaPool* pool, size_t room) {
    room_lease_ = OD_TRY(lease(pool, room));
    if (room_lease_.valid()) {
        output_ = room_lease_.slot();
        return success();
    }
    UniqueFd memory = OD_TRY(make_sealed_memory("opendext-output", room));
    room_ = OD_TRY(Mapping::map(memory.get(), 0, room, Mapping::Access::read_write));
    output_ = {uc::Slot::kOwnMemory, 0, 0, room};
    fds_.push_back(std::move(memory));
    return success();
}

void CallMemory::answered(uint8_t flags) {
    if (input_lease_.valid() && (flags & uc::outcome_flags::keeps_input) != 0)
        input_lease_.leave_to_driver();
    if (room_lease_.valid() && (flags & uc::outcome_flags::keeps_output) != 0)
        room_lease_.leave_to_driver();
    *this = {};
}

}  // namespace opendext::client
