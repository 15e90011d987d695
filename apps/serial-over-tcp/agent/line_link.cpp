// SPDX-License-Identifier: Apache-2.0
#include "apps/serial-over-tcp/agent/line_link.h"

#include <cstdio>
#include <cstring>
#include <utility>

#include "families/serial/sdk/SerialConstants.h"

namespace opendext::serial_tcp {
namespace {

using telnet::Flow;
using telnet::LineSettings;
using telnet::Mode;
using telnet::Parity;
using telnet::StopSize;

constexpr uint8_t kAllUp =
    kSerialOverTCPClearToSend | kSerialOverTCPDataSetReady | kSerialOverTCPCarrierDetect;
/// How often a line that is being written is read again before the next turn.
constexpr int kAttempts = 100;

/// One consistent copy; false if the driver is writing.
bool copy_line(const SerialOverTCPLine& from, SerialOverTCPLine& to) {
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
        const uint32_t before = __atomic_load_n(&from.sequence, __ATOMIC_ACQUIRE);
        if (before % 2 != 0) continue;
        std::memcpy(&to, &from, sizeof to);
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        if (__atomic_load_n(&from.sequence, __ATOMIC_RELAXED) == before) {
            to.sequence = before;
            return true;
        }
    }
    return false;
}

}  // namespace

StopSize stop_size_of(uint8_t half_stop_bits) {
    return half_stop_bits == 3   ? StopSize::one_and_a_half
           : half_stop_bits == 4 ? StopSize::two
                                 : StopSize::one;
}

LineSettings to_settings(const SerialOverTCPLine& line) {
    LineSettings settings;
    if (line.baudRate != 0) settings.baud_rate = line.baudRate;
    if (line.dataBits >= 5 && line.dataBits <= 8) settings.data_size = line.dataBits;
    if (line.parity >= PD_RS232_PARITY_NONE && line.parity <= PD_RS232_PARITY_SPACE)
        settings.parity = static_cast<Parity>(line.parity);  // the same numbers
    settings.stop_size = stop_size_of(line.halfStopBits);
    if ((line.flow & PD_RS232_S_CTS) != 0) {
        settings.flow = Flow::hardware;
    } else if ((line.flow & (PD_RS232_S_TXO | PD_RS232_S_RXO)) != 0) {
        settings.flow = Flow::xon_xoff;
    }
    settings.dtr = line.dtr != 0;
    settings.rts = line.rts != 0;
    settings.break_on = line.breakOn != 0;
    return settings;
}

void put_settings(const LineSettings& settings, SerialOverTCPRemoteLine& line) {
    line.known = 1;
    line.baudRate = settings.baud_rate;
    line.dataBits = settings.data_size;
    line.parity = static_cast<uint8_t>(settings.parity);
    line.halfStopBits = settings.stop_size == StopSize::one   ? 2
                        : settings.stop_size == StopSize::two ? 4
                                                              : 3;
    line.flow = settings.flow == Flow::hardware   ? PD_RS232_S_RTS | PD_RS232_S_CTS
                : settings.flow == Flow::xon_xoff ? PD_RS232_S_TXO | PD_RS232_S_RXO
                                                  : 0;
    line.dtr = settings.dtr ? 1 : 0;
    line.rts = settings.rts ? 1 : 0;
}

void LineLink::read(const void* link) {
    const auto* shared = reinterpret_cast<const SerialOverTCPLine*>(
        static_cast<const std::byte*>(link) + kSerialOverTCPLineOffset);
    SerialOverTCPLine line;
    if (__atomic_load_n(&shared->sequence, __ATOMIC_ACQUIRE) == sequence_ ||
        !copy_line(*shared, line))
        return;
    sequence_ = line.sequence;
    if (sequence_ == 0) {
        purges_known_ = false;  // a new driver that was told nothing yet
        return;
    }
    const LineSettings before = std::exchange(settings_, to_settings(line));
    if (before != settings_) {
        each_([wanted = settings()](Wire& wire) { wire.set(wanted); });
        if (role_ == Role::server) tell_callers();
        if (role_ == Role::server && settings_.break_on && !before.break_on)
            each_([](Wire& wire) { wire.tell_line_state(telnet::line::kBreak); });
    }
    const bool receive = std::exchange(purge_receive_, line.purgeReceive) != line.purgeReceive;
    const bool transmit = std::exchange(purge_transmit_, line.purgeTransmit) != line.purgeTransmit;
    if (std::exchange(purges_known_, true) && (receive || transmit)) {
        const auto what = receive && transmit ? telnet::Purge::both
                          : receive           ? telnet::Purge::receive
                                              : telnet::Purge::transmit;
        each_([what](Wire& wire) { wire.purge(what); });
    }
}

