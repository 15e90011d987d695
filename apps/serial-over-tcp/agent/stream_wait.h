// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>
#include <cstdint>

#include "rpc/fd.h"

namespace opendext::serial_tcp {

/// How a port waits while small pieces follow each other: what it waits for stands in the kernel,
/// and one call asks for all of it, without a look at the clock. Whatever is not the driver's bell
/// or bytes of the peer is told as one thing, for which the owner has to look at everything. One
/// thread.
class StreamWait {
  public:
    using Clock = std::chrono::steady_clock;

    /// Takes two descriptors and keeps them: a port has as many while it rests.
    StreamWait();

    struct Watched {
        int bell = -1;
        int peer = -1;
        std::array<int, 3> others{-1, -1, -1};
        /// Whose descriptors these are. A number that was closed and given anew looks the same.
        uint64_t driver = 0;
        uint64_t peer_id = 0;
        bool operator==(const Watched&) const = default;
    };
    /// Watches these from now on, if it does not already; false: the system refuses.
    bool watch(const Watched& watched);
    /// When wait() ends with `other` at the latest; the epoch: never.
    void until(Clock::time_point when);
    /// The same, if that is sooner.
    void until_at_most(Clock::time_point when);

    struct Woken {
        bool bell = false;
        bool peer = false;   ///< it has sent bytes, and nothing else
        bool other = false;  ///< anything else: the time, another descriptor, an end, an error
    };
    Woken wait();

  private:
    bool add(int fd, uint32_t events, uint64_t what);

    Watched watched_;
    bool watching_ = false;
    UniqueFd epoll_;
    UniqueFd timer_;
    Clock::time_point until_{};
    bool fired_ = false;  ///< the time came, and is told until there is another
};

}  // namespace opendext::serial_tcp
