// SPDX-License-Identifier: Apache-2.0
// Several callers of one port, over loopback connections.
#include "apps/serial-over-tcp/agent/peers.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

namespace opendext::serial_tcp {
namespace {

using namespace std::chrono_literals;

std::string pattern(size_t size, unsigned seed) {
    std::string text(size, '\0');
    for (char& c : text) c = static_cast<char>(seed = seed * 1103515245U + 12345U, seed >> 16U);
    return text;
}

Stretch stretch(std::string& text, size_t from, size_t most) {
    Stretch result;
    result.size = std::min(most, text.size() - from);
    result.count = 1;
    result.pieces[0] = {text.data() + from, result.size};
    return result;
}

class PeersTest : public testing::Test, public WireOwner {
  protected:
    void listen(uint32_t clients, Peers::Limits limits) {
        LinkOptions options;
        options.clients = clients;
        connection_ =
            std::make_unique<Connection>(Remote{Remote::Mode::listen, "127.0.0.1", "0"}, options);
        ASSERT_TRUE(connection_->listen().ok());
        setup_.role = telnet::Session::Role::server;
        peers_ = std::make_unique<Peers>(*connection_, setup_, *this, limits);
    }
    void step() {
        const auto now = Clock::now();
        connection_->step(now);
        peers_->follow(now, true, {});
    }
    UniqueFd call() {
        UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        const int small = 4096;  // what a client does not read is soon felt
        ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        address.sin_port = htons(static_cast<uint16_t>(std::stoi(connection_->remote().port)));
        EXPECT_EQ(0, ::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address));
        ::fcntl(fd.get(), F_SETFL, O_NONBLOCK);
        const size_t before = peers_->count();
        const auto end = Clock::now() + 10s;
        while (peers_->count() == before && Clock::now() < end) step();
        return fd;
    }
    /// Appends what is there; false at the end of the stream.
    static bool read(const UniqueFd& fd, std::string& to) {
        char buffer[16384];
        for (;;) {
            const ssize_t got = ::read(fd.get(), buffer, sizeof buffer);
            if (got < 0) return errno == EAGAIN;
            if (got == 0) return false;
            to.append(buffer, static_cast<size_t>(got));
        }
    }

