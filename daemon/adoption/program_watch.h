// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>

#include "daemon/event_loop.h"
#include "rpc/fd.h"

namespace opendext::daemon {

/// When a process was started, in clock ticks since the boot: with the pid it names a process for
/// ever. 0 if there is no such process.
[[nodiscard]] uint64_t process_start_time(int32_t pid);

/// Tells of the end of programs that have no connection to opendextd.
class ProgramWatch {
  public:
    ProgramWatch(EventLoop& loop, std::function<void(int32_t pid)> ended)
        : loop_(loop), ended_(std::move(ended)) {}

    /// Once for a process; ended() comes later, also if it is gone already.
    void watch(int32_t pid, uint64_t start_time);
    void forget(int32_t pid) { watched_.erase(pid); }

  private:
    struct Watched {
        UniqueFd pidfd;
        std::unique_ptr<Handle> handle;
    };
    void ended(int32_t pid);

    EventLoop& loop_;
    std::function<void(int32_t)> ended_;
    std::map<int32_t, Watched> watched_;
};

}  // namespace opendext::daemon
