// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <pthread.h>

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>

#include "rpc/fd.h"
#include "rpc/result.h"

namespace opendext {

/// One thread of the process that notices when the other end of a socket is gone, so that nobody
/// who waits in shared memory needs a timer to look. Started with the first socket, there until
/// rest() or the end of the process. Any thread.
class PeerWatch {
  public:
    static PeerWatch& instance();

    /// Calls `gone` once, on the thread of the watch, when the other end of `socket` is closed. It
    /// must not wait, and not call add() or remove().
    Result<uint64_t> add(int socket, std::function<void()> gone);
    /// `gone` does not run any more when this returns. The socket must still be open.
    void remove(uint64_t number, int socket);
    /// Ends the thread if there is no socket to watch; the next add() starts it again.
    void rest();

  private:
    PeerWatch() = default;
    Status start();
    void run(int epoll);

    std::mutex mutex_;
    UniqueFd epoll_;
    pthread_t thread_{};  ///< there with epoll_; detached where rest() does nothing
    std::map<uint64_t, std::function<void()>> watched_;
    uint64_t next_number_ = 1;
};

}  // namespace opendext
