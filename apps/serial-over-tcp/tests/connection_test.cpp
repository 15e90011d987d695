// SPDX-License-Identifier: Apache-2.0
#include "apps/serial-over-tcp/agent/connection.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <optional>

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

/// A client socket that is connected to `connection`'s listener.
UniqueFd call(const Connection& connection) {
    const auto addresses = *resolve(
        {Remote::Mode::connect, "127.0.0.1", connection.remote().port, connection.remote().path});
    UniqueFd fd(::socket(addresses[0].storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(0, ::connect(fd.get(), addresses[0].get(), addresses[0].length));
    return fd;
}

/// Whether the connection was closed from the other side.
bool is_turned_away(Connection& connection, const UniqueFd& caller) {
    pollfd wait{caller.get(), POLLIN, 0};
    const auto end = Clock::now() + 10s;
    while (::poll(&wait, 1, 5) == 0 && Clock::now() < end) connection.step();
    char byte = 0;
    return ::read(caller.get(), &byte, 1) <= 0;
}

TEST(Connection, TakesAsManyCallersAsItMayAndCountsTheOthers) {
    LinkOptions options;
    options.clients = 2;
    Connection connection({Remote::Mode::listen, "127.0.0.1", "0"}, options);
    ASSERT_TRUE(connection.listen().ok());
    const UniqueFd first = call(connection);
    const UniqueFd second = call(connection);
    ASSERT_TRUE(drive(connection, State::connected));
    const auto end = Clock::now() + 10s;
    while (connection.peers().size() < 2 && Clock::now() < end) connection.step();
    ASSERT_EQ(2U, connection.peers().size());
    EXPECT_EQ(connection.peers()[0].name + ", " + connection.peers()[1].name, connection.peer());
    const UniqueFd third = call(connection);
    EXPECT_TRUE(is_turned_away(connection, third));
    EXPECT_EQ(1U, connection.refused());
    EXPECT_NE(std::string::npos, connection.last_error().find("2 callers already"))
        << connection.last_error();
    const uint64_t id = connection.peers()[0].id;
    connection.lost(id, "peer gone");
    EXPECT_EQ(nullptr, connection.find(id));
    EXPECT_EQ(State::connected, connection.state()) << "the other is still there";
    connection.lost("peer gone");
    EXPECT_EQ("peer gone, listening", connection.text());
}

TEST(Connection, RefusesCallersThatAreNotAllowed) {
    LinkOptions options;
    options.allow = *AllowList::parse("192.0.2.0/24");
    Connection connection({Remote::Mode::listen, "127.0.0.1", "0"}, options);
    ASSERT_TRUE(connection.listen().ok());
    const UniqueFd caller = call(connection);
    EXPECT_TRUE(is_turned_away(connection, caller));
    EXPECT_EQ(State::listening, connection.state());
    EXPECT_EQ(1U, connection.refused());
    EXPECT_TRUE(connection.last_error().starts_with("127.0.0.1:")) << connection.last_error();
    EXPECT_NE(std::string::npos, connection.last_error().find("refused: not allowed"));
}

/// A folder that goes with the test.
struct Folder {
    Folder() {
        char name[] = "/tmp/connection-test-XXXXXX";
        path = ::mkdtemp(name);
    }
    ~Folder() {
        std::error_code error;
        std::filesystem::remove_all(path, error);
    }
    std::filesystem::path path;
};

TEST(Connection, ListensAndCallsOverUnixSockets) {
    const Folder folder;
    const std::string path = folder.path / "port.sock";
    LinkOptions options;
    options.mode = 0660;
    {
        Connection listener({Remote::Mode::listen, "", "", path}, options);
        ASSERT_TRUE(listener.listen().ok());
        struct stat made{};
        ASSERT_EQ(0, ::stat(path.c_str(), &made));
        EXPECT_EQ(0660U, made.st_mode & 0777);
        EXPECT_EQ("listen unix:" + path, listener.remote().text());
        Connection caller({Remote::Mode::connect, "", "", path});
        caller.step();
        ASSERT_TRUE(drive(caller, State::connected));
        EXPECT_EQ("unix:" + path, caller.peer());
        ASSERT_TRUE(drive(listener, State::connected));
        EXPECT_EQ("unix, process " + std::to_string(::getpid()), listener.peer());
        ASSERT_EQ(1, ::write(caller.socket(), "x", 1));
        char byte = 0;
        pollfd wait{listener.socket(), POLLIN, 0};
        ASSERT_EQ(1, ::poll(&wait, 1, 10'000));
        EXPECT_EQ(1, ::read(listener.socket(), &byte, 1));
    }
    EXPECT_FALSE(std::filesystem::exists(path)) << "the file goes with the listener";
}

TEST(Connection, UnixSocketFileOfTheDeadIsReplacedAndNoOther) {
    const Folder folder;
    const std::string path = folder.path / "port.sock";
    const Remote remote{Remote::Mode::listen, "", "", path};
    {
        const UniqueFd dead(::socket(AF_UNIX, SOCK_STREAM, 0));
        const auto address = resolve(remote)->front();
        ASSERT_EQ(0, ::bind(dead.get(), address.get(), address.length));
        ASSERT_EQ(0, ::listen(dead.get(), 1));
    }
    ASSERT_TRUE(std::filesystem::exists(path));
    Connection alive(remote);
    const auto listening = alive.listen();
    ASSERT_TRUE(listening.ok()) << listening.error().text();
    Connection second(remote);
    const auto refused = second.listen();
    ASSERT_FALSE(refused.ok());
    EXPECT_NE(std::string::npos, refused.error().text().find("another program listens"));
    const UniqueFd caller = call(alive);
    EXPECT_TRUE(drive(alive, State::connected)) << "the first has kept its place";

    const std::string file = folder.path / "notes.txt";
    UniqueFd(::open(file.c_str(), O_CREAT | O_WRONLY, 0600));
    Connection third({Remote::Mode::listen, "", "", file});
    const auto other = third.listen();
    ASSERT_FALSE(other.ok());
    EXPECT_NE(std::string::npos, other.error().text().find("not a socket"));
    EXPECT_TRUE(std::filesystem::is_regular_file(file));
    Connection nowhere({Remote::Mode::listen, "", "", folder.path / "no" / "port.sock"});
    EXPECT_FALSE(nowhere.listen().ok());
}

TEST(Connection, ListenerWithoutItsAddressTriesAgain) {
    std::optional<Connection> first;
    first.emplace(Remote{Remote::Mode::listen, "127.0.0.1", "0"});
    ASSERT_TRUE(first->listen().ok());
    Connection second({Remote::Mode::listen, "127.0.0.1", first->remote().port},
                      {.first = 5ms, .last = 50ms});
    second.step();
    EXPECT_EQ(State::waiting, second.state());
    EXPECT_NE(std::string::npos, second.text().find("cannot listen on 127.0.0.1")) << second.text();
    first.reset();
    EXPECT_TRUE(drive(second, State::listening));
}

/// A host with three addresses: of the first two nobody answers at the port.
Result<std::vector<SocketAddress>> three_addresses(const Remote& remote) {
    std::vector<SocketAddress> all;
    for (const char* address : {"127.0.0.3", "127.0.0.2", "127.0.0.1"})
        all.push_back(resolve({Remote::Mode::connect, address, remote.port})->front());
    return all;
}

TEST(Connection, AllAddressesOfANameAreTriedInTheirOrder) {
    Peer peer;
    peer.open();
    Connection connection({Remote::Mode::connect, "host", std::to_string(peer.port)},
                          {.first = 5s, .last = 5s}, {}, &three_addresses);
    connection.step();
    ASSERT_TRUE(drive(connection, State::connected));
    EXPECT_EQ("127.0.0.1:" + std::to_string(peer.port), connection.peer());
    peer.fd.reset();
    connection.lost("peer gone");
    Connection nobody({Remote::Mode::connect, "host", std::to_string(peer.port)},
                      {.first = 5s, .last = 5s}, {}, &three_addresses);
    nobody.step();
    ASSERT_TRUE(drive(nobody, State::waiting));
    EXPECT_TRUE(nobody.text().starts_with("Connection refused, retry in ")) << nobody.text();
}

TEST(Connection, SpeaksIPv6AtBothEnds) {
    Connection listener({Remote::Mode::listen, "::1", "0"});
    if (!listener.listen().ok()) GTEST_SKIP() << "there is no ::1 here";
    Connection caller({Remote::Mode::connect, "::1", listener.remote().port});
    caller.step();
    ASSERT_TRUE(drive(caller, State::connected));
    EXPECT_EQ("[::1]:" + listener.remote().port, caller.peer());
    ASSERT_TRUE(drive(listener, State::connected));
    EXPECT_TRUE(listener.peer().starts_with("[::1]:")) << listener.peer();
}

TEST(Connection, PeerThatDoesNotReadIsNotGone) {
    LinkOptions options;
    options.timeout = 1s;
    Connection connection({Remote::Mode::listen, "127.0.0.1", "0"}, options);
    ASSERT_TRUE(connection.listen().ok());
    const UniqueFd caller = call(connection);
    ASSERT_TRUE(drive(connection, State::connected));
    const std::string bytes(65536, 'x');
    while (::send(connection.socket(), bytes.data(), bytes.size(), MSG_DONTWAIT) > 0)
        connection.sending();
    EXPECT_EQ(EAGAIN, errno);
    const auto end = Clock::now() + 4s;
    while (Clock::now() < end) {
        connection.step();
        ASSERT_TRUE(connection.peers()[0].vanished.empty()) << connection.peers()[0].vanished;
        ::usleep(20'000);
    }
    EXPECT_NE(Clock::time_point{}, connection.deadline()) << "it is looked at again";
    char buffer[65536];
    while (::recv(caller.get(), buffer, sizeof buffer, MSG_DONTWAIT) > 0) ::usleep(100);
    const auto quiet = Clock::now() + 10s;
    while (connection.deadline() != Clock::time_point{} && Clock::now() < quiet) {
        while (::recv(caller.get(), buffer, sizeof buffer, MSG_DONTWAIT) > 0) {
        }
        connection.step();
    }
    EXPECT_EQ(Clock::time_point{}, connection.deadline()) << "all has arrived: nothing to wake for";
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
    EXPECT_EQ("connect unix:/run/x y.sock", Remote::parse_connect("unix:/run/x y.sock")->text());
    EXPECT_EQ("/run/a", Remote::parse("listen unix:/run/b/../a")->path);
    EXPECT_EQ(std::filesystem::current_path() / "a", Remote::parse_listen("unix:a")->path);
    for (const char* bad : {"unix:", "unix:/run/"}) EXPECT_FALSE(Remote::parse_connect(bad).ok());
    const auto longest = Remote::parse_connect("unix:/" + std::string(107, 'x'));
    ASSERT_FALSE(longest.ok());
    EXPECT_NE(std::string::npos, longest.error().text().find("107"));
    for (const char* bad : {"", "x", "70000", "a:b", "::1:23"})
        EXPECT_FALSE(Remote::parse_listen(bad).ok()) << bad;
}

}  // namespace
}  // namespace opendext::serial_tcp
