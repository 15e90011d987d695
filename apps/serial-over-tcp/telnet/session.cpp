// SPDX-License-Identifier: Apache-2.0
#include "apps/serial-over-tcp/telnet/session.h"

#include <array>
#include <utility>

namespace opendext::serial_tcp::telnet {
namespace {

constexpr uint8_t kIac = static_cast<uint8_t>(Command::iac);
constexpr uint8_t kFirstCommand = static_cast<uint8_t>(Command::subnegotiation_end);

Control flow_word(Flow flow) {
    switch (flow) {
        case Flow::none:
            return Control::flow_none;
        case Flow::xon_xoff:
            return Control::flow_xon_xoff;
        case Flow::hardware:
            return Control::flow_hardware;
    }
    return Control::flow_none;
}

uint32_t number(Control control) {
    return static_cast<uint32_t>(control);
}

constexpr std::array<std::pair<Protocol, const char*>, 4> kProtocols{{
    {Protocol::raw, "raw"},
    {Protocol::telnet, "telnet"},
    {Protocol::rfc2217, "rfc2217"},
    {Protocol::automatic, "auto"},
}};

/// What a server's answer, or a client's wish, says about settings; false if it says nothing.
bool take_value(LineSettings& settings, const ComPortMessage& message) {
    const uint32_t value = message.value;
    switch (message.command) {
        case ComPort::baud_rate:
            settings.baud_rate = value;
            return true;
        case ComPort::data_size:
            if (value < 5 || value > 8) return false;
            settings.data_size = static_cast<uint8_t>(value);
            return true;
        case ComPort::parity:
            if (value < 1 || value > 5) return false;
            settings.parity = static_cast<Parity>(value);
            return true;
        case ComPort::stop_size:
            if (value < 1 || value > 3) return false;
            settings.stop_size = static_cast<StopSize>(value);
            return true;
        case ComPort::control:
            break;
        default:
            return false;
    }
    switch (static_cast<Control>(value)) {
        case Control::flow_none:
            settings.flow = Flow::none;
            return true;
        case Control::flow_xon_xoff:
            settings.flow = Flow::xon_xoff;
            return true;
        case Control::flow_hardware:
            settings.flow = Flow::hardware;
            return true;
        case Control::break_on:
        case Control::break_off:
            settings.break_on = value == number(Control::break_on);
            return true;
        case Control::dtr_on:
        case Control::dtr_off:
            settings.dtr = value == number(Control::dtr_on);
            return true;
        case Control::rts_on:
        case Control::rts_off:
            settings.rts = value == number(Control::rts_on);
            return true;
        default:
            return false;
    }
}

/// How settings answer a command; a control is answered with the word of its group.
uint32_t value_of(const LineSettings& settings, ComPort command, uint32_t asked) {
    switch (command) {
        case ComPort::baud_rate:
            return settings.baud_rate;
        case ComPort::data_size:
            return settings.data_size;
        case ComPort::parity:
            return static_cast<uint32_t>(settings.parity);
        case ComPort::stop_size:
            return static_cast<uint32_t>(settings.stop_size);
        default:
            break;
    }
    if (asked <= number(Control::flow_hardware) || asked == number(Control::flow_dcd) ||
        asked == number(Control::flow_dsr))
        return number(flow_word(settings.flow));
    if (asked <= number(Control::break_off))
        return number(settings.break_on ? Control::break_on : Control::break_off);
    if (asked <= number(Control::dtr_off))
        return number(settings.dtr ? Control::dtr_on : Control::dtr_off);
    if (asked <= number(Control::rts_off))
        return number(settings.rts ? Control::rts_on : Control::rts_off);
    // Inbound flow control follows the outbound one.
    return number(flow_word(settings.flow)) + number(Control::flow_in_none) -
           number(Control::flow_none);
}

}  // namespace

const char* to_string(Protocol protocol) {
    for (const auto& [value, word] : kProtocols) {
        if (value == protocol) return word;
    }
    return "?";
}

std::optional<Protocol> parse_protocol(const std::string& word) {
    for (const auto& [value, known] : kProtocols) {
        if (word == known) return value;
    }
    return std::nullopt;
}

const char* to_string(Mode mode) {
    switch (mode) {
        case Mode::undecided:
            return "undecided";
        case Mode::raw:
            return "raw";
        case Mode::telnet:
            return "telnet";
        case Mode::rfc2217:
            return "rfc2217";
    }
    return "?";
}

/// What the decoder finds goes to the session.
class Session::Receiver final : public Sink {
  public:
    Receiver(Session& session, std::string& out) : session_(session), out_(out) {}

