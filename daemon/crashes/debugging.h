// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <string>

#include "daemon/event_loop.h"
#include "daemon/lifecycle/process.h"

namespace opendext::daemon {

/// Driver processes that are to wait for a debugger (`opendext debug --wait`). One waits after its
/// check-in, before its dext is loaded: nothing of the dext has run, static constructors neither.
/// It goes on when it is traced, or when the program that asked is gone; no deadline runs
/// meanwhile.
class Debugging {
  public:
    /// A process waits; its id.
    using Waiting = std::function<void(int32_t pid)>;

    explicit Debugging(EventLoop& loop) : loop_(loop) {}

    /// The next process of a driver waits. `name`: a bundle identifier or its last part, or an
    /// IOUserServerName. `client`: who asks.
    void wait_for(uint64_t client, std::string name, Waiting waiting);
    /// The client is gone: nothing waits for it any more.
    void forget(uint64_t client);
    /// Whether the next process of that driver would wait.
    [[nodiscard]] bool waits_for(const LaunchSpec& spec) const;
    /// Whether the process waits; `go` then comes later, if the process lives so long.
    [[nodiscard]] bool hold(DriverProcess& process, std::function<void()> go);

  private:
    struct Request {
        uint64_t client = 0;
        std::string name;
        Waiting waiting;
    };
    struct Held {
        uint64_t client = 0;
        std::weak_ptr<DriverProcess> process;
        Waiting waiting;  ///< empty once it was called
        std::function<void()> go;
    };
    void look();

    EventLoop& loop_;
    std::list<Request> requests_;
    std::list<Held> held_;
    std::unique_ptr<Handle> timer_;
};

}  // namespace opendext::daemon
