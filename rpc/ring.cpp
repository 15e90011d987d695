// SPDX-License-Identifier: Apache-2.0
#include "rpc/ring.h"

#include <utility>

namespace opendext {

RingSender::Room RingSender::corrupt(uint32_t tail) {
    why_ = "ring position out of range: tail " + std::to_string(tail) + " with head " +
           std::to_string(head_) + " of " + std::to_string(size_) + " bytes";
    return Room::corrupt;
}

bool RingSender::crowded() {
    if (head_ - tail_ <= size_ / 2) return false;
    const uint32_t tail = control_.tail.load(std::memory_order_acquire);
    // A tail that cannot be is for look() to find.
    if (head_ - tail <= size_ && tail % channel_layout::kFrameAlignment == 0) tail_ = tail;
    return head_ - tail_ > size_ / 2;
}

RingReceiver::Look RingReceiver::corrupt(const char* what, uint32_t number) {
    return corrupt_here(what + std::to_string(number));
}

RingReceiver::Look RingReceiver::corrupt(const char* what, uint32_t bytes, uint32_t of) {
    return corrupt_here(what + std::to_string(bytes) + " bytes of " + std::to_string(of));
}

RingReceiver::Look RingReceiver::corrupt_here(std::string what) {
    why_ = std::move(what) + ", at tail " + std::to_string(tail_) + " of " + std::to_string(size_) +
           " bytes";
    return Look::corrupt;
}

}  // namespace opendext
