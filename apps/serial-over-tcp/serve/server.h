// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "apps/serial-over-tcp/agent/byte_queue.h"
#include "apps/serial-over-tcp/agent/connection.h"
#include "apps/serial-over-tcp/agent/peers.h"
#include "apps/serial-over-tcp/agent/wire.h"
#include "apps/serial-over-tcp/serve/tty_line.h"

namespace opendext::serial_tcp {

/// A tty, over the network: callers get its bytes, and with RFC 2217 its settings, modem lines and
/// errors.
///
/// Bytes that the tty brings while nobody is connected are dropped, but for the newest of them that
/// fit into the buffer of the link's options. While the device is away (unplugged, or the other
/// side of a pseudo-terminal closed), callers that speak RFC 2217 stay and are told that the
/// carrier is gone; for the others the end of the connection is the only word they know. It is
/// opened again, as it was set last, as soon as it is back. Bytes that it had taken are gone with
/// it; those that wait here for it go to it when it is back, unless nobody is connected any more.
class Server final : private WireOwner {
  public:
    struct Options {
        /// Where the device is now: a name may lead to another one after it was plugged in again.
        std::function<Result<std::string>()> locate;
        TtyLine::Options line;
        /// What the line is set to when the device is opened first; settings that are not given
        /// stay as they are.
        std::function<void(telnet::LineSettings&)> prepare;
        WireSetup setup;
        /// One line for each event.
        std::function<void(const std::string&)> log;
        std::chrono::milliseconds first_retry{100};
        std::chrono::milliseconds last_retry{1000};
    };
    /// `connection` listens already.
    Server(Options options, std::unique_ptr<Connection> connection);
    ~Server() override;

    /// Opens the device for the first time: what is wrong with it is an error here, and a reason to
    /// wait later.
    Status open();
    /// Serves until `stop` is readable.
    void run(int stop);
    [[nodiscard]] const std::optional<TtyLine>& line() const { return line_; }

  private:
    telnet::LineSettings on_settings(const telnet::LineSettings& wanted) override;
    void on_purge(telnet::Purge what) override;
    void on_break() override;
    void on_mode(telnet::Mode mode) override;

    void drop_peers(Clock::time_point now);
    void lose_device(const std::string& reason);
    void look_for_device(Clock::time_point now);
    void end_break(Clock::time_point now);
    void tell_states(Clock::time_point now);
    void tell_peers();
    /// Whether there are callers, be it that they are still negotiating.
    [[nodiscard]] bool somebody() const { return peers_.count() > 0; }
    bool read_line();
    bool write_peers();
    bool read_peers();
    bool write_line();
    void keep_newest();
    [[nodiscard]] bool wants_line() const;
    void wait(int stop, Clock::time_point now, bool may_sleep);

    Options options_;
    std::unique_ptr<Connection> connection_;
    Peers peers_;
    std::optional<TtyLine> line_;
    telnet::LineSettings settings_;  ///< of the line, or as it will be set when it is back
    ByteQueue out_;                  ///< from the line
    ByteQueue in_;                   ///< for the line
    bool peers_full_ = false;
    bool line_full_ = false;
    bool line_readable_ = true;
    bool settings_changed_ = false;  ///< by one caller: the others have to know
    uint64_t dropped_ = 0;
    std::array<char, 65536> chunk_;
    std::string known_peers_;
    std::vector<pollfd> fds_;
    std::chrono::milliseconds retry_{0};
    Clock::time_point look_at_{};      ///< for the device
    Clock::time_point drop_at_{};      ///< callers that have not said what they speak
    Clock::time_point break_until_{};  ///< of plain Telnet's break
    Clock::time_point states_at_{};    ///< when modem lines are looked at
    Clock::time_point line_retry_{};   ///< when a line that said it has room is tried again
};

}  // namespace opendext::serial_tcp
