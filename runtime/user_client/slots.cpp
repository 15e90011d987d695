// SPDX-License-Identifier: Apache-2.0
#include "runtime/user_client/slots.h"

#include "runtime/user_client/connection.h"

namespace opendext::runtime {
namespace uc = protocol::user_client;

SlotInUse::~SlotInUse() {
    if (!tell_) return;
    if (const auto connection = connection_.lock())
        connection->slot_freed({slot_.arena, 0, slot_.offset});
}

Status Arenas::add(const uc::Arena& arena, UniqueFd memory) {
    auto copy = OD_TRY(memory.duplicate());
    OD_TRY(view_.add(arena, std::move(memory)));
    const auto first = OD_TRY(view_.at({arena.number, 0, 0, 1}));
    struct Backing {
        std::shared_ptr<const ArenaMemory> memory;
        MemoryBacking backing;
    };
    auto made = std::make_shared<Backing>();
    made->memory = first.memory;
    MemoryBacking& backing = made->backing;
    backing.fd = std::move(copy);
    backing.size = backing.shown_length = first.memory->mapping.size();
    backing.bytes = first.data;
    backing.shown_writable = true;
    backing.lent = true;
    backings_.emplace_back(std::move(made), &backing);
    return success();
}

Result<CallMemory> Arenas::open(const std::weak_ptr<ClientConnection>& connection,
                                const uc::Slot& slot, uint64_t direction,
                                std::vector<UniqueFd>& fds, size_t& next_fd) const {
    if (slot.arena == uc::Slot::kOwnMemory) {
        if (next_fd >= fds.size())
            return Error{Errc::malformed, 0, "call without the memory that it speaks of"};
        return CallMemory{
            OD_TRY(make_foreign_memory(std::move(fds[next_fd++]), 0, slot.length, direction)), {}};
    }
    const auto range = OD_TRY(view_.at(slot));
    auto used = std::make_shared<SlotInUse>(connection, backings_[slot.arena], slot);
    // The memory keeps the slot, which keeps the arena.
    std::shared_ptr<MemoryBacking> backing(used, used->arena_.get());
    auto* memory =
        OD_TRY(make_shown_memory(std::move(backing), range.offset, range.length, direction));
    return CallMemory{memory, std::move(used)};
}

}  // namespace opendext::runtime
