// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

#include "apps/serial-over-tcp/agent/wire.h"
#include "apps/serial-over-tcp/dext/SerialOverTCPLine.h"

namespace opendext::serial_tcp {

/// The line of one port between its driver and its peers. Connecting: what the application and the
/// user want goes to the peer's line (RFC 2217), and what that confirms, its modem lines and errors
/// go to the driver. Listening: the port is one end of a null modem, the callers the other: their
/// settings are taken and told, their DTR is our DSR and DCD, their RTS our CTS, and the reverse.
/// One thread, that of the wires.
class LineLink final : public WireOwner {
  public:
    using Role = telnet::Session::Role;

    /// `each` calls a function with every wire that there is.
    using Each = std::function<void(const std::function<void(Wire&)>&)>;
    LineLink(Role role, Each each) : role_(role), each_(std::move(each)) {
        settings_.dtr = settings_.rts = false;  // nobody has opened the port
    }

    /// For new wires.
    [[nodiscard]] telnet::LineSettings settings() const;
    /// Reads what the driver wrote into its link memory, if it is new, and passes it on.
    void read(const void* link);
    /// A new wire is there, or one has gone: `peers` are left.
    void peers_changed(size_t peers);
    /// The driver is new and knows nothing.
    void driver_is_new() { told_ = false; }
    /// What the driver has to be told now, if anything: true once for each change.
    bool take_news(SerialOverTCPRemoteLine& news);

    void on_mode(telnet::Mode mode) override;
    telnet::LineSettings on_settings(const telnet::LineSettings& settings) override;
    void on_modem_state(uint8_t state) override;
    void on_line_state(uint8_t state) override;
    void on_break() override;
    void on_signature(const std::string& text) override;

  private:
    [[nodiscard]] uint8_t own_modem_state() const;
    void tell_callers();
    void news(uint8_t errors);

    const Role role_;
    const Each each_;
    uint32_t sequence_ = 0;  ///< of what was read last
    uint32_t purge_receive_ = 0;
    uint32_t purge_transmit_ = 0;
    bool purges_known_ = false;
    telnet::LineSettings settings_;  ///< what the driver wants
    telnet::LineSettings callers_;   ///< listening: what a caller set last
    SerialOverTCPRemoteLine remote_{};
    bool told_ = true;  ///< the driver knows remote_
};

/// The driver's half stop bits in the words of RFC 2217: 3 and 4 are 1.5 and 2, all else is 1.
[[nodiscard]] telnet::StopSize stop_size_of(uint8_t half_stop_bits);
/// The driver's words and those of RFC 2217. A value that no line has becomes the usual one.
[[nodiscard]] telnet::LineSettings to_settings(const SerialOverTCPLine& line);
void put_settings(const telnet::LineSettings& settings, SerialOverTCPRemoteLine& line);

}  // namespace opendext::serial_tcp
