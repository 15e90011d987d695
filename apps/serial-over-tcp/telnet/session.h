// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "apps/serial-over-tcp/telnet/com_port.h"
#include "apps/serial-over-tcp/telnet/negotiation.h"
#include "apps/serial-over-tcp/telnet/telnet.h"

namespace opendext::serial_tcp::telnet {

/// What the user wants of a link.
enum class Protocol : uint8_t {
    raw,        ///< bytes as they are
    telnet,     ///< Telnet without line settings
    rfc2217,    ///< Telnet, with line settings where the peer knows them
    automatic,  ///< Telnet if the peer begins with it, raw otherwise
};
const char* to_string(Protocol protocol);
std::optional<Protocol> parse_protocol(const std::string& word);

/// What a link is at the moment.
enum class Mode : uint8_t {
    undecided,  ///< automatic, and the peer has said nothing
    raw,
    telnet,
    rfc2217,  ///< the Com Port option is in force
};
const char* to_string(Mode mode);

enum class Flow : uint8_t { none, xon_xoff, hardware };

/// How a line is set.
struct LineSettings {
    uint32_t baud_rate = 9600;
    uint8_t data_size = 8;
    Parity parity = Parity::none;
    StopSize stop_size = StopSize::one;
    Flow flow = Flow::none;
    bool dtr = true;
    bool rts = true;
    bool break_on = false;

    bool operator==(const LineSettings&) const = default;
};

/// The owner of a Session. Called from feed(), start() and settle_for_raw() only.
class SessionOwner {
  public:
    SessionOwner() = default;
    SessionOwner(const SessionOwner&) = delete;
    SessionOwner& operator=(const SessionOwner&) = delete;
    virtual ~SessionOwner() = default;

    /// Bytes of the line.
    virtual void on_data(Bytes data) = 0;
    virtual void on_mode(Mode mode) = 0;
    /// Client: what the server says that the line is set to. Server: what the client wants; the
    /// answer is what the line is set to now.
    virtual LineSettings on_settings(const LineSettings& settings) = 0;
    /// Client: bits of namespace modem and line.
    virtual void on_modem_state(uint8_t state) = 0;
    virtual void on_line_state(uint8_t state) = 0;
    /// The peer wants no data for now, or wants it again.
    virtual void on_suspend(bool suspended) = 0;
    /// Server: throw away what waits.
    virtual void on_purge(Purge what) = 0;
    /// Plain Telnet's break.
    virtual void on_break() = 0;
    virtual void on_signature(const std::string& text) = 0;
};

/// One connection of a serial port over TCP: what the protocol does to the bytes. Knows nothing of
/// sockets: bytes to send are appended to a string. One thread.
class Session {
  public:
    enum class Role : uint8_t {
        client,  ///< has the application; wants a line set
        server,  ///< has the line
    };
    Session(Protocol protocol, Role role, SessionOwner& owner, std::string signature);

    /// A connection was made. `settings`: of the line, as it should be or as it is.
    void start(const LineSettings& settings, std::string& out);
    /// Automatic: the peer has been silent for long enough, or has ended.
    void settle_for_raw();
    /// Server: the client has not said that it speaks RFC 2217, a while after it came. Asked at
    /// once, clients that are just about to say it (pyserial) take the question for the answer.
    void ask_for_com_port(std::string& out);
    void feed(Bytes bytes, std::string& out);
    /// Bytes of the line for the peer.
    void append(Bytes data, std::string& out) const;

    [[nodiscard]] Mode mode() const { return mode_; }
    /// Whether data may be sent: while the peer has not answered whether we send binary, it could
    /// take CR for something else.
    [[nodiscard]] bool settled() const {
        return mode_ != Mode::undecided && !negotiation_.pending(Side::local, Option::binary);
    }

    /// Client: what should be different goes to the server, now or as soon as it knows how.
    void set(const LineSettings& settings, std::string& out);
    void purge(Purge what, std::string& out);
    /// Both: the peer shall send nothing for now, or go on.
    void suspend(bool suspended, std::string& out);
    /// Server: tells the client, as far as its masks allow.
    void tell_modem_state(uint8_t state, std::string& out);
    void tell_line_state(uint8_t state, std::string& out);

    /// Client: what the server has confirmed; nothing where it answered nothing yet.
    [[nodiscard]] const std::optional<LineSettings>& confirmed() const { return confirmed_; }
    /// Subnegotiations that made no sense.
    [[nodiscard]] uint64_t ignored() const { return ignored_ + decoder_.dropped(); }

  private:
    class Receiver;

    void enter(Mode mode);
    void take(Bytes bytes, std::string& out);
    void begin_telnet(std::string& out);
    void changed(Side side, Option option, bool on);
    void send(ComPort command, uint32_t value, std::string& out) const;
    void send_all(std::string& out) const;
    void send_difference(const LineSettings& from, const LineSettings& to, std::string& out) const;
    void com_port(const ComPortMessage& message, std::string& out);
    void client_hears(const ComPortMessage& message);
    void server_hears(const ComPortMessage& message, std::string& out);
    void server_control(uint32_t value, std::string& out);
    void apply(const LineSettings& wanted);

    const Protocol protocol_;
    const Role role_;
    SessionOwner& owner_;
    const std::string signature_;
    Mode mode_ = Mode::undecided;
    bool iac_waits_ = false;  ///< undecided: an IAC came, and nothing behind it
    Decoder decoder_;
    Negotiation negotiation_;
    LineSettings settings_;
    std::optional<LineSettings> confirmed_;
    uint8_t line_mask_ = 0;     ///< server: RFC 2217 begins with nothing
    uint8_t modem_mask_ = 255;  ///< and with everything
    uint8_t modem_state_ = 0;
    // The option has just come into force, and this is still to be said.
    bool settings_due_ = false;
    bool modem_state_due_ = false;
    uint64_t ignored_ = 0;
};

}  // namespace opendext::serial_tcp::telnet
