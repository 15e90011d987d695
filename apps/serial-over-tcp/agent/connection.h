// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "apps/serial-over-tcp/agent/link_options.h"
#include "apps/serial-over-tcp/agent/liveness.h"
#include "apps/serial-over-tcp/agent/remote.h"
#include "apps/serial-over-tcp/agent/unix_listener.h"
#include "rpc/fd.h"

namespace opendext::serial_tcp {

using Clock = std::chrono::steady_clock;

/// The network's side of one port: makes the connection, makes it again when it is lost, or takes
/// callers; says how it stands. One thread calls everything; nothing blocks. The owner polls
/// `poll_fd` for `poll_events`, `listener_fd` for POLLIN, until `deadline`, and calls step().
class Connection {
  public:
    enum class State : uint8_t {
        resolving,  ///< the host's addresses are looked up, on a thread of its own
        connecting,
        listening,  ///< nobody has called
        connected,
        waiting,  ///< the next try comes at the deadline
    };
    struct Backoff {
        std::chrono::milliseconds first{100};
        std::chrono::milliseconds last{5000};
    };
    /// Somebody at the other end: the host that was called, or one of the callers.
    struct Peer {
        uint64_t id = 0;   ///< of this one connection, never used again
        std::string name;  ///< its address
        UniqueFd socket;
        Liveness liveness;
        std::string vanished{};  ///< why it is gone, found by step(): the owner calls lost()
    };

    /// Gives the addresses of a host; runs on a thread of its own.
    using Resolver = Result<std::vector<SocketAddress>> (*)(const Remote&);

    Connection(Remote remote, Backoff backoff, LinkOptions options = {},
               Resolver resolver = &resolve);
    explicit Connection(Remote remote, LinkOptions options = {})
        : Connection(std::move(remote), Backoff{}, std::move(options)) {}
    ~Connection();

    /// Takes the listening address. The error says what is wrong with it. For listeners only,
    /// before the first step(); a step() without it tries, and tries again later.
    Status listen();
    /// Goes on as far as it can. `calls`: false if poll() told that listener_fd() is not readable,
    /// which saves a look.
    void step(Clock::time_point now = Clock::now(), bool calls = true);
    /// Something was sent: whether it arrives is watched from now on. Costs nothing.
    void sending() { sending_ = true; }
    /// This peer closed, or its socket failed: its connection is over. The reason is a copy: it may
    /// come from the peer itself.
    void lost(uint64_t id, std::string reason);
    /// The same for the only peer; nothing happens if there is none.
    void lost(std::string reason);

    [[nodiscard]] State state() const { return state_; }
    /// The state as people read it: "connecting", "connected", "peer gone, retry in 2 s" …
    [[nodiscard]] const std::string& text() const { return text_; }
    /// Those who are connected. Changes in step() and lost() only.
    [[nodiscard]] const std::vector<Peer>& peers() const { return peers_; }
    /// nullptr: it is lost.
    [[nodiscard]] const Peer* find(uint64_t id) const;
    /// Their addresses, with commas between.
    [[nodiscard]] std::string peer() const;
    /// What went wrong last, since ever.
    [[nodiscard]] const std::string& last_error() const { return last_error_; }
    /// Changes with every change of what the functions here tell.
    [[nodiscard]] uint64_t version() const { return version_; }
    [[nodiscard]] uint64_t connections() const { return connections_; }
    /// Callers that were turned away: there were enough already, or they are not allowed.
    [[nodiscard]] uint64_t refused() const { return refused_; }
    /// The first connected socket, -1 otherwise.
    [[nodiscard]] int socket() const { return peers_.empty() ? -1 : peers_.front().socket.get(); }
    /// What the next step() waits for; -1: time, or nothing.
    [[nodiscard]] int poll_fd() const;
    [[nodiscard]] short poll_events() const;
    /// A listener always answers callers, be it to refuse them; -1 otherwise.
    [[nodiscard]] int listener_fd() const { return listener_.get(); }
    /// When a step() is due without any event; the epoch: never.
    [[nodiscard]] Clock::time_point deadline() const;
    /// The remote with the port that was really taken, for `listen 0`.
    [[nodiscard]] const Remote& remote() const { return remote_; }
    [[nodiscard]] const LinkOptions& options() const { return options_; }

  private:
    struct Lookup;
    void set(State state, std::string text);
    void start_lookup();
    void end_lookup(Clock::time_point now);
    void try_next_address(Clock::time_point now);
    void check_connect(Clock::time_point now);
    void accept(Clock::time_point now);
    void refuse(const std::string& caller, const std::string& reason);
    void connected(UniqueFd socket, std::string peer, Clock::time_point now);
    void look_for_vanished(Clock::time_point now);
    void wait(const std::string& reason, Clock::time_point now);

    Remote remote_;
    Backoff backoff_;
    LinkOptions options_;
    Resolver resolver_;
    State state_ = State::waiting;
    std::string text_;
    std::string last_error_;
    uint64_t version_ = 1;
    uint64_t connections_ = 0;
    uint64_t refused_ = 0;
    std::vector<Peer> peers_;
    UniqueFd listener_;
    UnixSocketFile listener_file_;
    UniqueFd calling_;  ///< the socket that is being connected
    std::shared_ptr<Lookup> lookup_;
    std::vector<SocketAddress> addresses_;
    size_t next_address_ = 0;
    std::chrono::milliseconds delay_;
    Clock::time_point deadline_{};
    Clock::time_point connected_at_{};
    bool sending_ = false;
    Clock::time_point look_at_{};  ///< when it is seen whether what was sent has arrived
    std::minstd_rand random_;
};

}  // namespace opendext::serial_tcp
