// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "apps/serial-over-tcp/telnet/telnet.h"

/// The Com Port Control option (RFC 2217): the words of client and access server, as values.
namespace opendext::serial_tcp::telnet {

/// The second byte of a subnegotiation as the client sends it; a server's answers and
/// notifications have kFromServer added.
enum class ComPort : uint8_t {
    signature = 0,
    baud_rate = 1,
    data_size = 2,
    parity = 3,
    stop_size = 4,
    control = 5,
    line_state = 6,   ///< server only
    modem_state = 7,  ///< server only
    suspend = 8,
    resume = 9,
    line_state_mask = 10,
    modem_state_mask = 11,
    purge = 12,
};
inline constexpr uint8_t kFromServer = 100;
const char* to_string(ComPort command);

enum class Parity : uint8_t { none = 1, odd = 2, even = 3, mark = 4, space = 5 };
enum class StopSize : uint8_t { one = 1, two = 2, one_and_a_half = 3 };

/// Values of ComPort::control.
enum class Control : uint8_t {
    ask_flow = 0,
    flow_none = 1,
    flow_xon_xoff = 2,
    flow_hardware = 3,
    ask_break = 4,
    break_on = 5,
    break_off = 6,
    ask_dtr = 7,
    dtr_on = 8,
    dtr_off = 9,
    ask_rts = 10,
    rts_on = 11,
    rts_off = 12,
    ask_flow_in = 13,
    flow_in_none = 14,
    flow_in_xon_xoff = 15,
    flow_in_hardware = 16,
    flow_dcd = 17,
    flow_in_dtr = 18,
    flow_dsr = 19,
};

enum class Purge : uint8_t { receive = 1, transmit = 2, both = 3 };

/// Bits of ComPort::line_state.
namespace line {
inline constexpr uint8_t kTimeout = 128;
inline constexpr uint8_t kShiftRegisterEmpty = 64;
inline constexpr uint8_t kHoldingRegisterEmpty = 32;
inline constexpr uint8_t kBreak = 16;
inline constexpr uint8_t kFramingError = 8;
inline constexpr uint8_t kParityError = 4;
inline constexpr uint8_t kOverrunError = 2;
inline constexpr uint8_t kDataReady = 1;
}  // namespace line

/// Bits of ComPort::modem_state.
namespace modem {
inline constexpr uint8_t kCarrierDetect = 128;
inline constexpr uint8_t kRing = 64;
inline constexpr uint8_t kDataSetReady = 32;
inline constexpr uint8_t kClearToSend = 16;
inline constexpr uint8_t kDeltaCarrierDetect = 8;
inline constexpr uint8_t kTrailingEdgeRing = 4;
inline constexpr uint8_t kDeltaDataSetReady = 2;
inline constexpr uint8_t kDeltaClearToSend = 1;
}  // namespace modem

/// One subnegotiation of the option.
struct ComPortMessage {
    ComPort command = ComPort::signature;
    bool from_server = false;
    uint32_t value = 0;  ///< of all commands but signature, suspend and resume
    std::string text;    ///< signature: what the sender is; empty asks for it

    bool operator==(const ComPortMessage&) const = default;
};

/// Appends the whole subnegotiation, IAC SB … IAC SE.
void append_com_port(std::string& out, const ComPortMessage& message);
/// The body of a subnegotiation of Option::com_port; nothing if it is not one of RFC 2217 or has
/// the wrong length. A value may still be one that has no name.
std::optional<ComPortMessage> parse_com_port(Bytes body);

}  // namespace opendext::serial_tcp::telnet
