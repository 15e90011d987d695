// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "rpc/fd.h"
#include "rpc/protocol/user_client_frames.h"
#include "rpc/result.h"

/// Memory for structures above the limit of what travels in a frame: sealed memfds of the client
/// that both sides map once, cut into slots. A call names a slot; the client copies the program's
/// bytes into it, or out of it, and that is the only copy.
///
/// What a driver may see: everything that the same program has sent to the same connection in the
/// slots, also bytes behind the length of the present call and of calls that are over; never
/// anything of another program or another connection. New memory is zeroed.
namespace opendext {

namespace arena_limits {
inline constexpr uint64_t kArenaSize = 4 * 1024 * 1024;
inline constexpr uint32_t kMaxArenas = 16;
/// Slots are powers of two from here, at multiples of it: whole pages.
inline constexpr uint64_t kSmallestSlot = 8 * 1024;
inline constexpr uint64_t kLargestSlot = 1024 * 1024;
}  // namespace arena_limits

/// The client's side of it: makes the memory and gives the slots out. Any thread.
class ArenaPool {
  public:
    /// Tells the driver of new memory (protocol::user_client::Arena), before take() returns. Called
    /// with a lock of the pool held.
    using Announce = std::function<Status(uint32_t number, uint64_t size, const UniqueFd& memory)>;
    explicit ArenaPool(Announce announce) : announce_(std::move(announce)) {}
    ArenaPool(const ArenaPool&) = delete;
    ArenaPool& operator=(const ArenaPool&) = delete;

    /// A slot while a call uses it; goes back in the destructor.
    class Lease {
      public:
        Lease() = default;
        Lease(Lease&& other) noexcept
            : pool_(std::exchange(other.pool_, nullptr)), data_(other.data_), slot_(other.slot_) {}
        Lease& operator=(Lease&& other) noexcept {
            if (this != &other) {
                release();
                pool_ = std::exchange(other.pool_, nullptr);
                data_ = other.data_;
                slot_ = other.slot_;
            }
            return *this;
        }
        Lease(const Lease&) = delete;
        Lease& operator=(const Lease&) = delete;
        ~Lease() { release(); }

        [[nodiscard]] bool valid() const { return pool_ != nullptr; }
        [[nodiscard]] std::byte* data() const { return data_; }
        /// What the call says.
        [[nodiscard]] const protocol::user_client::Slot& slot() const { return slot_; }
        /// Gives the slot back: the driver does not use it any more.
        void release();
        /// The driver keeps it: it comes back with ArenaPool::freed().
        void leave_to_driver();

      private:
        friend class ArenaPool;
        Lease(ArenaPool* pool, std::byte* data, const protocol::user_client::Slot& slot)
            : pool_(pool), data_(data), slot_(slot) {}
        ArenaPool* pool_ = nullptr;
        std::byte* data_ = nullptr;
        protocol::user_client::Slot slot_;
    };

    /// A slot of at least `length` bytes; what it holds is of earlier calls. Errc::no_space above
    /// kLargestSlot or when all memory is in use: the call then carries a memfd of its own.
    [[nodiscard]] Result<Lease> take(uint64_t length);
    /// The driver says that it let go of a slot (slot_freed); this may overtake the outcome that
    /// says it keeps it. Errc::malformed for a slot that it does not have: the channel should then
    /// be closed.
    Status freed(const protocol::user_client::SlotFreed& slot);

  private:
    static constexpr size_t kClasses = 8;  // 8 KiB to 1 MiB
    static_assert(arena_limits::kSmallestSlot << (kClasses - 1) == arena_limits::kLargestSlot);

    enum class State : uint8_t { free, leased, leased_and_freed, with_driver };
    /// One for each kSmallestSlot bytes; that of a slot's first ones counts.
    struct Record {
        State state = State::free;
        bool first = false;
        uint8_t size_class = 0;
    };
    struct Arena {
        Mapping mapping;
        std::vector<Record> records;
        uint64_t used = 0;  ///< what lies behind was never cut into slots
    };
    struct Place {
        uint32_t arena = 0;
        uint64_t offset = 0;
    };

    Result<Place> cut(size_t size_class);
    Status add_arena();
    Record& record(const Place& place) {
        return arenas_[place.arena].records[place.offset / arena_limits::kSmallestSlot];
    }
    void give_back(const Place& place);
    void end_lease(const Place& place, bool driver_keeps);

    const Announce announce_;
    std::mutex mutex_;
    std::vector<Arena> arenas_;
    std::array<std::vector<Place>, kClasses> free_;  ///< the last one used comes first: it is warm
};

/// Memory of a client, as a driver has it mapped.
struct ArenaMemory {
    UniqueFd memory;
    Mapping mapping;
};

/// The driver's side: what the client has told of. One thread at a time; what at() gives out keeps
/// its memory.
class ArenaView {
  public:
    /// Errc::malformed for what the client library never sends.
    Status add(const protocol::user_client::Arena& arena, UniqueFd memory);

    struct Range {
        std::shared_ptr<const ArenaMemory> memory;
        std::byte* data = nullptr;
        uint64_t offset = 0;  ///< in memory->memory, a multiple of the page size
        uint64_t length = 0;
    };
    /// The bytes that a call names. Errc::malformed if they do not lie in memory that was told of.
    [[nodiscard]] Result<Range> at(const protocol::user_client::Slot& slot) const;

  private:
    std::vector<std::shared_ptr<const ArenaMemory>> arenas_;
};

}  // namespace opendext
