// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <vector>

namespace opendext::serial {

/// A port in bulk, as the sweeper sees it.
class SweptPort {
  public:
    struct Visit {
        uint32_t out = 0;  ///< bytes moved away from the terminal
        uint32_t in = 0;   ///< bytes that the terminal took
        bool stay = true;  ///< false: the port's own thread is to go on
    };
    virtual ~SweptPort() = default;
    using Clock = std::chrono::steady_clock;
    /// Moves what there is and what there is room for, without asking the kernel to wait. On the
    /// sweeper's thread. `now`: when the sweep began.
    virtual Visit visit(Clock::time_point now) = 0;
    /// The port is no longer swept. On the sweeper's thread, the last thing it does with the port.
    virtual void left() = 0;
};

/// One thread that moves the bytes of all ports of a process that are in bulk, one port after the
/// other: a wake-up of a thread, and of the kernel's worker behind the terminals, serves them all.
/// A port's own thread waits meanwhile, and has the port again when the bulk is over.
class Sweeper {
  public:
    using Clock = SweptPort::Clock;
    /// The process's. It is never destroyed: its thread has no end.
    static Sweeper& shared();

    /// The process has one port more, one less. Sweeping pays where there are several.
    void add_port() { ++ports_; }
    void remove_port() { --ports_; }
    [[nodiscard]] bool has_company() const { return ports_ > 1; }

    /// Any thread. The port must leave() before it is destroyed.
    void join(SweptPort& port);
    /// Afterwards the sweeper knows nothing of the port. Not on the sweeper's thread.
    void leave(SweptPort& port);

  private:
    struct Member {
        SweptPort* port = nullptr;
        Clock::time_point moved_at;  ///< when it had bytes last
    };
    void run();
    bool sweep(Clock::time_point now);

    std::atomic<int> ports_{0};
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<Member> members_;
    SweptPort* visited_ = nullptr;
    bool started_ = false;
};

}  // namespace opendext::serial
