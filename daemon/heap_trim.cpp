// SPDX-License-Identifier: Apache-2.0
#include "daemon/heap_trim.h"

#include <malloc.h>

namespace opendext::daemon {

HeapTrim::HeapTrim(EventLoop& loop, Registry& registry, std::chrono::milliseconds delay)
    : loop_(loop), delay_(delay) {
    registry.observe([this](Event event, const Entry&) {
        if (event == Event::detached) entry_gone();
    });
}

void HeapTrim::entry_gone() {
    if (++gone_ < kWorthIt || timer_ != nullptr) return;
    timer_ = loop_.after(delay_, [this] {
        timer_.reset();
        gone_ = 0;
        ++count_;
        ::malloc_trim(0);
    });
}

}  // namespace opendext::daemon
