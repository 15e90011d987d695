// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <random>
#include <string>

#include "apps/serial-over-tcp/agent/remote.h"
#include "rpc/fd.h"

namespace opendext::serial_tcp {

using Clock = std::chrono::steady_clock;

/// The TCP side of one port: makes the connection, makes it again when it is lost, says how it
/// stands. One thread calls everything; nothing blocks. The owner polls `poll_fd` for
/// `poll_events`, until `deadline`, and calls step().
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

    Connection(Remote remote, Backoff backoff);
    explicit Connection(Remote remote) : Connection(std::move(remote), Backoff{}) {}
    ~Connection();

    /// Takes the listening address. The error says what is wrong with it. Before the first step(),
    /// for listeners only.
    Status listen();
    /// Goes on as far as it can.
    void step();
    /// The peer closed, or the socket failed: the connection is over.
    void lost(const std::string& reason);

    [[nodiscard]] State state() const { return state_; }
    /// The state as people read it: "connecting", "connected", "peer gone, retry in 2 s" …
    [[nodiscard]] std::string text() const;
    /// Address of the peer while connected.
    [[nodiscard]] const std::string& peer() const { return peer_; }
    /// Changes with every change of the text or peer.
    [[nodiscard]] uint64_t version() const { return version_; }
    [[nodiscard]] uint64_t connections() const { return connections_; }
    /// The connected socket, -1 otherwise.
    [[nodiscard]] int socket() const { return state_ == State::connected ? socket_.get() : -1; }
    [[nodiscard]] int poll_fd() const;
    [[nodiscard]] short poll_events() const;
    /// While connected a listener still answers callers: it refuses them.
    [[nodiscard]] int listener_fd() const { return listener_.get(); }
    [[nodiscard]] Clock::time_point deadline() const { return deadline_; }
    /// The remote with the port that was really taken, for `listen 0`.
    [[nodiscard]] const Remote& remote() const { return remote_; }

  private:
    struct Lookup;
    void set(State state, std::string text);
    void start_lookup();
    void try_next_address();
    void check_connect();
    void accept();
    void connected(UniqueFd socket, std::string peer);
    void wait(const std::string& reason);

    Remote remote_;
    Backoff backoff_;
    State state_ = State::waiting;
    std::string text_;
    std::string peer_;
    uint64_t version_ = 1;
    uint64_t connections_ = 0;
    UniqueFd socket_;
    UniqueFd listener_;
    std::shared_ptr<Lookup> lookup_;
    Addresses addresses_;
    const addrinfo* next_address_ = nullptr;
    std::string last_error_;
    std::chrono::milliseconds delay_;
    Clock::time_point deadline_{};
    Clock::time_point connected_at_{};
    std::minstd_rand random_;
};

}  // namespace opendext::serial_tcp
