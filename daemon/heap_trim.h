// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>

#include "daemon/event_loop.h"
#include "daemon/registry/registry.h"

namespace opendext::daemon {

/// Gives memory back to the system after many entries have gone. The allocator gives back only the
/// end of its heap by itself, and there something that stays is always left: without this opendextd
/// keeps forever what its largest registry took.
class HeapTrim {
  public:
    /// So many entries take about 2.5 MB; fewer are not worth the work, which is in proportion to
    /// the heap (20 ms for 250 MB).
    static constexpr size_t kWorthIt = 1024;
    /// From then on until it is done: what goes at once goes within this time.
    static constexpr std::chrono::milliseconds kDelay{1000};

    HeapTrim(EventLoop& loop, Registry& registry, std::chrono::milliseconds delay = kDelay);
    /// How often it was done.
    [[nodiscard]] size_t count() const { return count_; }

  private:
    void entry_gone();

    EventLoop& loop_;
    const std::chrono::milliseconds delay_;
    size_t gone_ = 0;  ///< since it was done last
    size_t count_ = 0;
    std::unique_ptr<Handle> timer_;
};

}  // namespace opendext::daemon
