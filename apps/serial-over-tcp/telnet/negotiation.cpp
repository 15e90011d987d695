// SPDX-License-Identifier: Apache-2.0
#include "apps/serial-over-tcp/telnet/negotiation.h"

namespace opendext::serial_tcp::telnet {
namespace {

/// The words of one side: WILL and WONT for what we do, DO and DONT for what the peer does.
Command word(Side side, bool on) {
    if (side == Side::local) return on ? Command::will : Command::wont;
    return on ? Command::do_it : Command::dont;
}

void say(std::string& out, Side side, uint8_t option, bool on) {
    append_option(out, word(side, on), static_cast<Option>(option));
}

}  // namespace

Negotiation::Half& Negotiation::half(Side side, uint8_t option) {
    return halves_[static_cast<size_t>(side)][option];
}

const Negotiation::Half& Negotiation::half(Side side, Option option) const {
    return halves_[static_cast<size_t>(side)][static_cast<uint8_t>(option)];
}

void Negotiation::allow(Side side, Option option, bool allowed) {
    half(side, static_cast<uint8_t>(option)).allowed = allowed;
}

bool Negotiation::on(Side side, Option option) const {
    return half(side, option).state == State::yes;
}

bool Negotiation::pending(Side side, Option option) const {
    const State state = half(side, option).state;
    return state == State::want_no || state == State::want_yes;
}

bool Negotiation::refused(Side side, Option option) const {
    return half(side, option).refused;
}

void Negotiation::enter(Side side, uint8_t option, State state) {
    Half& half = this->half(side, option);
    const bool was = half.state == State::yes;
    half.state = state;
    const bool is = state == State::yes;
    if (was != is && changed_) changed_(side, static_cast<Option>(option), is);
}

void Negotiation::request(Side side, Option option, bool on, std::string& out) {
    const auto number = static_cast<uint8_t>(option);
    Half& half = this->half(side, number);
    const State resting = on ? State::yes : State::no;
    const State wanted = on ? State::want_yes : State::want_no;
    half.refused = false;
    if (half.state == resting) return;
    if (half.state == State::yes || half.state == State::no) {
        half.opposite = false;
        enter(side, number, wanted);
        say(out, side, number, on);
        return;
    }
    // One wish is under way already: this one is said when the answer is there.
    half.opposite = half.state != wanted;
}

void Negotiation::agreed(Side side, uint8_t option, std::string& out) {
    Half& half = this->half(side, option);
    switch (half.state) {
        case State::no:
            if (half.allowed) enter(side, option, State::yes);
            say(out, side, option, half.allowed);
            break;
        case State::yes:
            break;
        case State::want_no:
            // The answer to "off" may not be "on"; RFC 1143 takes it for the wish that came up.
            enter(side, option, half.opposite ? State::yes : State::no);
            half.opposite = false;
            break;
        case State::want_yes:
            if (half.opposite) {
                half.opposite = false;
                enter(side, option, State::want_no);
                say(out, side, option, false);
            } else {
                enter(side, option, State::yes);
            }
            break;
    }
}

void Negotiation::declined(Side side, uint8_t option, std::string& out) {
    Half& half = this->half(side, option);
    switch (half.state) {
        case State::no:
            break;
        case State::yes:
            enter(side, option, State::no);
            say(out, side, option, false);
            break;
        case State::want_no:
            if (half.opposite) {
                half.opposite = false;
                enter(side, option, State::want_yes);
                say(out, side, option, true);
            } else {
                enter(side, option, State::no);
            }
            break;
        case State::want_yes:
            half.refused = !half.opposite;
            half.opposite = false;
            enter(side, option, State::no);
            break;
    }
}

void Negotiation::receive(Command verb, uint8_t option, std::string& out) {
    switch (verb) {
        case Command::will:
            return agreed(Side::remote, option, out);
        case Command::wont:
            return declined(Side::remote, option, out);
        case Command::do_it:
            return agreed(Side::local, option, out);
        case Command::dont:
            return declined(Side::local, option, out);
        default:
            return;
    }
}

}  // namespace opendext::serial_tcp::telnet
