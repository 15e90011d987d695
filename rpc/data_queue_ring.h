// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace opendext {

/// What lies before the ring of an IODataQueueDispatchSource: the first three words are those of
/// docs/facts/semantics.md section 11. The rest is reserved there and ours: how the two processes
/// that share the memory wake each other.
struct DataQueueHeader {
    uint32_t head;
    uint32_t tail;
    uint8_t send_data_serviced;
    uint8_t reserved[55];
    uint32_t client_asleep;  ///< 1 while the client program waits for data, on the futex `tail`
    uint32_t bell;           ///< DataQueueRing::Bell bits that the driver has not looked at yet
    uint8_t reserved2[56];
};

/// The ring of a data queue: memory that another process may share and write. Both indexes and
/// every size are read once and checked at every call; a value that cannot be gives an error and
/// never an access out of the ring. One producer and one consumer at a time; neither takes a lock.
class DataQueueRing {
  public:
    static constexpr size_t kHeaderSize = sizeof(DataQueueHeader);
    static constexpr size_t kEntryHeaderSize = sizeof(uint32_t);

    DataQueueRing() = default;
    /// An IODataQueueDispatchSource's: `memory` of kHeaderSize + ring size bytes. Entries are
    /// padded to 4 bytes.
    DataQueueRing(void* memory, size_t size);
    /// An IODataQueueMemory's, whose entries are not padded and which has no place for the waking
    /// words: its waiters look from time to time.
    static DataQueueRing unpadded(uint32_t* head, uint32_t* tail, std::byte* ring, uint32_t size);

    enum class Status : uint8_t {
        ok,
        full,       ///< kIOReturnOverrun
        empty,      ///< kIOReturnUnderrun
        bad_index,  ///< head or tail is out of range
        corrupt,    ///< an entry's size is impossible
    };

    struct Place {
        Status status = Status::ok;
        std::byte* data = nullptr;
        uint32_t size = 0;
        uint32_t next = 0;       ///< index behind the entry
        bool was_empty = false;  ///< produce: the queue had nothing
    };

    /// Room for an entry; the caller fills `data`, then calls publish.
    [[nodiscard]] Place reserve(uint32_t size) const;
    /// The entry becomes visible. True if the consumer had seen an empty queue.
    bool publish(const Place& place) const;
    /// Room for `count` entries of `size` bytes one after the other.
    [[nodiscard]] Status can_enqueue(uint32_t size, uint32_t count) const;

    [[nodiscard]] Place first() const;
    void consume(const Place& place) const;
    [[nodiscard]] bool empty() const;

    /// The producer wants to be told when room is made.
    void want_serviced() const;
    /// True once for each want_serviced. False where the layout has no place for the wish.
    [[nodiscard]] bool take_want_serviced() const;

    /// Sleeps while the queue is empty, `slice` at the most. Only the consumer.
    void wait_for_data(std::chrono::nanoseconds slice) const;
    /// Wakes a consumer that waits for data. Where the layout says who sleeps, it is a load if
    /// nobody does.
    void wake_consumer() const;

    /// What a client program tells a driver.
    enum Bell : uint32_t { kDataAvailable = 1, kDataServiced = 2 };
    /// True if the driver has to be woken: it has looked at everything that was rung before.
    [[nodiscard]] bool ring_bell(uint32_t bits) const;
    /// What was rung since the last time.
    [[nodiscard]] uint32_t take_bell() const;

    [[nodiscard]] uint32_t size() const { return size_; }
    /// It has memory; nothing else may be called without.
    [[nodiscard]] bool valid() const { return head_ != nullptr; }

  private:
    struct Slot {
        Status status = Status::ok;
        uint32_t at = 0;   // offset of the entry's header
        uint32_t end = 0;  // tail behind the entry
        bool wrapped = false;
    };

    [[nodiscard]] Slot find_slot(uint32_t head, uint32_t tail, uint32_t size) const;
    [[nodiscard]] uint64_t entry_size(uint32_t size) const;

    uint32_t* head_ = nullptr;
    uint32_t* tail_ = nullptr;
    std::byte* ring_ = nullptr;
    uint32_t size_ = 0;
    uint32_t padding_ = 0;               // 3: sizes are rounded up to multiples of 4
    DataQueueHeader* header_ = nullptr;  // none in the unpadded layout
};

static_assert(DataQueueRing::kHeaderSize == 128);

}  // namespace opendext
