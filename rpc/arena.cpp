// SPDX-License-Identifier: Apache-2.0
#include "rpc/arena.h"

#include <bit>
#include <string>

namespace opendext {

using namespace arena_limits;
using protocol::user_client::Slot;

namespace {

Error malformed(const char* what) {
    return Error{Errc::malformed, 0, what};
}

}  // namespace

// -- the client's side

void ArenaPool::Lease::release() {
    if (pool_ != nullptr)
        std::exchange(pool_, nullptr)->end_lease({slot_.arena, slot_.offset}, false);
}

void ArenaPool::Lease::leave_to_driver() {
    if (pool_ != nullptr)
        std::exchange(pool_, nullptr)->end_lease({slot_.arena, slot_.offset}, true);
}

Result<ArenaPool::Lease> ArenaPool::take(uint64_t length) {
    if (length == 0 || length > kLargestSlot)
        return Error{Errc::no_space, 0, "no slot of that size"};
    const auto size_class = static_cast<size_t>(
        std::bit_width((length - 1) / kSmallestSlot));  // 0 up to 8 KiB, 1 up to 16 KiB, …
    const std::lock_guard lock(mutex_);
    Place place;
    if (!free_[size_class].empty()) {
        place = free_[size_class].back();
        free_[size_class].pop_back();
    } else {
        place = OD_TRY(cut(size_class));
    }
    record(place).state = State::leased;
    Slot slot;
    slot.arena = place.arena;
    slot.offset = place.offset;
    slot.length = length;
    return Lease(this, arenas_[place.arena].mapping.data() + place.offset, slot);
}

Result<ArenaPool::Place> ArenaPool::cut(size_t size_class) {
    const uint64_t size = kSmallestSlot << size_class;
    if (arenas_.empty() || arenas_.back().used + size > kArenaSize) {
        const Status added = add_arena();
        // A larger slot that nobody uses will do.
        for (size_t larger = size_class + 1; !added.ok() && larger < kClasses; ++larger) {
            if (free_[larger].empty()) continue;
            const Place place = free_[larger].back();
            free_[larger].pop_back();
            return place;
        }
        OD_TRY(added);
    }
    Arena& arena = arenas_.back();
    const Place place{static_cast<uint32_t>(arenas_.size() - 1), arena.used};
    arena.used += size;
    record(place) = Record{State::free, true, static_cast<uint8_t>(size_class)};
    return place;
}

Status ArenaPool::add_arena() {
    if (arenas_.size() >= kMaxArenas)
        return Error{Errc::no_space, 0, "all memory for large structures is in use"};
    UniqueFd memory = OD_TRY(make_sealed_memory("opendext-arena", kArenaSize));
    Arena arena;
    arena.mapping = OD_TRY(Mapping::map(memory.get(), 0, kArenaSize, Mapping::Access::read_write));
    arena.records.resize(kArenaSize / kSmallestSlot);
    OD_TRY(announce_(static_cast<uint32_t>(arenas_.size()), kArenaSize, memory));
    arenas_.push_back(std::move(arena));
    return success();
}

void ArenaPool::give_back(const Place& place) {
    Record& slot = record(place);
    slot.state = State::free;
    free_[slot.size_class].push_back(place);
}

void ArenaPool::end_lease(const Place& place, bool driver_keeps) {
    const std::lock_guard lock(mutex_);
    Record& slot = record(place);
    if (driver_keeps && slot.state == State::leased) {
        slot.state = State::with_driver;
    } else {
        give_back(place);
    }
}

Status ArenaPool::freed(const protocol::user_client::SlotFreed& slot) {
    const std::lock_guard lock(mutex_);
    if (slot.arena >= arenas_.size() || slot.offset >= kArenaSize ||
        slot.offset % kSmallestSlot != 0) {
        return malformed("the driver let go of a slot that is not one");
    }
    const Place place{slot.arena, slot.offset};
    Record& found = record(place);
    if (!found.first || found.state == State::free || found.state == State::leased_and_freed)
        return malformed("the driver let go of a slot that it does not have");
    if (found.state == State::leased) {
        found.state = State::leased_and_freed;
    } else {
        give_back(place);
    }
    return success();
}

// -- the driver's side

Status ArenaView::add(const protocol::user_client::Arena& arena, UniqueFd memory) {
    if (arena.number != arenas_.size() || arenas_.size() >= kMaxArenas)
        return malformed("memory for large structures with a wrong number");
    if (arena.size == 0 || arena.size > kArenaSize ||
        OD_TRY(sealed_memory_size(memory.get())) < arena.size) {
        return malformed("memory for large structures of a wrong size");
    }
    auto added = std::make_shared<ArenaMemory>();
    added->mapping = OD_TRY(Mapping::map(memory.get(), 0, arena.size, Mapping::Access::read_write));
    added->memory = std::move(memory);
    arenas_.push_back(std::move(added));
    return success();
}

Result<ArenaView::Range> ArenaView::at(const Slot& slot) const {
    if (slot.arena >= arenas_.size()) return malformed("call with memory that was not told of");
    const auto& arena = arenas_[slot.arena];
    const uint64_t size = arena->mapping.size();
    if (slot.offset % kSmallestSlot != 0 || slot.length == 0 || slot.offset >= size ||
        slot.length > size - slot.offset) {
        return malformed("call with memory beyond what was told of");
    }
    return Range{arena, arena->mapping.data() + slot.offset, slot.offset, slot.length};
}

}  // namespace opendext
