// SPDX-License-Identifier: Apache-2.0
// A client and a server of the Com Port option (RFC 2217), joined, and each with peers that know
// less.
#include "apps/serial-over-tcp/telnet/session.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace opendext::serial_tcp::telnet {
namespace {

Bytes bytes(const std::string& text) {
    return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

struct End final : SessionOwner {
    End(Protocol protocol, Session::Role role) : session(protocol, role, *this, "test") {}

    void on_data(Bytes bytes) override { data.append(bytes.begin(), bytes.end()); }
    void on_mode(Mode mode) override { modes += std::string(to_string(mode)) + " "; }
    LineSettings on_settings(const LineSettings& settings) override {
        ++told;
        line = settings;
        if (only_8_bits) line.data_size = 8;
        return line;
    }
    void on_modem_state(uint8_t state) override { modem_states.push_back(state); }
    void on_line_state(uint8_t state) override { line_states.push_back(state); }
    void on_suspend(bool now) override { suspended = now; }
    void on_purge(Purge what) override { purges.push_back(what); }
    void on_break() override { ++breaks; }
    void on_signature(const std::string& text) override { signature = text; }

    std::string data;
    std::string modes;
    LineSettings line;
    bool only_8_bits = false;
    int told = 0;
    std::vector<uint8_t> modem_states;
    std::vector<uint8_t> line_states;
    bool suspended = false;
    std::vector<Purge> purges;
    int breaks = 0;
    std::string signature;
    std::string out;
    Session session;
};

void settle(End& first, End& second) {
    for (int round = 0; round < 100 && !(first.out.empty() && second.out.empty()); ++round) {
        second.session.feed(bytes(std::exchange(first.out, "")), second.out);
        first.session.feed(bytes(std::exchange(second.out, "")), first.out);
    }
    ASSERT_EQ(first.out + second.out, "");
}

class Joined : public testing::Test {
  protected:
    Joined() {
        wanted.baud_rate = 921600;
        wanted.data_size = 7;
        wanted.parity = Parity::even;
        wanted.stop_size = StopSize::two;
        wanted.flow = Flow::hardware;
        client.session.start(wanted, client.out);
        server.session.start({}, server.out);
        settle(client, server);
    }
    LineSettings wanted;
    End client{Protocol::rfc2217, Session::Role::client};
    End server{Protocol::rfc2217, Session::Role::server};
};

TEST_F(Joined, SetTheLineAsTheClientWants) {
    EXPECT_EQ(client.session.mode(), Mode::rfc2217);
    EXPECT_EQ(server.session.mode(), Mode::rfc2217);
    EXPECT_EQ(client.modes, "telnet rfc2217 ");
    EXPECT_EQ(server.line, wanted);
    EXPECT_EQ(client.session.confirmed(), wanted);
    EXPECT_EQ(server.signature, "test");
    EXPECT_EQ(client.session.ignored() + server.session.ignored(), 0u);
}

TEST_F(Joined, SendOnlyWhatChanged) {
    const int before = server.told;
    LineSettings next = wanted;
    next.baud_rate = 300;
    next.dtr = false;
    client.session.set(next, client.out);
    settle(client, server);
    EXPECT_EQ(server.told, before + 2);
    EXPECT_EQ(server.line, next);
    client.session.set(next, client.out);
    EXPECT_EQ(client.out, "");
}

TEST(Server, AsksForTheOptionOnlyLater) {
    // pyserial takes a question that comes while it is about to speak for the answer.
    End server{Protocol::rfc2217, Session::Role::server};
    server.session.start({}, server.out);
    EXPECT_EQ(server.out.find("\xff\xfd\x2c"), std::string::npos);
    server.out.clear();
    server.session.ask_for_com_port(server.out);
    EXPECT_EQ(server.out, "\xff\xfd\x2c");
    server.session.feed(bytes("\xff\xfb\x2c"), server.out);
    EXPECT_EQ(server.session.mode(), Mode::rfc2217);
    server.out.clear();
    server.session.ask_for_com_port(server.out);
    EXPECT_EQ(server.out, "");
}

TEST_F(Joined, SayWhatTheLineReallyIs) {
    server.only_8_bits = true;
    LineSettings next = wanted;
    next.data_size = 5;
    client.session.set(next, client.out);
    settle(client, server);
    EXPECT_EQ(client.session.confirmed()->data_size, 8);
}

TEST_F(Joined, CarryEveryByteBothWays) {
    std::string all;
    for (int i = 0; i < 256; ++i) all.push_back(static_cast<char>(i));
    client.session.append(bytes(all + all), client.out);
    const std::string returns("\r\0\r\n\xff", 5);
    server.session.append(bytes(returns + all), server.out);
    settle(client, server);
    EXPECT_EQ(server.data, all + all);
    EXPECT_EQ(client.data, returns + all);
}

TEST_F(Joined, PassBreakModemLinesAndErrorsOn) {
    LineSettings next = wanted;
    next.break_on = true;
    client.session.set(next, client.out);
    settle(client, server);
    EXPECT_TRUE(server.line.break_on);
    server.session.tell_modem_state(modem::kCarrierDetect | modem::kClearToSend, server.out);
    server.session.tell_modem_state(modem::kCarrierDetect | modem::kClearToSend, server.out);
    server.session.tell_modem_state(modem::kClearToSend, server.out);
    server.session.tell_line_state(line::kBreak | line::kDataReady, server.out);
    settle(client, server);
    // As it stands when the option came into force, and when the client says what it wants to hear.
    const std::vector<uint8_t> expected{0, 0,  // the answer to the mask: how it stood at the start
                                        modem::kCarrierDetect | modem::kClearToSend |
                                            modem::kDeltaCarrierDetect | modem::kDeltaClearToSend,
                                        modem::kClearToSend | modem::kDeltaCarrierDetect};
    EXPECT_EQ(client.modem_states, expected);
    EXPECT_EQ(client.line_states, std::vector<uint8_t>{line::kBreak});
}

TEST_F(Joined, PurgeAndSuspend) {
    client.session.purge(Purge::transmit, client.out);
    client.session.suspend(true, client.out);
    settle(client, server);
    EXPECT_EQ(server.purges, std::vector<Purge>{Purge::transmit});
    EXPECT_TRUE(server.suspended);
    client.session.suspend(false, client.out);
    server.session.suspend(true, server.out);
    settle(client, server);
    EXPECT_FALSE(server.suspended);
    EXPECT_TRUE(client.suspended);
}

TEST_F(Joined, AnswerQuestionsWithThePresentValue) {
    std::string answer;
    for (const Control ask : {Control::ask_flow, Control::ask_break, Control::ask_dtr,
                              Control::ask_rts, Control::ask_flow_in}) {
        std::string question;
        append_com_port(question, {ComPort::control, false, static_cast<uint32_t>(ask), {}});
        server.session.feed(bytes(question), answer);
    }
    std::string question;
    append_com_port(question, {ComPort::baud_rate, false, 0, {}});
    append_com_port(question, {ComPort::data_size, false, 9, {}});
    server.session.feed(bytes(question), answer);
    std::string expected;
    for (const Control value : {Control::flow_hardware, Control::break_off, Control::dtr_on,
                                Control::rts_on, Control::flow_in_hardware})
        append_com_port(expected, {ComPort::control, true, static_cast<uint32_t>(value), {}});
    append_com_port(expected, {ComPort::baud_rate, true, 921600, {}});
    append_com_port(expected, {ComPort::data_size, true, 7, {}});
    EXPECT_EQ(answer, expected);
}

TEST(Session, FallsBackToTelnetWithAPeerThatRefuses) {
    End client(Protocol::rfc2217, Session::Role::client);
    End server(Protocol::telnet, Session::Role::server);
    client.session.start({}, client.out);
    server.session.start({}, server.out);
    settle(client, server);
    EXPECT_EQ(client.session.mode(), Mode::telnet);
    client.session.append(bytes("\xff\r"), client.out);
    LineSettings broken;
    broken.break_on = true;
    client.session.set(broken, client.out);
    settle(client, server);
    EXPECT_EQ(server.data, "\xff\r");
    EXPECT_EQ(server.breaks, 1);
}

TEST(Session, IsRawWhereItShallBe) {
    End end(Protocol::raw, Session::Role::client);
    end.session.start({}, end.out);
    end.session.feed(bytes("\xff\xfd\x2c"), end.out);
    end.session.append(bytes("\xff"), end.out);
    EXPECT_EQ(end.data, "\xff\xfd\x2c");
    EXPECT_EQ(end.out, "\xff");
}

TEST(Session, FindsOutWhatThePeerSpeaks) {
    End telnet(Protocol::automatic, Session::Role::client);
    End server(Protocol::rfc2217, Session::Role::server);
    telnet.session.start({}, telnet.out);
    EXPECT_EQ(telnet.out, "");
    server.session.start({}, server.out);
    settle(telnet, server);
    EXPECT_EQ(telnet.session.mode(), Mode::rfc2217);

    End raw(Protocol::automatic, Session::Role::client);
    raw.session.start({}, raw.out);
    raw.session.feed(bytes("login: \xff"), raw.out);
    EXPECT_EQ(raw.session.mode(), Mode::raw);
    EXPECT_EQ(raw.data, "login: \xff");

    End silent(Protocol::automatic, Session::Role::client);
    silent.session.start({}, silent.out);
    silent.session.settle_for_raw();
    EXPECT_EQ(silent.modes, "raw ");
}

TEST(Session, FindsOutWhatThePeerSpeaksHoweverItsBytesAreCut) {
    const auto spoken = [](const std::string& said) {
        End end(Protocol::automatic, Session::Role::server);
        end.session.start({}, end.out);
        for (const char byte : said) end.session.feed(bytes(std::string(1, byte)), end.out);
        if (end.session.mode() == Mode::undecided) end.session.settle_for_raw();
        return std::pair(end.session.mode(), end.data);
    };
    EXPECT_EQ(spoken("\xff\xfb\x03login"), std::pair(Mode::telnet, std::string("login")));
    // IAC IAC is no command: bytes that are 0xff.
    EXPECT_EQ(spoken("\xff\xffx"), std::pair(Mode::raw, std::string("\xff\xffx")));
    EXPECT_EQ(spoken("\xffx"), std::pair(Mode::raw, std::string("\xffx")));
    EXPECT_EQ(spoken("\xff"), std::pair(Mode::raw, std::string("\xff")));
}

TEST(Session, StartsAnewWithEveryConnection) {
    End client(Protocol::rfc2217, Session::Role::client);
    for (int connection = 0; connection < 3; ++connection) {
        End server(Protocol::rfc2217, Session::Role::server);
        client.out.clear();
        client.session.start({}, client.out);
        server.session.start({}, server.out);
        settle(client, server);
        EXPECT_EQ(client.session.mode(), Mode::rfc2217);
        EXPECT_TRUE(client.session.confirmed().has_value());
    }
}

}  // namespace
}  // namespace opendext::serial_tcp::telnet
