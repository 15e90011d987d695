// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstring>

namespace opendext {

/// Copies bytes that another process may be changing. What is checked afterwards is the copy: the
/// compiler cannot read the original a second time in its place.
inline void copy_shared(void* to, const std::byte* from, size_t size) {
    if (size == 0) return;  // may have no address then
    std::memcpy(to, from, size);
    std::atomic_signal_fence(std::memory_order_seq_cst);
}

template <typename T>
[[nodiscard]] T copy_shared(const std::byte* from) {
    T value;
    copy_shared(&value, from, sizeof value);
    return value;
}

}  // namespace opendext
