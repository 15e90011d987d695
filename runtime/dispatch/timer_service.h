// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <utility>

#include "rpc/fd.h"
#include "runtime/dispatch/task.h"

namespace opendext::runtime {

/// Clocks of deadlines, all in nanoseconds.
enum class TimerClock : uint8_t {
    uptime,      ///< CLOCK_MONOTONIC: stands still in system sleep
    continuous,  ///< CLOCK_BOOTTIME: goes on
    wall,        ///< CLOCK_REALTIME: jumps with the time of day
};

/// What is told that a deadline has passed.
class TimerClient {
  public:
    virtual ~TimerClient() = default;
    /// On the event thread; must not block nor run code of the driver.
    virtual void expired(uint64_t generation) = 0;
};

/// The deadlines of all timers of the process, one timer of the kernel for each clock, on the event
/// thread (watcher.h).
class TimerService {
  public:
    static TimerService& shared();

    /// Calls `client->expired(generation)` once at `deadline`. Replaces what is armed for the
    /// client. A deadline that has passed expires at once.
    void arm(const std::shared_ptr<TimerClient>& client, TimerClock clock, uint64_t deadline,
             uint64_t generation);
    /// Forgets the client's deadline. An expiry that is on its way may still arrive: clients
    /// compare generations.
    void disarm(const TimerClient* client);

  private:
    struct Armed {
        std::weak_ptr<TimerClient> client;
        uint64_t generation;
    };
    using Key = std::pair<uint64_t, const TimerClient*>;
    struct Clock {
        UniqueFd timer;
        std::map<Key, Armed> deadlines;
    };
    class ClockWatch;

    void start();
    void expire(size_t clock);
    void program(Clock& clock);
    void remove(const TimerClient* client);

    std::mutex mutex_;
    bool started_ = false;
    std::array<Clock, 3> clocks_;
    std::map<const TimerClient*, std::pair<size_t, Key>> places_;
};

/// Nanoseconds now.
uint64_t now(TimerClock clock);

}  // namespace opendext::runtime
