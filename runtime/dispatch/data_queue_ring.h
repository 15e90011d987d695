// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

namespace opendext::runtime {

/// The ring of a data queue: memory that another process may share and write, laid out as
/// docs/facts/semantics.md section 11 says. Both indexes are read once and checked at every call; a
/// value that cannot be gives an error and never an access out of the ring. One producer and one
/// consumer at a time.
class DataQueueRing {
  public:
    static constexpr size_t kHeaderSize = 128;
    static constexpr size_t kEntryHeaderSize = sizeof(uint32_t);

    DataQueueRing() = default;
    /// `memory` of kHeaderSize + ring size bytes.
    DataQueueRing(void* memory, size_t size);

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
    /// True once for each want_serviced.
    [[nodiscard]] bool take_want_serviced() const;

    [[nodiscard]] uint32_t size() const { return size_; }
    /// It has memory; nothing else may be called without.
    [[nodiscard]] bool valid() const { return header_ != nullptr; }

  private:
    struct Header {
        uint32_t head;
        uint32_t tail;
        uint8_t send_data_serviced;
    };
    struct Slot {
        Status status = Status::ok;
        uint32_t at = 0;   // offset of the entry's header
        uint32_t end = 0;  // tail behind the entry
        bool wrapped = false;
    };

    [[nodiscard]] Slot find_slot(uint32_t head, uint32_t tail, uint32_t size) const;

    Header* header_ = nullptr;
    std::byte* ring_ = nullptr;
    uint32_t size_ = 0;
};

}  // namespace opendext::runtime
