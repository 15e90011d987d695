// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace opendext::serial_tcp::telnet {

using Bytes = std::span<const uint8_t>;

/// Bytes after IAC (RFC 854).
enum class Command : uint8_t {
    subnegotiation_end = 240,
    no_operation = 241,
    data_mark = 242,
    break_signal = 243,
    interrupt = 244,
    abort_output = 245,
    are_you_there = 246,
    erase_character = 247,
    erase_line = 248,
    go_ahead = 249,
    subnegotiation = 250,
    will = 251,
    wont = 252,
    do_it = 253,
    dont = 254,
    iac = 255,
};
const char* to_string(Command command);

/// The options that serial links use; a peer may name others, which are refused.
enum class Option : uint8_t {
    binary = 0,             ///< RFC 856
    echo = 1,               ///< RFC 857
    suppress_go_ahead = 3,  ///< RFC 858
    com_port = 44,          ///< RFC 2217
};

/// What a Decoder finds in the bytes of a peer, in order.
class Sink {
  public:
    Sink() = default;
    Sink(const Sink&) = delete;
    Sink& operator=(const Sink&) = delete;
    virtual ~Sink() = default;
    virtual void on_data(Bytes data) = 0;
    /// WILL, WONT, DO or DONT.
    virtual void on_option(Command verb, uint8_t option) = 0;
    virtual void on_subnegotiation(uint8_t option, Bytes body) = 0;
    /// Any other command: break_signal, are_you_there …
    virtual void on_command(Command command) = 0;
};

/// Takes a Telnet stream apart. The bytes come from another machine: nothing they say can make it
/// keep more than kMaxSubnegotiation bytes, and none is lost at the edges of calls. One thread.
class Decoder {
  public:
    /// Longer subnegotiations are left out as a whole.
    static constexpr size_t kMaxSubnegotiation = 512;

    void feed(Bytes bytes, Sink& sink);
    /// Whether the peer sends binary: otherwise CR NUL stands for CR.
    void set_binary(bool binary) { binary_ = binary; }
    /// Forgets what was begun; for a new connection.
    void reset();
    /// Subnegotiations that were too long or broken off.
    [[nodiscard]] uint64_t dropped() const { return dropped_; }

  private:
    enum class State : uint8_t { data, after_cr, iac, option, subnegotiation, subnegotiation_iac };

    void take_command(uint8_t byte, Sink& sink);
    void take_subnegotiation(uint8_t byte);
    void end_subnegotiation(Sink& sink);

    State state_ = State::data;
    bool binary_ = false;
    Command verb_ = Command::no_operation;
    std::vector<uint8_t> body_;  ///< option, then the body
    bool too_long_ = false;
    uint64_t dropped_ = 0;
};

/// Appends data so that the peer's decoder gives it back: IAC doubled and, unless `binary`, CR as
/// CR NUL.
void append_data(std::string& out, Bytes data, bool binary);
void append_command(std::string& out, Command command);
void append_option(std::string& out, Command verb, Option option);
/// IAC SB option body IAC SE, with IAC doubled in the body.
void append_subnegotiation(std::string& out, Option option, Bytes body);

}  // namespace opendext::serial_tcp::telnet
