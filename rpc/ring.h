// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "rpc/channel_layout.h"

namespace opendext {

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
        control_.head.store(head_, order);
    }
    /// Bytes written and not published.
    [[nodiscard]] uint32_t unpublished() const { return head_ - published_; }

    /// Frames ever written.
    [[nodiscard]] uint32_t count() const { return count_; }
    /// More than half of the ring is waiting to be taken.
    [[nodiscard]] bool crowded();
    /// The tail with which half of the ring is free: nobody is woken for less.
    [[nodiscard]] uint32_t wanted_tail() const { return head_ - size_ / 2; }

  private:
    static constexpr uint32_t kHeader = sizeof(channel_layout::FrameHeader);
    static constexpr uint32_t kFetchAhead = 4 * channel_layout::kLine;

    channel_layout::LaneControl& control_;
    std::byte* const bytes_;
    const uint32_t size_;
    uint32_t head_ = 0;
    uint32_t published_ = 0;
    uint32_t fetched_ = 0;     ///< up to here the lines are under way to us
    uint32_t tail_ = 0;        ///< as last read
    uint32_t frame_at_ = 0;    ///< offset of the frame that look() found room for
    uint32_t frame_head_ = 0;  ///< its position, behind what is skipped
    uint32_t count_ = 0;
    std::string why_;
};

/// The receiving end. What it reads may have been written by a hostile process: everything is
/// copied once and then checked. One thread at a time.
class RingReceiver {
  public:
    RingReceiver(channel_layout::LaneControl& control, const std::byte* bytes, uint32_t size)
        : control_(control), bytes_(bytes), size_(size) {}

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
    /// `what` is wrong at the present place of the ring.
    Look corrupt(std::string what);

    channel_layout::LaneControl& control_;
    const std::byte* const bytes_;
    const uint32_t size_;
    uint32_t head_ = 0;  ///< as last read, and checked: no look at the sender's line for each frame
    uint32_t tail_ = 0;
    uint32_t published_ = 0;
    uint32_t count_ = 0;
    channel_layout::FrameHeader header_{};
    const std::byte* body_ = nullptr;
    std::string why_;
};

}  // namespace opendext
