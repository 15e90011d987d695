// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>

namespace opendext::serial_tcp {

/// Notices that the peer of a TCP connection has vanished: within the time-out, and at most a third
/// of it more.
///
/// While nothing is under way, TCP's keep-alive does it. While bytes are under way, keep-alive
/// rests; TCP_USER_TIMEOUT would not do, since it also ends connections whose peer is well and just
/// does not read for a while, which is what flow control is for. So the bytes that wait for an
/// acknowledgement are looked at: a few times a time-out, and only after something was sent.
class Liveness {
  public:
    using Clock = std::chrono::steady_clock;

    /// Sets up keep-alive. A socket that is not TCP never vanishes.
    Liveness(int socket, std::chrono::milliseconds timeout);

    enum class Verdict : unsigned char {
        quiet,    ///< all that was sent has arrived: no need to look again before the next sending
        waiting,  ///< look again after interval()
        gone,
    };
    [[nodiscard]] Verdict look(Clock::time_point now);
    [[nodiscard]] std::chrono::milliseconds interval() const { return timeout_ / 3; }

  private:
    int socket_;
    std::chrono::milliseconds timeout_;
    bool is_tcp_;
    Clock::time_point waits_since_{};  ///< the epoch: nothing was under way at the last look
};

}  // namespace opendext::serial_tcp
