// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>

#include "apps/serial-over-tcp/agent/rings.h"

namespace opendext::serial_tcp {

/// Bytes that wait, the oldest first. Unbounded: the owner stops appending. One thread.
class ByteQueue {
  public:
    [[nodiscard]] size_t size() const { return bytes_.size() - taken_; }
    [[nodiscard]] bool empty() const { return size() == 0; }
    void append(const void* bytes, size_t count) {
        bytes_.append(static_cast<const char*>(bytes), count);
    }
    /// All of them, in one piece; valid until the next change.
    [[nodiscard]] Stretch front() {
        Stretch all;
        all.size = size();
        all.count = 1;
        all.pieces[0] = {bytes_.data() + taken_, all.size};
        return all;
    }
    /// Forgets the oldest; at most size(). The rest moves only once it is less than what went.
    void pop(size_t count) {
        taken_ += count;
        if (taken_ <= bytes_.size() / 2) return;
        bytes_.erase(0, taken_);
        taken_ = 0;
    }
    void clear() { *this = {}; }

  private:
    std::string bytes_;
    size_t taken_ = 0;
};

}  // namespace opendext::serial_tcp
