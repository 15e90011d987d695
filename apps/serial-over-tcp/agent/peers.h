// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <poll.h>

#include <memory>
#include <string>
#include <vector>

#include "apps/serial-over-tcp/agent/byte_queue.h"
#include "apps/serial-over-tcp/agent/connection.h"
#include "apps/serial-over-tcp/agent/wire.h"

namespace opendext::serial_tcp {

/// Everybody at the other end of a port, as one pipe. With one peer it is that peer's wire and
/// nothing else. With several:
///
///  - each gets every byte that is sent while it is connected, and what any of them sends comes in;
///  - the pipe goes at the pace of the fastest. What a slower one has not taken is kept for it, up
///    to `most_lag`; then the pipe waits for that one. If it takes nothing for `stall`, it is
///    disconnected, and last_error() of the connection says so: no peer misses bytes in the middle
///    of its stream, and none holds up the others for longer than that.
///
/// One thread; nothing blocks.
class Peers {
  public:
    struct Limits {
        size_t most_lag = size_t{1} << 20;
        std::chrono::milliseconds stall{3000};
    };
    /// All are the caller's and have to outlive this.
    Peers(Connection& connection, const WireSetup& setup, WireOwner& owner)
        : Peers(connection, setup, owner, Limits{}) {}
    Peers(Connection& connection, const WireSetup& setup, WireOwner& owner, Limits limits)
        : connection_(connection), setup_(setup), owner_(owner), limits_(limits) {}

    /// After connection.step(): gives new peers their wires, goes on with all, drops who is gone.
    /// `receives`: the caller calls receive() next. `settings`: of the line, for new wires.
    void follow(Clock::time_point now, bool receives, const telnet::LineSettings& settings);

    /// Whether there is somebody to send to.
    [[nodiscard]] bool open() const;
    /// Never `gone`: a peer that goes is dropped, and the others go on.
    Moved send(const Stretch& bytes);
    Moved receive(const Stretch& room);

    /// There is one peer, and nothing to do for it but to move its bytes as they are.
    [[nodiscard]] bool plain() const;

    /// What to poll for. `receives` and `sends`: the caller has room, or bytes that send() did not
    /// take.
    void add_to(std::vector<pollfd>& fds, bool receives, bool sends);
    /// Looks at what poll() said of the descriptors that add_to() added, the first at `fds[0]`.
    void polled(const pollfd* fds);
    /// Whether receive() may bring something although no descriptor is readable.
    [[nodiscard]] bool buffered() const;
    /// When follow() is due without any event; the epoch: never.
    [[nodiscard]] Clock::time_point deadline() const;

    [[nodiscard]] size_t count() const { return wires_.size(); }
    /// The wire of the peer that has been there longest; nullptr without one.
    [[nodiscard]] Wire* first() { return wires_.empty() ? nullptr : wires_.front().wire.get(); }
    template <typename Function>
    void for_each(Function function) {
        for (auto& one : wires_) function(*one.wire);
    }
    /// Disconnects those for whose wire `which` is true.
    template <typename Which>
    void drop(const std::string& reason, Which which) {
        for (One& one : wires_) {
            if (which(*one.wire)) lost(one, reason);
        }
        forget_lost();
    }

  private:
    struct One {
        uint64_t id = 0;
        int socket = -1;
        std::unique_ptr<Wire> wire;
        ByteQueue lag;                ///< sent to others, and waits for this one
        bool finished = false;        ///< it closed, and what it sent before waits for room
        Clock::time_point took_at{};  ///< when it took bytes of its lag, or it began

        [[nodiscard]] size_t behind() const { return lag.size(); }
    };
    void lost(One& one, const std::string& reason);
    void forget_lost();
    bool take(One& one, const Moved& moved);
    bool send_lag(One& one);
    void fall_behind(One& one, const Stretch& bytes, size_t from);
    Moved send_to_all(const Stretch& bytes);

    Connection& connection_;
    const WireSetup& setup_;
    WireOwner& owner_;
    const Limits limits_;
    std::vector<One> wires_;
    bool any_lost_ = false;  ///< one of them has no wire any more
    size_t turn_ = 0;        ///< who is asked first for bytes
};

}  // namespace opendext::serial_tcp
