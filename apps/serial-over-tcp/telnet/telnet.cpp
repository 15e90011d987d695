// SPDX-License-Identifier: Apache-2.0
#include "apps/serial-over-tcp/telnet/telnet.h"

#include <algorithm>

namespace opendext::serial_tcp::telnet {
namespace {

constexpr uint8_t kIac = static_cast<uint8_t>(Command::iac);
constexpr uint8_t kCarriageReturn = 13;

void append(std::string& out, uint8_t byte) {
    out.push_back(static_cast<char>(byte));
}

}  // namespace

const char* to_string(Command command) {
    switch (command) {
        case Command::subnegotiation_end:
            return "SE";
        case Command::no_operation:
            return "NOP";
        case Command::data_mark:
            return "DM";
        case Command::break_signal:
            return "BRK";
        case Command::interrupt:
            return "IP";
        case Command::abort_output:
            return "AO";
        case Command::are_you_there:
            return "AYT";
        case Command::erase_character:
            return "EC";
        case Command::erase_line:
            return "EL";
        case Command::go_ahead:
            return "GA";
        case Command::subnegotiation:
            return "SB";
        case Command::will:
            return "WILL";
        case Command::wont:
            return "WONT";
        case Command::do_it:
            return "DO";
        case Command::dont:
            return "DONT";
        case Command::iac:
            return "IAC";
    }
    return "?";
}

void Decoder::reset() {
    state_ = State::data;
    binary_ = false;
    body_.clear();
    too_long_ = false;
}

void Decoder::take_command(uint8_t byte, Sink& sink) {
    const auto command = static_cast<Command>(byte);
    state_ = State::data;
    switch (command) {
        case Command::iac:
            sink.on_data({&byte, 1});
            break;
        case Command::will:
        case Command::wont:
        case Command::do_it:
        case Command::dont:
            verb_ = command;
            state_ = State::option;
            break;
        case Command::subnegotiation:
            body_.clear();
            too_long_ = false;
            state_ = State::subnegotiation;
            break;
        case Command::subnegotiation_end:
            break;  // of nothing
        default:
            sink.on_command(command);
            break;
    }
}

void Decoder::take_subnegotiation(uint8_t byte) {
    if (body_.size() > kMaxSubnegotiation) {
        too_long_ = true;
        return;
    }
    body_.push_back(byte);
}

void Decoder::end_subnegotiation(Sink& sink) {
    state_ = State::data;
    if (too_long_ || body_.empty()) {
        ++dropped_;
    } else {
        sink.on_subnegotiation(body_[0], Bytes(body_).subspan(1));
    }
    body_.clear();
}

void Decoder::feed(Bytes bytes, Sink& sink) {
    size_t at = 0;
    while (at < bytes.size()) {
        const uint8_t byte = bytes[at];
        switch (state_) {
            case State::data: {
                const auto* begin = bytes.data() + at;
                const auto* end = bytes.data() + bytes.size();
                const auto* stop = std::find_if(begin, end, [this](uint8_t each) {
                    return each == kIac || (!binary_ && each == kCarriageReturn);
                });
                // The CR itself is data; what follows it may not be.
                const bool carriage_return = stop != end && *stop == kCarriageReturn;
                const size_t length = static_cast<size_t>(stop - begin) + (carriage_return ? 1 : 0);
                if (length != 0) sink.on_data({begin, length});
                at += length;
                if (carriage_return) {
                    state_ = State::after_cr;
                } else if (stop != end) {
                    ++at;
                    state_ = State::iac;
                }
                continue;
            }
            case State::after_cr:
                state_ = State::data;
                if (byte == 0) break;  // CR NUL: the CR alone
                continue;              // anything else is looked at once more, as data
            case State::iac:
                take_command(byte, sink);
                break;
            case State::option:
                state_ = State::data;
                sink.on_option(verb_, byte);
                break;
            case State::subnegotiation:
                if (byte == kIac) {
                    state_ = State::subnegotiation_iac;
                } else {
                    take_subnegotiation(byte);
                }
                break;
            case State::subnegotiation_iac:
                if (byte == kIac) {
                    state_ = State::subnegotiation;
                    take_subnegotiation(byte);
                } else if (byte == static_cast<uint8_t>(Command::subnegotiation_end)) {
                    end_subnegotiation(sink);
                } else {
                    // The peer broke it off: what follows IAC is a command of its own.
                    ++dropped_;
                    body_.clear();
                    take_command(byte, sink);
                }
                break;
        }
        ++at;
    }
}

void append_data(std::string& out, Bytes data, bool binary) {
    const auto* at = data.data();
    const auto* const end = at + data.size();
    while (at != end) {
        const auto* stop = std::find_if(at, end, [binary](uint8_t each) {
            return each == kIac || (!binary && each == kCarriageReturn);
        });
        out.append(reinterpret_cast<const char*>(at), static_cast<size_t>(stop - at));
        if (stop == end) break;
        append(out, *stop);
        append(out, *stop == kIac ? kIac : 0);
        at = stop + 1;
    }
}

void append_command(std::string& out, Command command) {
    append(out, kIac);
    append(out, static_cast<uint8_t>(command));
}

void append_option(std::string& out, Command verb, Option option) {
    append_command(out, verb);
    append(out, static_cast<uint8_t>(option));
}

void append_subnegotiation(std::string& out, Option option, Bytes body) {
    append_command(out, Command::subnegotiation);
    append(out, static_cast<uint8_t>(option));
    append_data(out, body, true);
    append_command(out, Command::subnegotiation_end);
}

}  // namespace opendext::serial_tcp::telnet
