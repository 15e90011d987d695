// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "apps/serial-over-tcp/agent/rings.h"
#include "apps/serial-over-tcp/agent/transport.h"
#include "apps/serial-over-tcp/telnet/session.h"

namespace opendext::serial_tcp {

class TlsContext;

/// What a wire tells of the line behind it. Called from step(), receive() and the constructor, on
/// the wire's thread; the wire must not be destroyed in one.
class WireOwner {
  public:
    WireOwner() = default;
    WireOwner(const WireOwner&) = delete;
    WireOwner& operator=(const WireOwner&) = delete;
    virtual ~WireOwner() = default;

    /// What the link has become: raw, telnet or rfc2217.
    virtual void on_mode(telnet::Mode mode) { (void)mode; }
    /// Client: what the server says that its line is set to (the answer is not looked at). Server:
    /// what the client wants; the answer is what the line is set to now.
    virtual telnet::LineSettings on_settings(const telnet::LineSettings& settings) {
        return settings;
    }
    /// Client: bits of namespace telnet::modem and telnet::line.
    virtual void on_modem_state(uint8_t state) { (void)state; }
    virtual void on_line_state(uint8_t state) { (void)state; }
    /// Server: the client wants what waits thrown away.
    virtual void on_purge(telnet::Purge what) { (void)what; }
    /// The peer sent plain Telnet's break.
    virtual void on_break() {}
    /// What the peer says that it is.
    virtual void on_signature(const std::string& text) { (void)text; }
};

/// How a link talks; the same for all its connections.
struct WireSetup {
    telnet::Protocol protocol = telnet::Protocol::raw;
    /// The one that connects has the application, the one that listens has the line.
    telnet::Session::Role role = telnet::Session::Role::client;
    std::shared_ptr<TlsContext> tls;  ///< nullptr: no encryption
    std::chrono::milliseconds handshake_limit{10'000};
    /// Protocol auto: how long the peer may take to begin with Telnet.
    std::chrono::milliseconds settle_after{300};
    /// How long data waits for the peer's answer whether it takes binary; then CR is sent as CR
    /// NUL.
    std::chrono::milliseconds answer_limit{1000};
};

/// One connection of a port, from a connected socket to the bytes of the line: raw or Telnet, over
/// plain TCP or TLS. Raw and plain, it moves bytes between the socket and the caller's memory
/// without a copy. One thread; nothing blocks.
///
/// The owner, whenever the descriptor or the deadline is due: step(), then send() and receive() as
/// it has bytes and room while open(), until they block; then it polls the socket for events(),
/// unless it has room and buffered() is true. Each of the three may find that the connection is
/// over.
class Wire final : private telnet::SessionOwner {
  public:
    using Clock = std::chrono::steady_clock;

    /// `socket` stays the caller's, open and non-blocking as long as this lives. `settings`: of the
    /// line, as it should be (client) or as it is (server).
    Wire(int socket, const WireSetup& setup, const telnet::LineSettings& settings,
         WireOwner& owner);
    ~Wire() override;

    enum class State : uint8_t {
        handshake,  ///< TLS is being agreed on
        deciding,   ///< the peer may yet begin with Telnet, or has not answered how CR is sent
        open,
        gone,
    };
    [[nodiscard]] State state() const { return state_; }
    /// Whether bytes of the line may move.
    [[nodiscard]] bool open() const { return state_ == State::open; }
    /// Bytes go as they are between the socket and the owner's memory, both ways, and nothing else
    /// is under way.
    [[nodiscard]] bool plain() const {
        return plain_ && open() && passes_through() && !suspended_ && out_.empty() && in_.empty() &&
               end_.empty();
    }
    /// "" while open, else what is going on, for people: "TLS handshake" …
    [[nodiscard]] std::string text() const;

    /// Goes on with the handshake, sends what waits in here, looks at the clock. `receives`: the
    /// owner calls receive() next if it may; otherwise a peer's questions are answered here, and
    /// bytes of the line that come with them wait in here. `moved` if all is well.
    Moved step(bool receives);
    /// Takes bytes of the line, as many as go.
    Moved send(const Stretch& bytes);
    /// Brings bytes of the line into `room`.
    Moved receive(const Stretch& room);

    /// What to poll the socket for. It may have to become writable although only receiving is
    /// wanted, and the reverse.
    [[nodiscard]] short events(bool receive, bool send) const;
    /// Whether receive() may bring bytes although the socket is not readable.
    [[nodiscard]] bool buffered() const;
    /// Whether nothing that the peer has sent is left; after a hang-up the connection is over then.
    [[nodiscard]] bool drained() const;
    /// When step() is due without any event; the epoch: never.
    [[nodiscard]] Clock::time_point deadline() const {
        return deadline_ != Clock::time_point{} ? deadline_ : ask_at_;
    }

    // What the line is like. Nothing of it where the link is raw.

    [[nodiscard]] telnet::Mode mode() const { return session_.mode(); }
    /// Client: how the server's line should be set, from now on.
    void set(const telnet::LineSettings& settings);
    /// Client: what the server has confirmed.
    [[nodiscard]] const std::optional<telnet::LineSettings>& confirmed() const {
        return session_.confirmed();
    }
    /// Client: the server shall throw away what waits at its line.
    void purge(telnet::Purge what);
    /// The peer shall send nothing for now, or go on.
    void suspend(bool suspended);
    /// Server: tells the client, as far as it wants to hear.
    void tell_modem_state(uint8_t state);
    void tell_line_state(uint8_t state);

  private:
    class Room;

    void on_data(telnet::Bytes data) override;
    void on_mode(telnet::Mode mode) override;
    telnet::LineSettings on_settings(const telnet::LineSettings& settings) override {
        return owner_.on_settings(settings);
    }
    void on_modem_state(uint8_t state) override { owner_.on_modem_state(state); }
    void on_line_state(uint8_t state) override { owner_.on_line_state(state); }
    void on_suspend(bool suspended) override { suspended_ = suspended; }
    void on_purge(telnet::Purge what) override { owner_.on_purge(what); }
    void on_break() override { owner_.on_break(); }
    void on_signature(const std::string& text) override { owner_.on_signature(text); }

    [[nodiscard]] bool passes_through() const { return session_.mode() == telnet::Mode::raw; }
    void begin_session();
    void decide();
    Moved over(std::string reason);
    Moved watch(Moved moved);
    Moved flush();
    Moved read_ahead();
    [[nodiscard]] bool reads_ahead() const;

    WireOwner& owner_;
    const int socket_;
    const bool plain_;  ///< not encrypted
    const std::chrono::milliseconds settle_after_;
    const std::chrono::milliseconds answer_limit_;
    std::unique_ptr<Transport> transport_;
    telnet::Session session_;
    telnet::LineSettings settings_;
    State state_ = State::handshake;
    Clock::time_point deadline_{};
    Clock::time_point ask_at_{};  ///< when a client is asked for RFC 2217
    bool suspended_ = false;      ///< the peer wants no data for now
    std::string out_;             ///< Telnet's words and bytes that wait for the socket
    size_t sent_ = 0;             ///< of out_
    std::string in_;              ///< bytes of the line that came while nobody had room for them
    std::string end_;             ///< why the connection is over, once in_ is taken
    Room* room_ = nullptr;        ///< while receive() decodes
};

}  // namespace opendext::serial_tcp
