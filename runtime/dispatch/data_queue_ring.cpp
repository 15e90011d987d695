// SPDX-License-Identifier: Apache-2.0
#include "runtime/dispatch/data_queue_ring.h"

#include <cstring>

namespace opendext::runtime {
namespace {

constexpr uint32_t kEntryHeader = DataQueueRing::kEntryHeaderSize;

uint32_t load(const uint32_t* at, int order) {
    return __atomic_load_n(at, order);
}

/// Bytes of an entry in the ring: header and data padded to 4. 64 bits, so that no size overflows.
uint64_t entry_size(uint32_t size) {
    return kEntryHeader + ((uint64_t{size} + 3) & ~uint64_t{3});
}

}  // namespace

DataQueueRing::DataQueueRing(void* memory, size_t size)
    : header_(static_cast<Header*>(memory)),
      ring_(static_cast<std::byte*>(memory) + kHeaderSize),
      size_(static_cast<uint32_t>(size - kHeaderSize)) {}

/// Where an entry of `size` data bytes would go. Head = tail means empty, so an entry that would
/// end right at the head of a wrapped queue does not fit.
DataQueueRing::Slot DataQueueRing::find_slot(uint32_t head, uint32_t tail, uint32_t size) const {
    if (head > size_ || tail > size_) return {.status = Status::bad_index};
    const uint64_t wanted = entry_size(size);
    if (tail >= head) {
        if (wanted <= uint64_t{size_} - tail) {
            return {.status = Status::ok,
                    .at = tail,
                    .end = static_cast<uint32_t>(tail + wanted),
                    .wrapped = false};
        }
        if (head > wanted) {
            return {.status = Status::ok,
                    .at = 0,
                    .end = static_cast<uint32_t>(wanted),
                    .wrapped = true};
        }
        return {.status = Status::full};
    }
    if (uint64_t{head} - tail > wanted) {
        return {.status = Status::ok,
                .at = tail,
                .end = static_cast<uint32_t>(tail + wanted),
                .wrapped = false};
    }
    return {.status = Status::full};
}

DataQueueRing::Place DataQueueRing::reserve(uint32_t size) const {
    const uint32_t head = load(&header_->head, __ATOMIC_ACQUIRE);
    const uint32_t tail = load(&header_->tail, __ATOMIC_RELAXED);
    const Slot slot = find_slot(head, tail, size);
    if (slot.status != Status::ok) return {.status = slot.status};
    if (slot.wrapped && size_ - tail >= kEntryHeader) {
        // A size that cannot fit tells the reader to go on at the start.
        memcpy(ring_ + tail, &size, sizeof size);
    }
    memcpy(ring_ + slot.at, &size, sizeof size);
    return {.status = Status::ok,
            .data = ring_ + slot.at + kEntryHeader,
            .size = size,
            .next = slot.end,
            .was_empty = head == tail};
}

bool DataQueueRing::publish(const Place& place) const {
    const uint32_t before = load(&header_->tail, __ATOMIC_RELAXED);
    __atomic_store_n(&header_->tail, place.next, __ATOMIC_SEQ_CST);
    // The consumer may have emptied the queue since `reserve` looked: it sees our tail, or we see
    // its head here.
    return place.was_empty || load(&header_->head, __ATOMIC_SEQ_CST) == before;
}

DataQueueRing::Status DataQueueRing::can_enqueue(uint32_t size, uint32_t count) const {
    const uint32_t head = load(&header_->head, __ATOMIC_ACQUIRE);
    uint32_t tail = load(&header_->tail, __ATOMIC_RELAXED);
    for (uint32_t i = 0; i < count; ++i) {
        const Slot slot = find_slot(head, tail, size);
        if (slot.status != Status::ok) return slot.status;
        tail = slot.end;
    }
    return Status::ok;
}

DataQueueRing::Place DataQueueRing::first() const {
    const uint32_t tail = load(&header_->tail, __ATOMIC_ACQUIRE);
    const uint32_t head = load(&header_->head, __ATOMIC_RELAXED);
    if (head == tail) return {.status = Status::empty};
    if (head > size_ || tail > size_) return {.status = Status::corrupt};
    uint32_t at = head;
    uint32_t size = 0;
    const auto fits = [&](uint32_t offset) {
        if (size_ - offset < kEntryHeader) return false;
        memcpy(&size, ring_ + offset, sizeof size);
        return entry_size(size) <= uint64_t{size_} - offset;
    };
    if (!fits(at)) {
        // Only an entry that did not fit before the end lies at the start.
        if (tail > head || size_ < kEntryHeader) return {.status = Status::corrupt};
        at = 0;
        if (!fits(at)) return {.status = Status::corrupt};
    }
    const auto end = static_cast<uint32_t>(at + entry_size(size));
    const bool beyond_tail = at <= tail && end > tail;
    if (beyond_tail) return {.status = Status::corrupt};
    return {.status = Status::ok, .data = ring_ + at + kEntryHeader, .size = size, .next = end};
}

void DataQueueRing::consume(const Place& place) const {
    __atomic_store_n(&header_->head, place.next, __ATOMIC_SEQ_CST);
}

bool DataQueueRing::empty() const {
    return load(&header_->head, __ATOMIC_RELAXED) == load(&header_->tail, __ATOMIC_ACQUIRE);
}

void DataQueueRing::want_serviced() const {
    __atomic_store_n(&header_->send_data_serviced, 1, __ATOMIC_SEQ_CST);
}

bool DataQueueRing::take_want_serviced() const {
    return __atomic_exchange_n(&header_->send_data_serviced, 0, __ATOMIC_SEQ_CST) != 0;
}

}  // namespace opendext::runtime
