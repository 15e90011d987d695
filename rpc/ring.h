// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

#include "rpc/channel_layout.h"
#include "rpc/futex.h"
#include "rpc/shared_bytes.h"

namespace opendext {

/// So many bytes behind the present frame the lines are asked for: they are under way meanwhile.
inline constexpr uint32_t kFetchAhead = 4 * channel_layout::kLine;

/// The sending end of one lane's ring: positions and frames, no waiting. One thread at a time.
class RingSender {
  public:
    RingSender(channel_layout::LaneControl& control, std::byte* bytes, uint32_t size)
        : control_(control), bytes_(bytes), size_(size) {}

    enum class Room { yes, no, corrupt };
    /// Whether a frame with a body of that size can be written now. `no`: once the receiver has
    /// come to wanted_tail(). `corrupt`: why() tells.
    Room look(uint32_t body_size);
    [[nodiscard]] const std::string& why() const { return why_; }
    /// After look() said yes: where that body is to be written.
    [[nodiscard]] std::byte* body() const { return bytes_ + frame_at_ + kHeader; }
    /// Writes the header. The receiver sees the frame after publish().
    void write(channel_layout::FrameHeader header);
    /// Lets the receiver see what was written. `order`: seq_cst where a look at its sleep word
    /// follows.
    void publish(std::memory_order order) {
        published_ = head_;
        burst_ = channel_layout::kLine;
        control_.head.store(head_, order);
    }
    /// Of many frames: some at once, since each look at the head costs the two sides a cache line's
    /// way there and back; the first ones by themselves, so that the receiver can begin.
    void publish_some() {
        if (head_ - published_ < burst_) return;
        burst_ = std::min(burst_ * 2, kMaxBurst);
        published_ = head_;
        control_.head.store(head_, std::memory_order_release);
    }

    /// Frames ever written.
    [[nodiscard]] uint32_t count() const { return count_; }
    /// More than half of the ring is waiting to be taken.
    [[nodiscard]] bool crowded();
    /// The tail with which half of the ring is free: nobody is woken for less.
    [[nodiscard]] uint32_t wanted_tail() const { return head_ - size_ / 2; }

  private:
    Room corrupt(uint32_t tail);

    static constexpr uint32_t kHeader = sizeof(channel_layout::FrameHeader);
    static constexpr uint32_t kMaxBurst = 512;

    channel_layout::LaneControl& control_;
    std::byte* const bytes_;
    const uint32_t size_;
    uint32_t head_ = 0;
    uint32_t published_ = 0;
    uint32_t burst_ = channel_layout::kLine;  ///< bytes that publish_some() waits for
    uint32_t fetched_ = 0;                    ///< up to here the lines are under way to us
    uint32_t tail_ = 0;                       ///< as last read
    uint32_t frame_at_ = 0;                   ///< offset of the frame that look() found room for
    uint32_t frame_head_ = 0;                 ///< its position, behind what is skipped
    uint32_t count_ = 0;
    std::string why_;
};

/// The receiving end. What it reads may have been written by a hostile process: everything is
/// copied once and then checked. One thread at a time.
class RingReceiver {
  public:
    RingReceiver(channel_layout::LaneControl& control, const std::byte* bytes, uint32_t size)
        : control_(control), bytes_(bytes), size_(size) {}

    /// look() will ask the sender for more.
    [[nodiscard]] bool drained() const { return head_ == tail_; }
    /// Something is there, or claimed to be.
    [[nodiscard]] bool ready() const {
        return head_ != tail_ || control_.head.load(std::memory_order_acquire) != tail_;
    }
    enum class Look { frame, nothing, corrupt };
    /// Looks at the next frame; it stays there until take(). `corrupt`: why() tells.
    Look look();
    [[nodiscard]] const std::string& why() const { return why_; }
    [[nodiscard]] const channel_layout::FrameHeader& header() const { return header_; }
    /// Of the frame seen by look(); in the ring, where the sender can still change it.
    [[nodiscard]] const std::byte* body() const { return body_; }
    /// Gives its room back; true if enough has gathered to say so (publish()).
    bool take();
    /// Lets the sender know what was taken. True if there was something to tell.
    bool publish();
    [[nodiscard]] uint32_t tail() const { return tail_; }
    /// Frames ever taken.
    [[nodiscard]] uint32_t count() const { return count_; }

  private:
    /// `what` with that number is wrong at the present place of the ring.
    Look corrupt(const char* what, uint32_t number);
    Look corrupt(const char* what, uint32_t bytes, uint32_t of);
    Look corrupt_here(std::string what);

