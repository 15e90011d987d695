// SPDX-License-Identifier: Apache-2.0
#include "apps/serial-over-tcp/agent/connection.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace opendext::serial_tcp {
namespace {

using namespace std::chrono_literals;
using State = Connection::State;

/// A listener on a free loopback port that a test can close and open again.
struct Peer {
    UniqueFd fd;
    uint16_t port = 0;
    void open() {
        fd.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        const int on = 1;
        ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        address.sin_port = htons(port);
        ASSERT_EQ(0, ::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address));
        ASSERT_EQ(0, ::listen(fd.get(), 4));
        socklen_t length = sizeof address;
        ASSERT_EQ(0, ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &length));
        port = ntohs(address.sin_port);
    }
    [[nodiscard]] Remote remote() const {
        return {Remote::Mode::connect, "127.0.0.1", std::to_string(port)};
    }
};

/// Does what the owner's loop does, until the state is there.
bool drive(Connection& connection, State wanted) {
    const auto end = Clock::now() + 10s;
    while (Clock::now() < end) {
        connection.step();
        if (connection.state() == wanted) return true;
        pollfd wait{connection.poll_fd(), connection.poll_events(), 0};
        ::poll(&wait, 1, 5);
    }
    return false;
}

TEST(Connection, ConnectsAndComesBackWhenThePeerDoes) {
    Peer peer;
    peer.open();
    Connection connection(peer.remote(), {.first = 5ms, .last = 50ms});
    EXPECT_EQ("connecting", connection.text());
    ASSERT_TRUE(drive(connection, State::connected));
    EXPECT_EQ("connected", connection.text());
    EXPECT_EQ("127.0.0.1:" + std::to_string(peer.port), connection.peer());
    const auto version = connection.version();
    peer.fd.reset();
    connection.lost("peer gone");
    EXPECT_EQ(State::waiting, connection.state());
    EXPECT_TRUE(connection.text().starts_with("peer gone, retry in 0.0 s")) << connection.text();
    EXPECT_GT(connection.version(), version);
    EXPECT_EQ(-1, connection.socket());
    peer.open();
    ASSERT_TRUE(drive(connection, State::connected));
    EXPECT_EQ(2U, connection.connections());
}

TEST(Connection, RefusedIsAStateWithGrowingDelay) {
    Peer peer;
    peer.open();
    peer.fd.reset();
    Connection connection(peer.remote(), {.first = 4ms, .last = 1000ms});
    connection.step();
    for (int i = 0; i < 4; ++i) {
        ASSERT_TRUE(drive(connection, State::waiting));
        EXPECT_TRUE(connection.text().starts_with("Connection refused, retry in "))
            << connection.text();
        const auto delay = connection.deadline() - Clock::now();
        if (i == 3) EXPECT_GT(delay, 10ms);
        while (connection.state() == State::waiting) {
            ::usleep(1000);
            connection.step();
        }
    }
}

TEST(Connection, UnknownHostIsAStateToo) {
    Connection connection({Remote::Mode::connect, "no-such-host.invalid", "9"},
                          {.first = 5s, .last = 5s});
    connection.step();
    ASSERT_TRUE(drive(connection, State::waiting));
    EXPECT_NE(std::string::npos, connection.text().find("no-such-host.invalid not found"))
        << connection.text();
}

TEST(Connection, ListensForOneCallerAtATime) {
    Connection connection({Remote::Mode::listen, "127.0.0.1", "0"});
    ASSERT_TRUE(connection.listen().ok());
    const int port = std::stoi(connection.remote().port);
    ASSERT_GT(port, 0);
    EXPECT_EQ("listening", connection.text());
    const auto call = [&] {
        UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        address.sin_port = htons(static_cast<uint16_t>(port));
        EXPECT_EQ(0, ::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address));
        return fd;
    };
    const UniqueFd first = call();
    ASSERT_TRUE(drive(connection, State::connected));
    const UniqueFd second = call();
    char byte = 0;
    pollfd wait{second.get(), POLLIN, 0};
    const auto end = Clock::now() + 10s;
    while (::poll(&wait, 1, 5) == 0 && Clock::now() < end) connection.step();
    EXPECT_LE(::read(second.get(), &byte, 1), 0) << "the second caller is turned away";
    EXPECT_EQ(State::connected, connection.state());
    connection.lost("peer gone");
    EXPECT_EQ("peer gone, listening", connection.text());
    const UniqueFd third = call();
    EXPECT_TRUE(drive(connection, State::connected));
}

TEST(Connection, TakenListeningAddressIsAnError) {
    Connection first({Remote::Mode::listen, "127.0.0.1", "0"});
    ASSERT_TRUE(first.listen().ok());
    Connection second({Remote::Mode::listen, "127.0.0.1", first.remote().port});
    const auto status = second.listen();
    ASSERT_FALSE(status.ok());
    EXPECT_NE(std::string::npos, status.error().text().find("127.0.0.1:" + first.remote().port));
}

TEST(Remote, ParsesAndNamesWhatIsWrong) {
    EXPECT_EQ("connect example.org:23", Remote::parse_connect("example.org:23")->text());
    EXPECT_EQ("connect [::1]:23", Remote::parse_connect("[::1]:23")->text());
    EXPECT_EQ("listen 7000", Remote::parse_listen("7000")->text());
    EXPECT_EQ("listen 127.0.0.1:7000", Remote::parse_listen("127.0.0.1:7000")->text());
    EXPECT_EQ("listen [::]:7000", Remote::parse("listen [::]:7000")->text());
    for (const char* bad : {"", ":", "host", "host:", ":23", "host:0", "host:65536", "host:23x",
                            "::1:23", "[::1]", "[]:5", "host:-1", "host: 23"}) {
        const auto parsed = Remote::parse_connect(bad);
        ASSERT_FALSE(parsed.ok()) << bad;
        EXPECT_NE(std::string::npos, parsed.error().message.find(bad)) << parsed.error().message;
    }
    for (const char* bad : {"", "x", "70000", "a:b", "::1:23"})
        EXPECT_FALSE(Remote::parse_listen(bad).ok()) << bad;
}

}  // namespace
}  // namespace opendext::serial_tcp
