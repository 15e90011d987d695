// SPDX-License-Identifier: Apache-2.0
#include "rpc/ring.h"

#include <cstring>
#include <utility>

#include "rpc/futex.h"
#include "rpc/shared_bytes.h"

namespace opendext {

using channel_layout::frame_size;
using channel_layout::FrameHeader;
using channel_layout::kFrameAlignment;
namespace frame_flags = channel_layout::frame_flags;

RingSender::Room RingSender::look(uint32_t body_size) {
    const uint32_t offset = head_ & (size_ - 1);
    const uint32_t to_end = size_ - offset;
    const uint32_t frame = frame_size(body_size);
    const uint32_t skipped = frame <= to_end ? 0 : to_end;
    if (size_ - (head_ - tail_) < skipped + frame) {
        const uint32_t tail = control_.tail.load(std::memory_order_acquire);
        if (head_ - tail > size_ || tail % kFrameAlignment != 0) {
            why_ = "ring position out of range: tail " + std::to_string(tail) + " with head " +
                   std::to_string(head_) + " of " + std::to_string(size_) + " bytes";
            return Room::corrupt;
        }
        tail_ = tail;
        if (size_ - (head_ - tail_) < skipped + frame) return Room::no;
    }
    if (skipped != 0) {
        const FrameHeader skip{0, 0, frame_flags::skip, 0};
        std::memcpy(bytes_ + offset, &skip, sizeof skip);
    }
    frame_at_ = skipped != 0 ? 0 : offset;
    frame_head_ = head_ + skipped;
    return Room::yes;
}

void RingSender::write(FrameHeader header) {
    std::memcpy(bytes_ + frame_at_, &header.what, sizeof header.what);
    std::memcpy(bytes_ + frame_at_ + sizeof header.what, &header.serial, sizeof header.serial);
    head_ = frame_head_ + frame_size(header.size());  // the draft may have become smaller
    ++count_;
    // The lines of the next frames, which the receiver had in the round before.
    if (static_cast<int32_t>(fetched_ - head_) < 0) fetched_ = head_;
    for (; fetched_ - head_ < kFetchAhead; fetched_ += channel_layout::kLine)
        prefetch_to_write(bytes_ + (fetched_ & (size_ - 1)));
}

bool RingSender::crowded() {
    if (head_ - tail_ <= size_ / 2) return false;
    const uint32_t tail = control_.tail.load(std::memory_order_acquire);
    // A tail that cannot be is for look() to find.
    if (head_ - tail <= size_ && tail % kFrameAlignment == 0) tail_ = tail;
    return head_ - tail_ > size_ / 2;
}

RingReceiver::Look RingReceiver::look() {
    for (;;) {
        if (head_ == tail_) {
            const uint32_t head = control_.head.load(std::memory_order_acquire);
            if (head == tail_) return Look::nothing;
            if (head - tail_ > size_ || head % kFrameAlignment != 0)
                return corrupt("ring position out of range: head " + std::to_string(head));
            head_ = head;
        }
        const uint32_t available = head_ - tail_;
        const uint32_t offset = tail_ & (size_ - 1);
        const uint32_t to_end = size_ - offset;
        copy_shared(&header_.what, bytes_ + offset, sizeof header_.what);
        copy_shared(&header_.serial, bytes_ + offset + sizeof header_.what, sizeof header_.serial);
        if ((header_.flags() & ~frame_flags::all) != 0)
            return corrupt("frame with unknown flags " + std::to_string(header_.flags()));
        if ((header_.flags() & frame_flags::skip) != 0) {
            if (offset == 0 || available < to_end)
                return corrupt("frame skips what is not there: " + std::to_string(to_end) +
                               " bytes of " + std::to_string(available));
            tail_ += to_end;
            continue;
        }
        // The size first, by itself: frame_size() of a huge one wraps.
        if (header_.size() > size_ || frame_size(header_.size()) > available ||
            frame_size(header_.size()) > to_end) {
            return corrupt(
                "frame is larger than the ring's content: " + std::to_string(header_.size()) +
                " bytes of " + std::to_string(available));
        }
        body_ = bytes_ + offset + sizeof header_;
        if (frame_size(header_.size()) < available) {
            const std::byte* next = bytes_ + ((tail_ + frame_size(header_.size())) & (size_ - 1));
            __builtin_prefetch(next);
            __builtin_prefetch(next + channel_layout::kLine);
        }
        return Look::frame;
    }
}

RingReceiver::Look RingReceiver::corrupt(std::string what) {
    why_ = std::move(what) + ", at tail " + std::to_string(tail_) + " of " + std::to_string(size_) +
           " bytes";
    return Look::corrupt;
}

bool RingReceiver::take() {
    tail_ += frame_size(header_.size());
    ++count_;
    return tail_ - published_ >= size_ / 4;
}

bool RingReceiver::publish() {
    if (tail_ == published_) return false;
    published_ = tail_;
    control_.tail.store(tail_, std::memory_order_seq_cst);
    return true;
}

}  // namespace opendext
