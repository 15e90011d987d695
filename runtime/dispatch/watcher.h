// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>

#include "rpc/fd.h"

namespace opendext::runtime {

/// What is told that a descriptor is readable.
class WatchClient {
  public:
    virtual ~WatchClient() = default;
    /// On the event thread, again and again while there is something to read; must not block nor
    /// run code of the driver.
    virtual void readable() = 0;
};

/// One thread that waits for all timers and interrupts of the process. Started with the first one.
class Watcher {
  public:
    static Watcher& shared();

    /// From now on `client` is told about `fd`, which must stay open until `remove`. False if the
    /// system refuses (errno).
    [[nodiscard]] bool add(int fd, std::shared_ptr<WatchClient> client);
    /// A call that is under way may still go on; no new one starts.
    void remove(int fd);

  private:
    struct Watched {
        uint64_t number = 0;
        std::shared_ptr<WatchClient> client;
    };

    void run();

    std::mutex mutex_;
    UniqueFd epoll_;
    uint64_t next_ = 1;
    std::map<int, Watched> watched_;       // by descriptor
    std::map<uint64_t, int> descriptors_;  // by number: descriptors are used again, numbers are not
};

}  // namespace opendext::runtime
