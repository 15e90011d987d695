// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <map>

#include "keeper/child.h"
#include "keeper/event.h"
#include "rpc/protocol/keeper.h"
#include "rpc/socket.h"

namespace opendext::keeper {

/// Opens Linux resources for opendextd, each in a short-lived child: an open that hangs ends at its
/// deadline and never holds up the keeper.
class Resources {
  public:
    Resources(EventLoop& loop, std::chrono::milliseconds deadline)
        : loop_(loop), deadline_(deadline) {}

    /// Calls `done` once, later, with an Opened message (descriptors in it) or the reason why not.
    void open(const protocol::keeper::Open& request, std::function<void(Result<Message>)> done);

  private:
    struct Opening {
        Child child;
        Socket socket;
        std::function<void(Result<Message>)> done;
        Watch answer, end, deadline;
    };
    void finish(uint64_t number, Result<Message> result);
    Status make_watch();

    EventLoop& loop_;
    std::chrono::milliseconds deadline_;
    /// inotify: opens and closes of all terminals. Here, so that it outlives opendextd; one, since
    /// a user has few.
    UniqueFd terminals_;
    std::map<uint64_t, Opening> openings_;
    uint64_t next_ = 1;
};

}  // namespace opendext::keeper
