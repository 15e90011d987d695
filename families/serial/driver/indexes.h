// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

/// The arithmetic of queue indexes, in one place: every access is masked, so no value that a driver
/// writes can lead outside its queue.
namespace opendext::serial {

inline uint32_t load_index(const uint32_t& index) {
    return __atomic_load_n(&index, __ATOMIC_ACQUIRE);
}
inline void store_index(uint32_t& index, uint32_t value) {
    __atomic_store_n(&index, value, __ATOMIC_RELEASE);
}

/// How many bytes lie in a queue of `size` (a power of two). Drivers store their indexes
/// free-running or masked; PI - CI is right for the first kind, the same masked for the second.
/// `size` itself is taken as full.
[[nodiscard]] constexpr uint32_t queue_fill(uint32_t producer, uint32_t consumer, uint32_t size) {
    const uint32_t difference = producer - consumer;
    return difference <= size ? difference : difference & (size - 1);
}

/// The same for the transmit queue, which the system never fills completely: a difference of
/// exactly `size` can only be a free-running PI against a masked CI, and means empty.
[[nodiscard]] constexpr uint32_t transmit_fill(uint32_t producer, uint32_t consumer,
                                               uint32_t size) {
    const uint32_t difference = producer - consumer;
    return difference < size ? difference : difference & (size - 1);
}

/// A power-of-two ring of bytes at a fixed address.
struct RingView {
    std::byte* base = nullptr;
    uint32_t size = 0;

    [[nodiscard]] uint32_t offset(uint64_t position) const {
        return static_cast<uint32_t>(position) & (size - 1);
    }
    /// The bytes from `position` on that lie in one piece, at most `count`.
    [[nodiscard]] uint32_t contiguous(uint64_t position, uint32_t count) const {
        return std::min(count, size - offset(position));
    }
};

/// Copies `count` bytes (at most either size) from one ring to another, around both ends.
inline void copy_between(const RingView& to, uint64_t to_position, const RingView& from,
                         uint64_t from_position, uint32_t count) {
    while (count > 0) {
        const uint32_t piece = to.contiguous(to_position, from.contiguous(from_position, count));
        std::memcpy(to.base + to.offset(to_position), from.base + from.offset(from_position),
                    piece);
        to_position += piece;
        from_position += piece;
        count -= piece;
    }
}

}  // namespace opendext::serial
