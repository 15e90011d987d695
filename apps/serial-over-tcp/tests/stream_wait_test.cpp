// SPDX-License-Identifier: Apache-2.0
#include "apps/serial-over-tcp/agent/stream_wait.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>

namespace opendext::serial_tcp {
namespace {

using Clock = StreamWait::Clock;
using std::chrono::milliseconds;

struct Ends {
    UniqueFd near, far;
};
Ends socket_pair() {
    int ends[2] = {-1, -1};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}
void send_byte(const UniqueFd& to) {
    ASSERT_EQ(::send(to.get(), "x", 1, 0), 1);
}
void take_byte(const UniqueFd& from) {
    char byte = 0;
    ASSERT_EQ(::recv(from.get(), &byte, 1, 0), 1);
}

struct StreamWaitTest : ::testing::Test {
    Ends bell = socket_pair();
    Ends peer = socket_pair();
    UniqueFd stop{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    StreamWait wait;

    [[nodiscard]] StreamWait::Watched watched(uint64_t driver = 1, uint64_t peer_id = 1) const {
        return {.bell = bell.near.get(),
                .peer = peer.near.get(),
                .others = {stop.get(), -1, -1},
                .driver = driver,
                .peer_id = peer_id};
    }
};

TEST_F(StreamWaitTest, TellsBellAndPeerApart) {
    ASSERT_TRUE(wait.watch(watched()));
    send_byte(bell.far);
    auto woken = wait.wait();
    EXPECT_TRUE(woken.bell && !woken.peer && !woken.other);
    send_byte(peer.far);
    woken = wait.wait();  // the bell has not been heard yet
    EXPECT_TRUE(woken.bell && woken.peer && !woken.other);
    take_byte(bell.near);
    woken = wait.wait();
    EXPECT_TRUE(!woken.bell && woken.peer && !woken.other);
}

TEST_F(StreamWaitTest, TellsAnythingElseAsOther) {
    ASSERT_TRUE(wait.watch(watched()));
    const uint64_t one = 1;
    ASSERT_EQ(::write(stop.get(), &one, sizeof one), static_cast<ssize_t>(sizeof one));
    const auto woken = wait.wait();
    EXPECT_TRUE(!woken.bell && !woken.peer && woken.other);
}

TEST_F(StreamWaitTest, APeerThatClosesIsMoreThanBytes) {
    ASSERT_TRUE(wait.watch(watched()));
    send_byte(peer.far);
    peer.far.reset();
    const auto woken = wait.wait();
    EXPECT_TRUE(!woken.peer && woken.other);
}

TEST_F(StreamWaitTest, ABellWhoseRingerIsGoneIsMoreThanARing) {
    ASSERT_TRUE(wait.watch(watched()));
    bell.far.reset();
    const auto woken = wait.wait();
    EXPECT_TRUE(!woken.bell && woken.other);
}

TEST_F(StreamWaitTest, EndsInTime) {
    ASSERT_TRUE(wait.watch(watched()));
    const auto due = Clock::now() + milliseconds(5);
    wait.until(due);
    EXPECT_TRUE(wait.wait().other);
    EXPECT_GE(Clock::now(), due);
    EXPECT_TRUE(wait.wait().other);  // until there is another time
    wait.until(due + std::chrono::hours(1));
    send_byte(peer.far);
    const auto woken = wait.wait();
    EXPECT_TRUE(woken.peer && !woken.other);
}

TEST_F(StreamWaitTest, TheSameTimeAgainAfterItCameIsNoTimeInTheFuture) {
    ASSERT_TRUE(wait.watch(watched()));
    const auto due = Clock::now() - milliseconds(1);
    wait.until(due);
    EXPECT_TRUE(wait.wait().other);
    wait.until(due);
    EXPECT_TRUE(wait.wait().other);
}

TEST_F(StreamWaitTest, AnEarlierTimeCountsAndALaterOneDoesNot) {
    ASSERT_TRUE(wait.watch(watched()));
    const auto begin = Clock::now();
    wait.until({});
    wait.until_at_most(begin + milliseconds(5));
    wait.until_at_most(begin + std::chrono::hours(1));
    EXPECT_TRUE(wait.wait().other);
    EXPECT_LT(Clock::now() - begin, std::chrono::minutes(1));
}

TEST_F(StreamWaitTest, ANumberThatWasGivenAnewIsWatchedAnew) {
    ASSERT_TRUE(wait.watch(watched()));
    const int number = peer.near.get();
    peer = {};
    peer = socket_pair();
    ASSERT_EQ(peer.near.get(), number);  // the lowest that is free
    ASSERT_TRUE(wait.watch(watched(1, 2)));
    send_byte(peer.far);
    EXPECT_TRUE(wait.wait().peer);
}

TEST_F(StreamWaitTest, RefusesWhatCannotBeWatchedAndTakesWhatCanAfterwards) {
    const UniqueFd file(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    auto wrong = watched();
    wrong.peer = file.get();
    EXPECT_FALSE(wait.watch(wrong));
    EXPECT_FALSE(wait.watch(wrong));
    wrong.peer = 1 << 20;  // no descriptor
    EXPECT_FALSE(wait.watch(wrong));
    EXPECT_TRUE(wait.watch(watched()));
}

}  // namespace
}  // namespace opendext::serial_tcp
