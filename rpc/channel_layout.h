// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

/// What lies in a channel's shared memory: one page of control words, then the rings of the lanes
/// one behind the other. Both sides are built from one tree, so there is no version in it; a side
/// that does not keep to it is hostile.
namespace opendext::channel_layout {

inline constexpr size_t kLine = 64;
inline constexpr size_t kControlSize = 4096;
inline constexpr size_t kLanes = 3;
/// Powers of two.
inline constexpr std::array<uint32_t, kLanes> kRingSizes{64 * 1024, 64 * 1024, 128 * 1024};
inline constexpr size_t kReasonSize = 200;

/// In front of every frame. Frames begin at multiples of kFrameAlignment and are contiguous: what
/// does not fit before the end of the ring begins at its start, and a frame with flag `skip` stands
/// for the rest.
///
/// Two words and no smaller fields: it is written and read a word at a time, and passed in
/// registers. Bytes that were just stored in small pieces and are loaded as a large one wait for
/// the cache, which used to be a fifth of the time of a call.
struct FrameHeader {
    uint64_t what = 0;  ///< size of the body, kind and flags
    uint64_t serial = 0;

    FrameHeader() = default;
    constexpr FrameHeader(uint32_t size, uint16_t kind, uint16_t flags, uint64_t serial_in)
        : what(size | uint64_t{kind} << 32 | uint64_t{flags} << 48), serial(serial_in) {}
    [[nodiscard]] constexpr uint32_t size() const { return static_cast<uint32_t>(what); }
    [[nodiscard]] constexpr uint16_t kind() const { return static_cast<uint16_t>(what >> 32); }
    [[nodiscard]] constexpr uint16_t flags() const { return static_cast<uint16_t>(what >> 48); }
};
/// Whole lines: the end of one frame and the beginning of the next in the same line would make it
/// go back and forth between the one who reads and the one who writes.
inline constexpr uint32_t kFrameAlignment = kLine;

namespace frame_flags {
inline constexpr uint16_t skip = 1;   ///< nothing up to the end of the ring; `size` is 0
inline constexpr uint16_t aside = 2;  ///< descriptors, or the whole body, are on the side socket
inline constexpr uint16_t all = 3;
}  // namespace frame_flags

inline constexpr uint32_t frame_size(uint32_t body_size) {
    return (static_cast<uint32_t>(sizeof(FrameHeader)) + body_size + kFrameAlignment - 1) &
           ~(kFrameAlignment - 1);
}

/// The words of one lane. Positions are free-running byte counts. Each side keeps its own privately
/// and only publishes it, so the other side can change nothing but what it owns. One line is
/// written by one side in the usual case.
///
/// A sleep word is 0 while its owner is awake, else what it waits for, with bit 0 set; it is the
/// futex. Whoever makes that true takes the word to 0 and wakes. The sleeper writes the word before
/// it looks the last time, the other side publishes before it reads the word: one of the two sees
/// the other.
struct LaneControl {
    alignas(kLine) std::atomic<uint32_t> head;            ///< by the sender: bytes ever queued
    alignas(kLine) std::atomic<uint32_t> tail;            ///< by the receiver: bytes ever taken
    alignas(kLine) std::atomic<uint32_t> receiver_sleep;  ///< frames ever sent << 1 | 1
    std::atomic<int64_t> receiver_since;  ///< begun_now() (rpc/age.h) when it went to sleep last
    alignas(kLine) std::atomic<uint32_t> sender_sleep;  ///< the tail it waits for | 1
};

/// What one side says about itself.
struct SideControl {
    /// 1 + the CPU on which its thread for calls and replies (0) and for events (1) ran last; 0:
    /// not known.
    alignas(kLine) std::array<std::atomic<uint32_t>, 2> cpu;
    /// 1 once this side has closed; the reason is written before.
    alignas(kLine) std::atomic<uint32_t> closed;
    char reason[kReasonSize];
};

struct Control {
    LaneControl lanes[kLanes];
    SideControl sides[2];  ///< [0] client, [1] driver
};
static_assert(sizeof(Control) <= kControlSize);
static_assert(std::atomic<uint32_t>::is_always_lock_free);

/// Where the ring of a lane begins; for kLanes: the size of the whole memory.
inline constexpr size_t ring_offset(size_t lane) {
    size_t offset = kControlSize;
    for (size_t i = 0; i < lane; ++i) offset += kRingSizes[i];
    return offset;
}
inline constexpr size_t kMemorySize = ring_offset(kLanes);

}  // namespace opendext::channel_layout
