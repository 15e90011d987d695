// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <thread>

#include "apps/serial-over-tcp/agent/connection.h"
#include "apps/serial-over-tcp/agent/driver_link.h"
#include "apps/serial-over-tcp/agent/rings.h"
#include "apps/serial-over-tcp/agent/wire.h"

namespace opendext::serial_tcp {

/// One port of the application: moves bytes between its driver's rings and its TCP connection. It
/// has a thread of its own, so that a driver that hangs in a call, or a slow peer, holds up no
/// other port. Either end may come and go; the bytes wait in the rings, and the rings are bounded.
class Port final : public WireOwner {
  public:
    /// `connection` has its listening address already if it listens.
    Port(std::string name, std::unique_ptr<Connection> connection);
    /// Ends the thread and closes both ends.
    ~Port() override;

    void start();
    [[nodiscard]] const std::string& name() const { return name_; }
    [[nodiscard]] const Remote& remote() const { return connection_->remote(); }

  private:
    void run();
    void follow_driver();
    void follow_connection();
    void lost(const std::string& reason);
    bool move();
    bool send_out();
    bool receive_in();
    void report();
    void sleep();

    const std::string name_;
    std::unique_ptr<Connection> connection_;
    WireSetup setup_;
    std::unique_ptr<Wire> wire_;  ///< of the present connection
    std::unique_ptr<DriverLink> driver_;
    Rings rings_;
    UniqueFd wake_;
    std::atomic<bool> stop_{false};
    std::thread thread_;

    bool open_ = false;           ///< a program has the port open
    bool socket_full_ = false;    ///< the peer takes no more for now
    bool ring_full_ = false;      ///< the driver takes no more for now
    bool peer_finished_ = false;  ///< the peer closed, and what it sent before waits for room
    Clock::time_point acknowledge_at_{};  ///< when the driver has to be told of bytes taken
    uint64_t reported_ = 0;
    uint64_t sent_ = 0;
    uint64_t received_ = 0;
};

}  // namespace opendext::serial_tcp
