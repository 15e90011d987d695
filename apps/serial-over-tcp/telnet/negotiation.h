// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>

#include "apps/serial-over-tcp/telnet/telnet.h"

namespace opendext::serial_tcp::telnet {

/// Who does what an option says.
enum class Side : uint8_t { local, remote };

/// Option negotiation of one connection by the Q method of RFC 1143: no loops, whatever the peer
/// says. Bytes to send are appended to the string given; the owner sends them. One thread.
class Negotiation {
  public:
    /// `changed` is called when an option came into force or went.
    using Changed = std::function<void(Side side, Option option, bool on)>;
    explicit Negotiation(Changed changed) : changed_(std::move(changed)) {}

    /// Whether a wish of the peer's is granted; nothing is by default.
    void allow(Side side, Option option, bool allowed);
    /// Asks for an option to be switched on or off.
    void request(Side side, Option option, bool on, std::string& out);
    void receive(Command verb, uint8_t option, std::string& out);

    [[nodiscard]] bool on(Side side, Option option) const;
    /// Whether an answer to our own wish is still to come.
    [[nodiscard]] bool pending(Side side, Option option) const;
    /// Whether the peer has refused what we asked for.
    [[nodiscard]] bool refused(Side side, Option option) const;

  private:
    enum class State : uint8_t { no, yes, want_no, want_yes };
    struct Half {
        State state = State::no;
        bool opposite = false;  ///< the other wish came up while the first was under way
        bool allowed = false;
        bool refused = false;
    };

    Half& half(Side side, uint8_t option);
    [[nodiscard]] const Half& half(Side side, Option option) const;
    void enter(Side side, uint8_t option, State state);
    void agreed(Side side, uint8_t option, std::string& out);
    void declined(Side side, uint8_t option, std::string& out);

    Changed changed_;
    std::array<std::array<Half, 256>, 2> halves_{};
};

}  // namespace opendext::serial_tcp::telnet
