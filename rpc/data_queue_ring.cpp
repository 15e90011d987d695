// SPDX-License-Identifier: Apache-2.0
#include "rpc/data_queue_ring.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <climits>
#include <cstring>
#include <ctime>

namespace opendext {
namespace {

constexpr uint32_t kEntryHeader = DataQueueRing::kEntryHeaderSize;

uint32_t load(const uint32_t* at, int order) {
    return __atomic_load_n(at, order);
}

}  // namespace

DataQueueRing::DataQueueRing(void* memory, size_t size)
    : head_(&static_cast<DataQueueHeader*>(memory)->head),
      tail_(&static_cast<DataQueueHeader*>(memory)->tail),
      ring_(static_cast<std::byte*>(memory) + kHeaderSize),
      size_(static_cast<uint32_t>(size - kHeaderSize)),
      padding_(3),
      header_(static_cast<DataQueueHeader*>(memory)) {}

DataQueueRing DataQueueRing::unpadded(uint32_t* head, uint32_t* tail, std::byte* ring,
                                      uint32_t size) {
    DataQueueRing made;
    made.head_ = head;
    made.tail_ = tail;
    made.ring_ = ring;
    made.size_ = size;
    return made;
}

/// Bytes of an entry in the ring: header and padded data. 64 bits, so that no size overflows.
uint64_t DataQueueRing::entry_size(uint32_t size) const {
    return kEntryHeader + ((uint64_t{size} + padding_) & ~uint64_t{padding_});
}

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
    const uint32_t head = load(head_, __ATOMIC_ACQUIRE);
    const uint32_t tail = load(tail_, __ATOMIC_RELAXED);
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
    const uint32_t before = load(tail_, __ATOMIC_RELAXED);
    __atomic_store_n(tail_, place.next, __ATOMIC_SEQ_CST);
    // The consumer may have emptied the queue since `reserve` looked: it sees our tail, or we see
    // its head here.
    return place.was_empty || load(head_, __ATOMIC_SEQ_CST) == before;
}

DataQueueRing::Status DataQueueRing::can_enqueue(uint32_t size, uint32_t count) const {
    const uint32_t head = load(head_, __ATOMIC_ACQUIRE);
    uint32_t tail = load(tail_, __ATOMIC_RELAXED);
    for (uint32_t i = 0; i < count; ++i) {
        const Slot slot = find_slot(head, tail, size);
        if (slot.status != Status::ok) return slot.status;
        tail = slot.end;
    }
    return Status::ok;
}

DataQueueRing::Place DataQueueRing::first() const {
    const uint32_t tail = load(tail_, __ATOMIC_ACQUIRE);
    const uint32_t head = load(head_, __ATOMIC_RELAXED);
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
    __atomic_store_n(head_, place.next, __ATOMIC_SEQ_CST);
}

bool DataQueueRing::empty() const {
    return load(head_, __ATOMIC_RELAXED) == load(tail_, __ATOMIC_ACQUIRE);
}

void DataQueueRing::want_serviced() const {
    if (header_ != nullptr) __atomic_store_n(&header_->send_data_serviced, 1, __ATOMIC_SEQ_CST);
}

bool DataQueueRing::take_want_serviced() const {
    // Asked for at every entry: a locked exchange only if there is something to take.
    return header_ != nullptr &&
           __atomic_load_n(&header_->send_data_serviced, __ATOMIC_SEQ_CST) != 0 &&
           __atomic_exchange_n(&header_->send_data_serviced, 0, __ATOMIC_SEQ_CST) != 0;
}

void DataQueueRing::wait_for_data(std::chrono::nanoseconds slice) const {
    const uint32_t tail = load(tail_, __ATOMIC_SEQ_CST);
    if (header_ != nullptr) __atomic_store_n(&header_->client_asleep, 1, __ATOMIC_SEQ_CST);
    // The producer publishes its tail and then looks whether we sleep, we do both the other way
    // round: one of the two sees the other.
    if (load(tail_, __ATOMIC_SEQ_CST) == tail && load(head_, __ATOMIC_RELAXED) == tail) {
        const timespec limit{slice.count() / 1'000'000'000, slice.count() % 1'000'000'000};
        ::syscall(SYS_futex, tail_, FUTEX_WAIT, tail, &limit, nullptr, 0);
    }
    if (header_ != nullptr) __atomic_store_n(&header_->client_asleep, 0, __ATOMIC_SEQ_CST);
}

void DataQueueRing::wake_consumer() const {
    if (header_ != nullptr && __atomic_load_n(&header_->client_asleep, __ATOMIC_SEQ_CST) == 0)
        return;
    if (header_ != nullptr) __atomic_store_n(&header_->client_asleep, 0, __ATOMIC_SEQ_CST);
    ::syscall(SYS_futex, tail_, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
}

bool DataQueueRing::ring_bell(uint32_t bits) const {
    return header_ != nullptr && __atomic_fetch_or(&header_->bell, bits, __ATOMIC_SEQ_CST) == 0;
}

uint32_t DataQueueRing::take_bell() const {
    return header_ == nullptr ? 0 : __atomic_exchange_n(&header_->bell, 0, __ATOMIC_SEQ_CST);
}

}  // namespace opendext