    channel_layout::LaneControl& control_;
    const std::byte* const bytes_;
    const uint32_t size_;
    uint32_t head_ = 0;  ///< as last read, and checked: no look at the sender's line for each frame
    uint32_t tail_ = 0;
    uint32_t published_ = 0;
    uint32_t fetched_ = 0;  ///< up to here the lines are under way to us
    uint32_t count_ = 0;
    channel_layout::FrameHeader header_{};
    const std::byte* body_ = nullptr;
    std::string why_;
};

// Inline, since each call of a client program passes through here eight times.

inline RingSender::Room RingSender::look(uint32_t body_size) {
    const uint32_t offset = head_ & (size_ - 1);
    const uint32_t to_end = size_ - offset;
    const uint32_t frame = channel_layout::frame_size(body_size);
    const uint32_t skipped = frame <= to_end ? 0 : to_end;
    if (size_ - (head_ - tail_) < skipped + frame) [[unlikely]] {
        const uint32_t tail = control_.tail.load(std::memory_order_acquire);
        if (head_ - tail > size_ || tail % channel_layout::kFrameAlignment != 0) {
            return corrupt(tail);
        }
        tail_ = tail;
        if (size_ - (head_ - tail_) < skipped + frame) return Room::no;
    }
    if (skipped != 0) [[unlikely]] {
        const channel_layout::FrameHeader skip{0, 0, channel_layout::frame_flags::skip, 0};
        std::memcpy(bytes_ + offset, &skip, sizeof skip);
    }
    frame_at_ = skipped != 0 ? 0 : offset;
    frame_head_ = head_ + skipped;
    return Room::yes;
}

inline void RingSender::write(channel_layout::FrameHeader header) {
    std::byte* const bytes = bytes_;  // the compiler takes it for changed by what is written there
    const uint32_t mask = size_ - 1;
    std::byte* const to = bytes + frame_at_;
    // The draft may have become smaller.
    const uint32_t head = frame_head_ + channel_layout::frame_size(header.size());
    std::memcpy(to, &header.what, sizeof header.what);
    std::memcpy(to + sizeof header.what, &header.serial, sizeof header.serial);
    head_ = head;
    ++count_;
    // The lines of the next frames, which the receiver had in the round before.
    uint32_t fetched = static_cast<int32_t>(fetched_ - head) < 0 ? head : fetched_;
    for (; fetched - head < kFetchAhead; fetched += channel_layout::kLine)
        prefetch_to_write(bytes + (fetched & mask));
    fetched_ = fetched;
}

inline RingReceiver::Look RingReceiver::look() {
    const std::byte* const bytes = bytes_;
    const uint32_t size = size_;
    for (;;) {
        const uint32_t tail = tail_;
        if (head_ == tail) {
            const uint32_t head = control_.head.load(std::memory_order_acquire);
            if (head == tail) return Look::nothing;
            if (head - tail > size || head % channel_layout::kFrameAlignment != 0) [[unlikely]]
                return corrupt("ring position out of range: head ", head);
            head_ = head;
        }
        const uint32_t available = head_ - tail;
        const uint32_t offset = tail & (size - 1);
        const uint32_t to_end = size - offset;
        channel_layout::FrameHeader header;
        copy_shared(&header.what, bytes + offset, sizeof header.what);
        copy_shared(&header.serial, bytes + offset + sizeof header.what, sizeof header.serial);
        header_ = header;
        if (header.flags() != 0) [[unlikely]] {
            if ((header.flags() & ~channel_layout::frame_flags::all) != 0)
                return corrupt("frame with unknown flags ", header.flags());
            if ((header.flags() & channel_layout::frame_flags::skip) != 0) {
                if (offset == 0 || available < to_end)
                    return corrupt("frame skips what is not there: ", to_end, available);
                tail_ += to_end;
                continue;
            }
        }
        // Both are whole lines, at least one.
        if (header.size() > std::min(available, to_end) - sizeof header) [[unlikely]]
            return corrupt("frame is larger than the ring's content: ", header.size(), available);
        body_ = bytes + offset + sizeof header;
        // The next frames' lines, as far as they are written.
        const uint32_t frame = channel_layout::frame_size(header.size());
        const uint32_t end = tail + std::min(available, frame + kFetchAhead);
        uint32_t fetched = fetched_;
        if (static_cast<int32_t>(fetched - (tail + frame)) < 0) fetched = tail + frame;
        for (; static_cast<int32_t>(fetched - end) < 0; fetched += channel_layout::kLine)
            __builtin_prefetch(bytes + (fetched & (size - 1)));
        fetched_ = fetched;
        return Look::frame;
    }
}

inline bool RingReceiver::take() {
    tail_ += channel_layout::frame_size(header_.size());
    ++count_;
    return tail_ - published_ >= size_ / 4;
}

inline bool RingReceiver::publish() {
    if (tail_ == published_) return false;
    published_ = tail_;
    control_.tail.store(tail_, std::memory_order_seq_cst);
    return true;
}

}  // namespace opendext
