// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <memory>

#include "daemon/family.h"

namespace opendext::daemon {

/// The time that supervision goes by: back-off, quarantine and every deadline. EventLoop is one;
/// tests inject one that stands still until they move it. Monotonic, without the time that the
/// machine was suspended.
class Clock {
  public:
    using Time = std::chrono::steady_clock::time_point;
    virtual ~Clock() = default;
    [[nodiscard]] virtual Time now() const = 0;
    /// Calls `fire` once, not before `delay` has passed, unless the handle goes before that.
    [[nodiscard]] virtual std::unique_ptr<Handle> after(std::chrono::milliseconds delay,
                                                        std::function<void()> fire) = 0;
};

}  // namespace opendext::daemon
