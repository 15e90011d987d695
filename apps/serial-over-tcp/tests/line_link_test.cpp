// SPDX-License-Identifier: Apache-2.0
#include "apps/serial-over-tcp/agent/line_link.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <vector>

#include "families/serial/sdk/SerialConstants.h"
#include "rpc/fd.h"

namespace opendext::serial_tcp {
namespace {

using telnet::Session;

/// A LineLink with one wire, and the wire of a peer that speaks RFC 2217.
class LineLinkTest : public testing::Test {
  protected:
    struct Peer final : WireOwner {
        telnet::LineSettings on_settings(const telnet::LineSettings& settings) override {
            line = settings;
            return settings;
        }
        void on_modem_state(uint8_t state) override { modem = state; }
        void on_line_state(uint8_t state) override { line_state = state; }
        void on_purge(telnet::Purge what) override { purged = what; }
        telnet::LineSettings line;
        uint8_t modem = 0;
        uint8_t line_state = 0;
        std::optional<telnet::Purge> purged;
    };
    void start(Session::Role role) {
        link = std::make_unique<LineLink>(role, [this](const std::function<void(Wire&)>& each) {
            if (wire) each(*wire);
        });
        int fds[2];
        ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
        near.reset(fds[0]);
        far.reset(fds[1]);
        WireSetup setup;
        setup.protocol = telnet::Protocol::rfc2217;
        setup.role = role;
        wire = std::make_unique<Wire>(near.get(), setup, link->settings(), *link);
        setup.role = role == Session::Role::client ? Session::Role::server : Session::Role::client;
        peer_wire = std::make_unique<Wire>(far.get(), setup, telnet::LineSettings{}, peer);
        link->peers_changed(1);
        settle();
    }
    void settle() {
        for (int round = 0; round < 20; ++round) {
            ASSERT_TRUE(wire->step(false).moved());
            ASSERT_TRUE(peer_wire->step(false).moved());
        }
    }
    /// As the driver writes it.
    SerialOverTCPLine& line() {
        return *reinterpret_cast<SerialOverTCPLine*>(memory.data() + kSerialOverTCPLineOffset);
    }
    void written() {
        line().sequence += 2;
        link->read(memory.data());
        settle();
    }
    SerialOverTCPRemoteLine news() {
        SerialOverTCPRemoteLine news{};
        EXPECT_TRUE(link->take_news(news));
        return news;
    }

    alignas(64) std::array<std::byte, 4096> memory{};
    Peer peer;
    UniqueFd near;
    UniqueFd far;
    std::unique_ptr<LineLink> link;
    std::unique_ptr<Wire> wire;
    std::unique_ptr<Wire> peer_wire;
};

TEST_F(LineLinkTest, TakesWhatTheDriverWritesToThePeersLine) {
    start(Session::Role::client);
    line() = {.sequence = 0,
              .baudRate = 1200,
              .dataBits = 7,
              .halfStopBits = 4,
              .parity = PD_RS232_PARITY_ODD,
              .dtr = 1,
              .rts = 0,
              .breakOn = 0,
              .reserved = {},
              .flow = PD_RS232_S_RTS | PD_RS232_S_CTS,
              .purgeReceive = 0,
              .purgeTransmit = 0};
    written();
    EXPECT_EQ(peer.line.baud_rate, 1200u);
    EXPECT_EQ(peer.line.data_size, 7);
    EXPECT_EQ(peer.line.parity, telnet::Parity::odd);
    EXPECT_EQ(peer.line.stop_size, telnet::StopSize::two);
    EXPECT_EQ(peer.line.flow, telnet::Flow::hardware);
    EXPECT_TRUE(peer.line.dtr);
    EXPECT_FALSE(peer.line.rts);
    const SerialOverTCPRemoteLine told = news();
    EXPECT_EQ(told.known, 1);
    EXPECT_EQ(told.baudRate, 1200u);
    EXPECT_EQ(told.halfStopBits, 4);
    EXPECT_EQ(told.flow, uint32_t{PD_RS232_S_RTS | PD_RS232_S_CTS});
    EXPECT_FALSE(peer.purged);
    line().purgeTransmit = 1;
    line().breakOn = 1;
    written();
    EXPECT_EQ(peer.purged, telnet::Purge::transmit);
    EXPECT_TRUE(peer.line.break_on);
}

TEST_F(LineLinkTest, ReadsNothingThatIsHalfWritten) {
    start(Session::Role::client);
    line().baudRate = 300;
    line().sequence = 1;
    link->read(memory.data());
    EXPECT_EQ(link->settings().baud_rate, 9600u);
    line().sequence = 2;
    link->read(memory.data());
    EXPECT_EQ(link->settings().baud_rate, 300u);
}

TEST_F(LineLinkTest, MakesUsualValuesOfImpossibleOnes) {
    SerialOverTCPLine wild{};
    wild.dataBits = 200;
    wild.parity = 99;
    wild.halfStopBits = 77;
    EXPECT_EQ(to_settings(wild).data_size, 8);
    EXPECT_EQ(to_settings(wild).parity, telnet::Parity::none);
    EXPECT_EQ(to_settings(wild).stop_size, telnet::StopSize::one);
}

TEST_F(LineLinkTest, TellsTheDriverOfModemLinesAndErrorsOnce) {
    start(Session::Role::client);
    peer_wire->tell_modem_state(telnet::modem::kClearToSend | telnet::modem::kRing);
    peer_wire->tell_line_state(telnet::line::kParityError | telnet::line::kOverrunError);
    settle();
    SerialOverTCPRemoteLine told = news();
    EXPECT_EQ(told.modem, kSerialOverTCPClearToSend | kSerialOverTCPRing);
    EXPECT_EQ(told.errors, kSerialOverTCPParityError | kSerialOverTCPOverrun);
    EXPECT_FALSE(link->take_news(told));
    link->driver_is_new();
    told = news();
    EXPECT_EQ(told.modem, kSerialOverTCPClearToSend | kSerialOverTCPRing);
    EXPECT_EQ(told.errors, 0);
}

TEST_F(LineLinkTest, DropsAllLinesWithTheLastPeer) {
    start(Session::Role::client);
    peer_wire->tell_modem_state(telnet::modem::kCarrierDetect);
    settle();
    EXPECT_NE(news().modem & kSerialOverTCPCarrierDetect, 0);
    link->peers_changed(0);
    const SerialOverTCPRemoteLine told = news();
    EXPECT_EQ(told.modem, 0);
    EXPECT_EQ(told.known, 0);
}

TEST_F(LineLinkTest, IsOneEndOfANullModemWhereItListens) {
    start(Session::Role::server);
    EXPECT_EQ(peer.modem & 0xf0, 0) << "nobody has opened the port";
    line().dtr = 1;
    line().rts = 0;
    written();
    EXPECT_EQ(peer.modem & 0xf0, telnet::modem::kDataSetReady | telnet::modem::kCarrierDetect);
    (void)news();
    telnet::LineSettings wanted;
    wanted.baud_rate = 19200;
    wanted.dtr = false;
    wanted.break_on = true;
    peer_wire->set(wanted);
    settle();
    const SerialOverTCPRemoteLine told = news();
    EXPECT_EQ(told.modem, kSerialOverTCPClearToSend);
    EXPECT_EQ(told.errors, kSerialOverTCPGotBreak);
    EXPECT_EQ(told.baudRate, 19200u);
    EXPECT_EQ(peer_wire->confirmed()->baud_rate, 19200u);
    line().breakOn = 1;
    written();
    EXPECT_EQ(peer.line_state, telnet::line::kBreak);
}

}  // namespace
}  // namespace opendext::serial_tcp