    void on_data(Bytes data) override { session_.owner_.on_data(data); }
    void on_option(Command verb, uint8_t option) override {
        session_.negotiation_.receive(verb, option, out_);
        if (std::exchange(session_.settings_due_, false)) session_.send_all(out_);
        // Many clients never ask how the lines stand and still want to know.
        if (std::exchange(session_.modem_state_due_, false))
            session_.send(ComPort::modem_state, session_.modem_state_, out_);
    }
    void on_subnegotiation(uint8_t option, Bytes body) override {
        const auto message =
            option == static_cast<uint8_t>(Option::com_port) ? parse_com_port(body) : std::nullopt;
        if (message && session_.mode_ == Mode::rfc2217) {
            session_.com_port(*message, out_);
        } else {
            ++session_.ignored_;
        }
    }
    void on_command(Command command) override {
        if (command == Command::break_signal) {
            session_.owner_.on_break();
        } else if (command == Command::are_you_there) {
            append_command(out_, Command::no_operation);
        }
    }

  private:
    Session& session_;
    std::string& out_;
};

Session::Session(Protocol protocol, Role role, SessionOwner& owner, std::string signature)
    : protocol_(protocol),
      role_(role),
      owner_(owner),
      signature_(std::move(signature)),
      negotiation_([this](Side side, Option option, bool on) { changed(side, option, on); }) {}

void Session::enter(Mode mode) {
    if (mode == mode_) return;
    mode_ = mode;
    owner_.on_mode(mode);
}

void Session::start(const LineSettings& settings, std::string& out) {
    settings_ = settings;
    confirmed_.reset();
    decoder_.reset();
    line_mask_ = 0;
    modem_mask_ = 255;
    settings_due_ = modem_state_due_ = iac_waits_ = false;
    negotiation_ =
        Negotiation([this](Side side, Option option, bool on) { changed(side, option, on); });
    if (protocol_ == Protocol::raw) return enter(Mode::raw);
    for (const Side side : {Side::local, Side::remote}) {
        negotiation_.allow(side, Option::binary, true);
        negotiation_.allow(side, Option::suppress_go_ahead, true);
    }
    // The server of a terminal echoes or not as the line does.
    negotiation_.allow(Side::remote, Option::echo, role_ == Role::client);
    negotiation_.allow(role_ == Role::client ? Side::local : Side::remote, Option::com_port,
                       protocol_ != Protocol::telnet);
    if (protocol_ == Protocol::automatic) return enter(Mode::undecided);
    begin_telnet(out);
}

void Session::begin_telnet(std::string& out) {
    enter(Mode::telnet);
    for (const Option option : {Option::binary, Option::suppress_go_ahead}) {
        negotiation_.request(Side::local, option, true, out);
        negotiation_.request(Side::remote, option, true, out);
    }
    // RFC 2217: the client says WILL.
    if (role_ == Role::client && protocol_ != Protocol::telnet)
        negotiation_.request(Side::local, Option::com_port, true, out);
}

void Session::ask_for_com_port(std::string& out) {
    if (role_ == Role::server && mode_ == Mode::telnet && protocol_ != Protocol::telnet &&
        !negotiation_.refused(Side::remote, Option::com_port))
        negotiation_.request(Side::remote, Option::com_port, true, out);
}

void Session::settle_for_raw() {
    if (mode_ != Mode::undecided) return;
    enter(Mode::raw);
    if (std::exchange(iac_waits_, false)) owner_.on_data({&kIac, 1});
}

void Session::changed(Side side, Option option, bool on) {
    if (option == Option::binary && side == Side::remote) decoder_.set_binary(on);
    if (option != Option::com_port) return;
    enter(on ? Mode::rfc2217 : Mode::telnet);
    // Not from within the negotiation: its own answer goes out first.
    settings_due_ = on && role_ == Role::client;
    modem_state_due_ = on && role_ == Role::server;
}

void Session::feed(Bytes bytes, std::string& out) {
    if (bytes.empty()) return;
    if (mode_ == Mode::undecided) {
        const bool begins = iac_waits_ || bytes[0] == kIac;
        if (begins && !iac_waits_ && bytes.size() == 1) {
            iac_waits_ = true;
            return;
        }
        const uint8_t second = iac_waits_ ? bytes[0] : bytes.size() > 1 ? bytes[1] : 0;
        if (begins && second >= kFirstCommand && second != kIac) {
            begin_telnet(out);
        } else {
            enter(Mode::raw);
        }
        if (std::exchange(iac_waits_, false)) take({&kIac, 1}, out);
    }
    take(bytes, out);
}

void Session::take(Bytes bytes, std::string& out) {
    if (mode_ == Mode::raw) return owner_.on_data(bytes);
    Receiver receiver(*this, out);
    decoder_.feed(bytes, receiver);
}

void Session::append(Bytes data, std::string& out) const {
    if (mode_ == Mode::raw || mode_ == Mode::undecided) {
        out.append(reinterpret_cast<const char*>(data.data()), data.size());
    } else {
        append_data(out, data, negotiation_.on(Side::local, Option::binary));
    }
}

void Session::send(ComPort command, uint32_t value, std::string& out) const {
    append_com_port(out, {command, role_ == Role::server, value, {}});
}

void Session::send_difference(const LineSettings& from, const LineSettings& to,
                              std::string& out) const {
    if (from.baud_rate != to.baud_rate) send(ComPort::baud_rate, to.baud_rate, out);
    if (from.data_size != to.data_size) send(ComPort::data_size, to.data_size, out);
    if (from.parity != to.parity) send(ComPort::parity, static_cast<uint32_t>(to.parity), out);
    if (from.stop_size != to.stop_size)
        send(ComPort::stop_size, static_cast<uint32_t>(to.stop_size), out);
    if (from.flow != to.flow) send(ComPort::control, number(flow_word(to.flow)), out);
    if (from.dtr != to.dtr)
        send(ComPort::control, number(to.dtr ? Control::dtr_on : Control::dtr_off), out);
    if (from.rts != to.rts)
        send(ComPort::control, number(to.rts ? Control::rts_on : Control::rts_off), out);
    if (from.break_on != to.break_on)
        send(ComPort::control, number(to.break_on ? Control::break_on : Control::break_off), out);
}

void Session::send_all(std::string& out) const {
    append_com_port(out, {ComPort::signature, false, 0, signature_});
    // Nothing is known of the server's line: everything is said.
    send(ComPort::baud_rate, settings_.baud_rate, out);
    send(ComPort::data_size, settings_.data_size, out);
    send(ComPort::parity, static_cast<uint32_t>(settings_.parity), out);
    send(ComPort::stop_size, static_cast<uint32_t>(settings_.stop_size), out);
    send(ComPort::control, number(flow_word(settings_.flow)), out);
    send(ComPort::control, number(settings_.dtr ? Control::dtr_on : Control::dtr_off), out);
    send(ComPort::control, number(settings_.rts ? Control::rts_on : Control::rts_off), out);
    if (settings_.break_on) send(ComPort::control, number(Control::break_on), out);
    send(ComPort::line_state_mask,
         line::kBreak | line::kFramingError | line::kParityError | line::kOverrunError, out);
    send(ComPort::modem_state_mask, 255, out);
}

void Session::set(const LineSettings& settings, std::string& out) {
    const LineSettings before = std::exchange(settings_, settings);
    if (role_ != Role::client) return;
    if (mode_ == Mode::rfc2217) {
        send_difference(before, settings, out);
    } else if (mode_ == Mode::telnet && settings.break_on && !before.break_on) {
        append_command(out, Command::break_signal);
    }
}

void Session::purge(Purge what, std::string& out) {
    if (mode_ == Mode::rfc2217 && role_ == Role::client)
        send(ComPort::purge, static_cast<uint32_t>(what), out);
}

void Session::suspend(bool suspended, std::string& out) {
    if (mode_ == Mode::rfc2217) send(suspended ? ComPort::suspend : ComPort::resume, 0, out);
}

void Session::tell_modem_state(uint8_t state, std::string& out) {
    constexpr uint8_t kLevels =
        modem::kCarrierDetect | modem::kRing | modem::kDataSetReady | modem::kClearToSend;
    uint8_t deltas = 0;
    const auto before = std::exchange(modem_state_, static_cast<uint8_t>(state & kLevels));
    const auto differs = static_cast<uint8_t>((before ^ state) & kLevels);
    if ((differs & modem::kCarrierDetect) != 0) deltas |= modem::kDeltaCarrierDetect;
    if ((differs & modem::kRing) != 0 && (state & modem::kRing) == 0)
        deltas |= modem::kTrailingEdgeRing;
    if ((differs & modem::kDataSetReady) != 0) deltas |= modem::kDeltaDataSetReady;
    if ((differs & modem::kClearToSend) != 0) deltas |= modem::kDeltaClearToSend;
    const auto told = static_cast<uint8_t>((modem_state_ | deltas) & modem_mask_);
    if (mode_ == Mode::rfc2217 && role_ == Role::server && ((differs | deltas) & modem_mask_) != 0)
        send(ComPort::modem_state, told, out);
}

void Session::tell_line_state(uint8_t state, std::string& out) {
    const auto told = static_cast<uint8_t>(state & line_mask_);
    if (mode_ == Mode::rfc2217 && role_ == Role::server && told != 0)
        send(ComPort::line_state, told, out);
}

void Session::com_port(const ComPortMessage& message, std::string& out) {
    if (message.from_server == (role_ == Role::server)) {
        ++ignored_;  // our own words, sent back
        return;
    }
    if (message.command == ComPort::suspend || message.command == ComPort::resume)
        return owner_.on_suspend(message.command == ComPort::suspend);
    if (message.command == ComPort::signature) {
        if (message.text.empty()) {
            append_com_port(out, {ComPort::signature, role_ == Role::server, 0, signature_});
        } else {
            owner_.on_signature(message.text);
        }
        return;
    }
    if (role_ == Role::client) {
        client_hears(message);
    } else {
        server_hears(message, out);
    }
}

void Session::client_hears(const ComPortMessage& message) {
    switch (message.command) {
        case ComPort::modem_state:
            return owner_.on_modem_state(static_cast<uint8_t>(message.value));
        case ComPort::line_state:
            return owner_.on_line_state(static_cast<uint8_t>(message.value));
        case ComPort::line_state_mask:
        case ComPort::modem_state_mask:
        case ComPort::purge:
            return;  // confirmed
        default:
            break;
    }
    LineSettings settings = confirmed_.value_or(settings_);
    if (!take_value(settings, message)) {
        ++ignored_;
        return;
    }
    confirmed_ = settings;
    (void)owner_.on_settings(settings);
}

void Session::apply(const LineSettings& wanted) {
    if (wanted != settings_) settings_ = owner_.on_settings(wanted);
}

void Session::server_control(uint32_t value, std::string& out) {
    LineSettings wanted = settings_;
    if (value > number(Control::flow_dsr)) {
        ++ignored_;
        return;
    }
    ComPortMessage message{ComPort::control, false, value, {}};
    // One flow control for both directions is what Linux has: the inbound words set it as well.
    if (value >= number(Control::flow_in_none) && value <= number(Control::flow_in_hardware))
        message.value = value - number(Control::flow_in_none) + number(Control::flow_none);
    if (take_value(wanted, message)) apply(wanted);
    send(ComPort::control, value_of(settings_, ComPort::control, value), out);
}

void Session::server_hears(const ComPortMessage& message, std::string& out) {
    switch (message.command) {
        case ComPort::line_state_mask:
            line_mask_ = static_cast<uint8_t>(message.value);
            return send(ComPort::line_state_mask, message.value, out);
        case ComPort::modem_state_mask:
            modem_mask_ = static_cast<uint8_t>(message.value);
            send(ComPort::modem_state_mask, message.value, out);
            // A client that asks for it learns how the lines stand now.
            return send(ComPort::modem_state, modem_state_ & modem_mask_, out);
        case ComPort::purge:
            if (message.value < 1 || message.value > 3) {
                ++ignored_;
                return;
            }
            owner_.on_purge(static_cast<Purge>(message.value));
            return send(ComPort::purge, message.value, out);
        case ComPort::control:
            return server_control(message.value, out);
        default:
            break;
    }
    LineSettings wanted = settings_;
    // 0 asks; a value that no line has is answered with the present one.
    if (message.value != 0 && take_value(wanted, message)) apply(wanted);
    send(message.command, value_of(settings_, message.command, message.value), out);
}

}  // namespace opendext::serial_tcp::telnet
