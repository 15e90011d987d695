// SPDX-License-Identifier: Apache-2.0
#include "apps/serial-over-tcp/telnet/com_port.h"

#include <array>

namespace opendext::serial_tcp::telnet {
namespace {

/// Bytes of the value, by command.
size_t value_size(ComPort command) {
    switch (command) {
        case ComPort::signature:
        case ComPort::suspend:
        case ComPort::resume:
            return 0;
        case ComPort::baud_rate:
            return 4;
        default:
            return 1;
    }
}

bool server_only(ComPort command) {
    return command == ComPort::line_state || command == ComPort::modem_state;
}

}  // namespace

const char* to_string(ComPort command) {
    static constexpr std::array kNames{
        "SIGNATURE",           "SET-BAUDRATE",       "SET-DATASIZE",       "SET-PARITY",
        "SET-STOPSIZE",        "SET-CONTROL",        "NOTIFY-LINESTATE",   "NOTIFY-MODEMSTATE",
        "FLOWCONTROL-SUSPEND", "FLOWCONTROL-RESUME", "SET-LINESTATE-MASK", "SET-MODEMSTATE-MASK",
        "PURGE-DATA"};
    const auto at = static_cast<size_t>(command);
    return at < kNames.size() ? kNames[at] : "?";
}

void append_com_port(std::string& out, const ComPortMessage& message) {
    std::string body(1, static_cast<char>(static_cast<uint8_t>(message.command) +
                                          (message.from_server ? kFromServer : 0)));
    if (message.command == ComPort::signature) {
        body += message.text;
    } else {
        for (size_t left = value_size(message.command); left > 0; --left)
            body.push_back(static_cast<char>(message.value >> (8 * (left - 1)) & 0xff));
    }
    append_subnegotiation(out, Option::com_port,
                          {reinterpret_cast<const uint8_t*>(body.data()), body.size()});
}

std::optional<ComPortMessage> parse_com_port(Bytes body) {
    if (body.empty()) return std::nullopt;
    ComPortMessage message;
    message.from_server = body[0] >= kFromServer;
    const auto code = static_cast<uint8_t>(body[0] - (message.from_server ? kFromServer : 0));
    if (code > static_cast<uint8_t>(ComPort::purge)) return std::nullopt;
    message.command = static_cast<ComPort>(code);
    if (server_only(message.command) && !message.from_server) return std::nullopt;
    const Bytes value = body.subspan(1);
    if (message.command == ComPort::signature) {
        message.text.assign(value.begin(), value.end());
        return message;
    }
    if (value.size() != value_size(message.command)) return std::nullopt;
    for (const uint8_t byte : value) message.value = message.value << 8 | byte;
    return message;
}

}  // namespace opendext::serial_tcp::telnet