/// A caller's DTR, RTS and break are its own, not ours.
LineSettings LineLink::settings() const {
    LineSettings settings = settings_;
    if (role_ == Role::server) {
        settings.dtr = callers_.dtr;
        settings.rts = callers_.rts;
        settings.break_on = callers_.break_on;
    }
    return settings;
}

/// Our end of the null modem, as callers see it.
uint8_t LineLink::own_modem_state() const {
    uint8_t state = 0;
    if (settings_.dtr) state |= telnet::modem::kDataSetReady | telnet::modem::kCarrierDetect;
    if (settings_.rts) state |= telnet::modem::kClearToSend;
    return state;
}

void LineLink::tell_callers() {
    const uint8_t state = own_modem_state();
    each_([state](Wire& wire) { wire.tell_modem_state(state); });
}

void LineLink::peers_changed(size_t peers) {
    if (peers == 0) {
        remote_ = {};
        callers_ = {};
    } else if (remote_.known == 0) {
        remote_.modem = kAllUp;
    }
    if (role_ == Role::server) tell_callers();
    news(0);
}

void LineLink::news(uint8_t errors) {
    remote_.errors |= errors;
    told_ = false;
}

bool LineLink::take_news(SerialOverTCPRemoteLine& news) {
    if (std::exchange(told_, true)) return false;
    news = remote_;
    remote_.errors = 0;
    return true;
}

void LineLink::on_mode(Mode mode) {
    // Until the peer tells of its lines they count as up.
    if (mode != Mode::undecided) remote_.modem = kAllUp;
    news(0);
}

LineSettings LineLink::on_settings(const LineSettings& settings) {
    put_settings(settings, remote_);
    uint8_t errors = 0;
    if (role_ == Role::server) {
        remote_.modem = 0;
        if (settings.dtr) remote_.modem |= kSerialOverTCPDataSetReady | kSerialOverTCPCarrierDetect;
        if (settings.rts) remote_.modem |= kSerialOverTCPClearToSend;
        if (settings.break_on && !callers_.break_on) errors = kSerialOverTCPGotBreak;
        callers_ = settings;
    }
    news(errors);
    return settings;
}

void LineLink::on_modem_state(uint8_t state) {
    remote_.modem = 0;
    if ((state & telnet::modem::kClearToSend) != 0) remote_.modem |= kSerialOverTCPClearToSend;
    if ((state & telnet::modem::kDataSetReady) != 0) remote_.modem |= kSerialOverTCPDataSetReady;
    if ((state & telnet::modem::kRing) != 0) remote_.modem |= kSerialOverTCPRing;
    if ((state & telnet::modem::kCarrierDetect) != 0) remote_.modem |= kSerialOverTCPCarrierDetect;
    news(0);
}

void LineLink::on_line_state(uint8_t state) {
    uint8_t errors = 0;
    if ((state & telnet::line::kOverrunError) != 0) errors |= kSerialOverTCPOverrun;
    if ((state & telnet::line::kBreak) != 0) errors |= kSerialOverTCPGotBreak;
    if ((state & telnet::line::kFramingError) != 0) errors |= kSerialOverTCPFramingError;
    if ((state & telnet::line::kParityError) != 0) errors |= kSerialOverTCPParityError;
    if (errors != 0) news(errors);
}

void LineLink::on_break() {
    news(kSerialOverTCPGotBreak);
}

void LineLink::on_signature(const std::string& text) {
    std::string shown;
    for (const char c : text) shown += c >= ' ' && c < 0x7f ? c : '?';
    std::snprintf(remote_.signature, sizeof remote_.signature, "%s", shown.c_str());
    news(0);
}

}  // namespace opendext::serial_tcp