    WireSetup setup_;
    std::unique_ptr<Connection> connection_;
    std::unique_ptr<Peers> peers_;
};

TEST_F(PeersTest, EveryClientGetsEveryByteThoughOneIsSlow) {
    listen(3, {.most_lag = 256 << 10, .stall = 30s});
    const UniqueFd fast = call(), slow = call(), third = call();
    ASSERT_EQ(3U, peers_->count());
    std::string data = pattern(4 << 20, 1);
    std::string got[3];
    size_t sent = 0;
    int round = 0;
    const auto end = Clock::now() + 60s;
    while ((got[0].size() < data.size() || got[1].size() < data.size() ||
            got[2].size() < data.size()) &&
           Clock::now() < end) {
        step();
        if (sent < data.size()) {
            const Moved moved = peers_->send(stretch(data, sent, 65536));
            ASSERT_FALSE(moved.gone());
            if (moved.moved()) sent += moved.bytes;
        }
        ASSERT_TRUE(read(fast, got[0]));
        ASSERT_TRUE(read(third, got[2]));
        if (++round % 8 == 0) {
            ASSERT_TRUE(read(slow, got[1]));
        }
        EXPECT_LE(sent, got[1].size() + (256 << 10) + 65536 + (8 << 20)) << "the lag has a limit";
    }
    for (const std::string& one : got) EXPECT_TRUE(one == data) << one.size();
    EXPECT_EQ(3U, peers_->count());
}

TEST_F(PeersTest, ClientThatTakesNothingIsDisconnectedWithAReason) {
    listen(2, {.most_lag = 64 << 10, .stall = 200ms});
    const UniqueFd good = call(), stuck = call();
    std::string data = pattern(24 << 20, 2);
    std::string got;
    size_t sent = 0;
    const auto end = Clock::now() + 60s;
    while (got.size() < data.size() && Clock::now() < end) {
        step();
        if (sent < data.size()) {
            const Moved moved = peers_->send(stretch(data, sent, 65536));
            if (moved.moved()) sent += moved.bytes;
        }
        ASSERT_TRUE(read(good, got));
    }
    EXPECT_TRUE(got == data) << "the other one loses nothing";
    EXPECT_EQ(1U, peers_->count());
    EXPECT_NE(std::string::npos, connection_->last_error().find("took nothing"))
        << connection_->last_error();
    std::string rest;
    while (read(stuck, rest) && Clock::now() < end) {
    }
    EXPECT_EQ(0, data.compare(0, rest.size(), rest)) << "what it had is the beginning, unbroken";
    EXPECT_LT(rest.size(), data.size());
}

TEST_F(PeersTest, StuckClientAloneHoldsTheStreamAndLosesNothing) {
    listen(2, {.most_lag = 64 << 10, .stall = 50ms});
    const UniqueFd only = call();
    std::string data = pattern(24 << 20, 3);
    size_t sent = 0;
    const auto stop = Clock::now() + 300ms;
    while (Clock::now() < stop) {
        step();
        const Moved moved = peers_->send(stretch(data, sent, 65536));
        if (moved.moved()) sent += moved.bytes;
    }
    ASSERT_EQ(1U, peers_->count()) << "nobody waits for it: it may take its time";
    ASSERT_LT(sent, data.size());
    std::string got;
    const auto end = Clock::now() + 60s;
    while (got.size() < data.size() && Clock::now() < end) {
        step();
        if (sent < data.size()) {
            const Moved moved = peers_->send(stretch(data, sent, 65536));
            if (moved.moved()) sent += moved.bytes;
        }
        ASSERT_TRUE(read(only, got));
    }
    EXPECT_TRUE(got == data);
}

TEST_F(PeersTest, WhatAnyClientSendsComesIn) {
    listen(2, {});
    const UniqueFd one = call(), other = call();
    ASSERT_EQ(3, ::write(one.get(), "aaa", 3));
    ASSERT_EQ(3, ::write(other.get(), "bbb", 3));
    std::string got;
    const auto end = Clock::now() + 10s;
    while (got.size() < 6 && Clock::now() < end) {
        step();
        std::string room(64, '\0');
        const Moved moved = peers_->receive(stretch(room, 0, 64));
        if (moved.moved()) got += room.substr(0, moved.bytes);
    }
    EXPECT_TRUE(got == "aaabbb" || got == "bbbaaa") << got;
}

TEST_F(PeersTest, OneClientGoesAndTheOtherStays) {
    listen(2, {});
    UniqueFd one = call();
    const UniqueFd other = call();
    one.reset();
    std::string room(64, '\0');
    const auto end = Clock::now() + 10s;
    while (peers_->count() == 2 && Clock::now() < end) {
        step();
        (void)peers_->receive(stretch(room, 0, 64));
    }
    EXPECT_EQ(1U, peers_->count());
    EXPECT_EQ(Connection::State::connected, connection_->state());
    std::string data = "still here";
    EXPECT_TRUE(peers_->send(stretch(data, 0, 64)).moved());
    std::string got;
    while (got.size() < data.size() && Clock::now() < end) ASSERT_TRUE(read(other, got));
    EXPECT_EQ(data, got);
    const UniqueFd third = call();
    EXPECT_EQ(2U, peers_->count()) << "its place is free again";
}

TEST_F(PeersTest, NobodyIsNotOpen) {
    listen(2, {});
    step();
    EXPECT_FALSE(peers_->open());
    std::string data = "x";
    EXPECT_TRUE(peers_->send(stretch(data, 0, 1)).blocked());
    EXPECT_TRUE(peers_->receive(stretch(data, 0, 1)).blocked());
    EXPECT_EQ(Clock::time_point{}, peers_->deadline());
}

}  // namespace
}  // namespace opendext::serial_tcp
