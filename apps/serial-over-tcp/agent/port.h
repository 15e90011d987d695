// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "apps/serial-over-tcp/agent/backlog.h"
#include "apps/serial-over-tcp/agent/connection.h"
#include "apps/serial-over-tcp/agent/driver_link.h"
#include "apps/serial-over-tcp/agent/line_link.h"
#include "apps/serial-over-tcp/agent/peers.h"
#include "apps/serial-over-tcp/agent/rings.h"
#include "apps/serial-over-tcp/agent/stream_wait.h"

namespace opendext::serial_tcp {

/// One port of the application: moves bytes between its driver's rings and its peers. It has a
/// thread of its own, so that a driver that hangs in a call, or a slow peer, holds up no other
/// port. Either end may come and go; meanwhile the bytes wait in the rings, which are bounded, and
/// where the port has one in its backlog.
class Port {
  public:
    Port(std::string name, std::unique_ptr<Connection> connection, WireSetup setup,
         std::optional<Backlog> backlog);
    /// Ends the thread and closes both ends.
    ~Port();

    /// The counters go on where those of a predecessor of this agent stood when it told them last.
    /// Before start().
    void count_on(const PortInfo& counted);
    void start();
    [[nodiscard]] const std::string& name() const { return name_; }
    /// Both as they were given, but for the port that a listener took before start().
    [[nodiscard]] const Remote& remote() const { return remote_; }
    [[nodiscard]] const LinkOptions& options() const { return connection_->options(); }

  private:
    void run();
    bool follow_driver();
    void tell_line();
    bool move(Clock::time_point now);
    bool send_out();
    bool send_backlog();
    bool send_ring();
    bool store();
    bool receive_in();
    [[nodiscard]] bool wants_transmit() const;
    [[nodiscard]] SerialOverTCPState state();
    [[nodiscard]] uint64_t version();
    [[nodiscard]] Clock::time_point report_due();
    void report(Clock::time_point now);
    void sleep(Clock::time_point now);
    void acknowledge_later(Clock::time_point now);
    bool wait_for_pieces(Clock::time_point wake);
    bool pass_out();
    bool pass_in();

    const std::string name_;
    std::unique_ptr<Connection> connection_;
    const Remote remote_;
    const WireSetup setup_;
    LineLink line_;
    Peers peers_;
    size_t peer_count_ = 0;  ///< that the line knows of
    std::optional<Backlog> backlog_;
    std::unique_ptr<DriverLink> driver_;
    Rings rings_;
    UniqueFd wake_;
    std::atomic<bool> stop_{false};
    std::thread thread_;
    std::vector<pollfd> fds_;

    bool open_ = false;    ///< a program has the port open
    bool joined_ = false;  ///< this agent knows where in the port's stream it is
    unsigned rounds_ = 0;
    bool calls_ = true;                   ///< there may be a caller
    bool peers_full_ = false;             ///< the peers take no more for now
    bool ring_full_ = false;              ///< the driver takes no more for now
    Clock::time_point acknowledge_at_{};  ///< when the driver has to be told of bytes taken
    uint32_t acknowledge_from_ = 0;       ///< what had been taken when that was set
    StreamWait stream_;
    unsigned small_rounds_ = 0;  ///< one after the other that moved a small piece
    uint64_t slept_at_ = 0;      ///< how much had been moved when sleep() was called last

    uint64_t sent_ = 0;
    uint64_t received_ = 0;
    uint64_t connections_before_ = 0;  ///< this agent
    uint64_t refused_before_ = 0;
    SerialOverTCPState reported_{};
    uint64_t reported_version_ = 0;  ///< 0: the driver knows nothing
    Clock::time_point reported_at_{};
    Clock::time_point greet_at_{};  ///< when a new driver is told what there is; 0: it knows
    bool readable_ = true;          ///< a peer may have sent something
    bool settled_ = false;          ///< the driver knows the counters, and they rest
};

}  // namespace opendext::serial_tcp
