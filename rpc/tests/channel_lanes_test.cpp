// SPDX-License-Identifier: Apache-2.0
// Lanes, drafts and frames, and how receivers wait.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <thread>

#include "rpc/futex.h"
#include "rpc/shared_bytes.h"
#include "rpc/spin_policy.h"
#include "rpc/tests/channel_ends.h"

namespace opendext {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using Wake = Channel::Wake;

constexpr Patience kNow{.limit = std::chrono::nanoseconds(0)};

void send(Channel& channel, Lane lane, uint64_t serial, size_t size = 8, Wake wake = Wake::now) {
    Result<Draft> draft = channel.begin(lane, 5, serial, size);
    ASSERT_TRUE(draft.ok()) << draft.error().text();
    ASSERT_EQ(size, draft->bytes().size());
    std::memset(draft->bytes().data(), static_cast<int>(serial), size);
    ASSERT_TRUE(channel.commit(std::move(*draft), wake).ok());
}

void expect(Channel& channel, Lane lane, uint64_t serial, size_t size = 8,
            const Patience& patience = {}) {
    Result<Frame> frame = channel.receive(lane, patience);
    ASSERT_TRUE(frame.ok()) << frame.error().text();
    EXPECT_EQ(5, frame->kind());
    EXPECT_EQ(serial, frame->serial());
    EXPECT_EQ(lane, frame->lane());
    ASSERT_EQ(size, frame->bytes().size());
    for (const std::byte byte : frame->bytes()) ASSERT_EQ(static_cast<std::byte>(serial), byte);
}

/// A receiver on a thread of its own; `came` counts what it has.
class Receiver {
  public:
    Receiver(Channel& channel, Lane lane, const Patience& patience)
        : thread_([this, &channel, lane, patience] {
              tid = static_cast<pid_t>(::gettid());
              for (;;) {
                  const Result<Frame> frame = channel.receive(lane, patience);
                  if (!frame.ok()) {
                      reason = frame.error().message;
                      return;
                  }
                  ++came;
              }
          }) {}
    ~Receiver() { join(); }
    void join() {
        if (thread_.joinable()) thread_.join();
    }
    /// Until it sleeps in the kernel.
    void wait_until_asleep() const {
        wait([&] { return tid != 0; });
        const std::string path = "/proc/self/task/" + std::to_string(tid) + "/stat";
        wait([&] {
            std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "r"),
                                                                 &std::fclose);
            char state = 0;
            return file && std::fscanf(file.get(), "%*d %*s %c", &state) == 1 && state == 'S';
        });
    }
    void wait_for(int count) const {
        wait([&] { return came >= count; });
    }

    std::atomic<int> came{0};
    std::atomic<pid_t> tid{0};
    std::string reason;

  private:
    template <typename Condition>
    static void wait(Condition condition) {
        const int64_t end = now_ns() + 60'000'000'000;
        while (!condition()) {
            ASSERT_LT(now_ns(), end);
            std::this_thread::sleep_for(milliseconds(1));
        }
    }
    std::thread thread_;
};

TEST(ChannelLanes, AreIndependentOfEachOther) {
    const Ends ends = make_ends();
    send(*ends.driver, Lane::events, 1);
    send(*ends.driver, Lane::replies, 2);
    send(*ends.driver, Lane::events, 3);
    send(*ends.client, Lane::calls, 4);
    expect(*ends.client, Lane::replies, 2);
    expect(*ends.client, Lane::events, 1);
    expect(*ends.driver, Lane::calls, 4);
    expect(*ends.client, Lane::events, 3);
    EXPECT_FALSE(ends.client->ready(Lane::events));
}

TEST(ChannelLanes, EachSideHasItsOwn) {
    const Ends ends = make_ends();
    EXPECT_EQ(Errc::invalid, ends.client->begin(Lane::events, 1, 1, 8).error().code);
    EXPECT_EQ(Errc::invalid, ends.driver->begin(Lane::calls, 1, 1, 8).error().code);
    EXPECT_EQ(Errc::invalid, ends.client->receive(Lane::calls, kNow).error().code);
    EXPECT_EQ(Errc::invalid, ends.driver->receive(Lane::replies, kNow).error().code);
    EXPECT_EQ(Errc::invalid,
              ends.client->begin(Lane::calls, 1, 1, Channel::kMaxFrameBody + 1).error().code);
    EXPECT_FALSE(ends.client->closed());
}

TEST(ChannelLanes, ADraftThatIsGivenUpSendsNothing) {
    const Ends ends = make_ends();
    {
        const Result<Draft> draft = ends.client->begin(Lane::calls, 5, 1, 100);
        ASSERT_TRUE(draft.ok());
        std::memset(draft->bytes().data(), 0x55, 100);
        // It holds the lane meanwhile.
        std::thread([&] {
            EXPECT_EQ(
                Errc::no_space,
                ends.client->begin(Lane::calls, 5, 1, 8, Channel::Wait::dont_block).error().code);
        }).join();
    }
    EXPECT_FALSE(ends.driver->ready(Lane::calls));
    send(*ends.client, Lane::calls, 2);
    expect(*ends.driver, Lane::calls, 2);
}

TEST(ChannelLanes, FramesOfEverySizeWrapContiguously) {
    const Ends ends = make_ends();
    uint64_t serial = 0;
    for (size_t round = 0; round < 40; ++round) {
        for (const size_t size : {size_t{0}, size_t{1}, size_t{47}, size_t{4096}, size_t{9999},
                                  Channel::kMaxFrameBody}) {
            send(*ends.driver, Lane::events, serial, size);
            send(*ends.driver, Lane::replies, serial, size);
            expect(*ends.client, Lane::events, serial, size);
            expect(*ends.client, Lane::replies, serial, size);
            ++serial;
        }
    }
}

TEST(ChannelLanes, AReceiverMayLookOnlyOrWaitForAWhile) {
    const Ends ends = make_ends();
    EXPECT_EQ(Errc::timed_out, ends.driver->receive(Lane::calls, kNow).error().code);
    const int64_t begin = now_ns();
    EXPECT_EQ(Errc::timed_out,
              ends.driver->receive(Lane::calls, {.limit = milliseconds(30)}).error().code);
    EXPECT_GE(now_ns() - begin, 30'000'000);
    send(*ends.client, Lane::calls, 1);
    expect(*ends.driver, Lane::calls, 1, 8, kNow);
}

TEST(ChannelLanes, WhatCameWithoutBeingEnoughIsThereWhenTheTimeIsOver) {
    const Ends ends = make_ends();
    std::thread sender([&] {
        std::this_thread::sleep_for(milliseconds(20));
        send(*ends.client, Lane::calls, 1);
    });
    expect(*ends.driver, Lane::calls, 1, 8, {.wanted = 10, .limit = milliseconds(300)});
    sender.join();
}

TEST(ChannelLanes, AReceiverIsWokenOnlyForAsManyAsItWants) {
    const Ends ends = make_ends();
    Receiver receiver(*ends.client, Lane::replies, {.wanted = 3});
    receiver.wait_until_asleep();
    send(*ends.driver, Lane::replies, 1);
    send(*ends.driver, Lane::replies, 2);
    std::this_thread::sleep_for(milliseconds(50));
    EXPECT_EQ(0, receiver.came);
    send(*ends.driver, Lane::replies, 3);
    receiver.wait_for(3);
    receiver.wait_until_asleep();
    send(*ends.driver, Lane::replies, 4, 8, Wake::at_once);  // it has to look at this one
    receiver.wait_for(4);
    ends.client->close("");
}

TEST(ChannelLanes, AReceiverThatWantsManyIsWokenWhenTheRingIsHalfFull) {
    const Ends ends = make_ends();
    Receiver receiver(*ends.client, Lane::replies, {.wanted = 100'000});
    receiver.wait_until_asleep();
    // Far more than fits: the sender waits for room, and the receiver makes it.
    for (uint64_t i = 0; i < 200; ++i) send(*ends.driver, Lane::replies, i, 4000);
    ends.driver->close("done");
    receiver.join();
    EXPECT_EQ(200, receiver.came);
    EXPECT_EQ("done", receiver.reason);
}

TEST(ChannelLanes, LaterWakesNobodyUntilTheFlush) {
    const Ends ends = make_ends();
    Receiver receiver(*ends.client, Lane::events, {});
    receiver.wait_until_asleep();
    for (uint64_t i = 0; i < 10; ++i) send(*ends.driver, Lane::events, i, 8, Wake::later);
    std::this_thread::sleep_for(milliseconds(50));
    EXPECT_EQ(0, receiver.came);
    ends.driver->flush(Lane::events);
    receiver.wait_for(10);
    ends.client->close("");
}

TEST(ChannelLanes, LingeringGathersAStreamAndDelaysNoSingleFrame) {
    const Ends ends = make_ends();
    Receiver receiver(*ends.client, Lane::events, {.wanted = 1000, .linger = microseconds(2000)});
    receiver.wait_until_asleep();
    std::this_thread::sleep_for(milliseconds(50));
    // After the time to linger one is enough.
    send(*ends.driver, Lane::events, 1);
    receiver.wait_for(1);
    // Fewer than wanted come all the same, at the end of that time.
    send(*ends.driver, Lane::events, 2);
    receiver.wait_for(2);
    ends.client->close("");
}

TEST(ChannelLanes, DescriptorsStayWithTheirFramesWhateverLaneIsReadFirst) {
    const Ends ends = make_ends();
    std::vector<UniqueFd> files;
    for (uint64_t i = 0; i < 6; ++i) {
        UniqueFd file(::memfd_create("numbered", MFD_CLOEXEC));
        ASSERT_EQ(8, ::write(file.get(), &i, 8));
        const Lane lane = i % 2 == 0 ? Lane::events : Lane::replies;
        Result<Draft> draft = ends.driver->begin(lane, 5, i, 16);
        ASSERT_TRUE(draft.ok());
        std::memset(draft->bytes().data(), static_cast<int>(i), 16);
        const UniqueFd fds[] = {std::move(file)};
        ASSERT_TRUE(ends.driver->commit(std::move(*draft), Wake::now, fds).ok());
    }
    const auto take = [&](Lane lane, uint64_t number) {
        Result<Frame> frame = ends.client->receive(lane, kNow);
        ASSERT_TRUE(frame.ok()) << frame.error().text();
        EXPECT_EQ(16U, frame->bytes().size());
        EXPECT_EQ(number, frame->serial());
        const std::vector<UniqueFd> fds = frame->take_fds();
        ASSERT_EQ(1U, fds.size());
        uint64_t found = 99;
        ASSERT_EQ(8, ::pread(fds[0].get(), &found, 8, 0));
        EXPECT_EQ(number, found);
        EXPECT_TRUE(frame->take_fds().empty());
    };
    for (const uint64_t number : {1U, 3U, 5U}) take(Lane::replies, number);
    for (const uint64_t number : {0U, 2U, 4U}) take(Lane::events, number);
}

TEST(ChannelLanes, ADescriptorThatNobodyTakesIsClosedWithItsFrame) {
    const Ends ends = make_ends();
    int pipe_ends[2];
    ASSERT_EQ(0, ::pipe2(pipe_ends, O_CLOEXEC | O_NONBLOCK));
    const UniqueFd reader(pipe_ends[0]);
    {
        const UniqueFd fds[] = {UniqueFd(pipe_ends[1])};
        Result<Draft> draft = ends.client->begin(Lane::calls, 5, 1, 0);
        ASSERT_TRUE(draft.ok());
        ASSERT_TRUE(ends.client->commit(std::move(*draft), Wake::now, fds).ok());
    }
    char byte = 0;
    EXPECT_EQ(-1, ::read(reader.get(), &byte, 1));  // it is under way
    (void)ends.driver->receive(Lane::calls, kNow).ok();
    EXPECT_EQ(0, ::read(reader.get(), &byte, 1));
}

TEST(ChannelLanes, ManySendersOnOneLaneKeepTheirOrder) {
    const Ends ends = make_ends();
    constexpr uint64_t kThreads = 4;
    constexpr uint64_t kEach = 3000;
    std::vector<std::thread> senders;
    for (uint64_t t = 0; t < kThreads; ++t) {
        senders.emplace_back([&, t] {
            for (uint64_t i = 0; i < kEach; ++i) {
                Result<Draft> draft = ends.driver->begin(Lane::events, 5, t, 8 + i % 200);
                ASSERT_TRUE(draft.ok());
                std::memcpy(draft->bytes().data(), &i, sizeof i);
                ASSERT_TRUE(ends.driver
                                ->commit(std::move(*draft),
                                         i % 3 == 0 && i + 1 < kEach ? Wake::later : Wake::now)
                                .ok());
            }
        });
    }
    uint64_t next[kThreads] = {};
    for (uint64_t n = 0; n < kThreads * kEach; ++n) {
        Result<Frame> frame = ends.client->receive(Lane::events);
        ASSERT_TRUE(frame.ok());
        ASSERT_LT(frame->serial(), kThreads);
        EXPECT_EQ(next[frame->serial()]++, copy_shared<uint64_t>(frame->bytes().data()));
    }
    for (std::thread& sender : senders) sender.join();
}

/// Who waits, on which side, and what ends it.
TEST(ChannelLanes, ACloseFromEitherSideEndsEveryKindOfWait) {
    for (const bool by_driver : {false, true}) {
        const Ends ends = make_ends();
        Receiver replies(*ends.client, Lane::replies, {.wanted = 100});
        Receiver events(*ends.client, Lane::events, {.wanted = 100, .linger = microseconds(100)});
        std::thread caller([&] {  // waits for room
            for (;;) {
                Result<Draft> draft = ends.client->begin(Lane::calls, 5, 1, 4000);
                if (!draft.ok()) {
                    EXPECT_EQ(Errc::peer_gone, draft.error().code);
                    EXPECT_EQ("enough", draft.error().message);
                    return;
                }
                (void)ends.client->commit(std::move(*draft)).ok();
            }
        });
        replies.wait_until_asleep();
        events.wait_until_asleep();
        (by_driver ? *ends.driver : *ends.client).close("enough");
        caller.join();
        replies.join();
        events.join();
        EXPECT_EQ("enough", replies.reason);
        EXPECT_EQ("enough", events.reason);
    }
}

TEST(ChannelLanes, TheDeathOfThePeerEndsEveryKindOfWaitAtOnce) {
    UniqueFd memory = std::move(Channel::create_memory()).value();
    auto sockets = std::move(Socket::pair()).value();
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        sockets.first.close();
        ::pause();
        ::_exit(0);
    }
    sockets.second.close();
    const auto client = std::move(Channel::attach(std::move(memory), std::move(sockets.first),
                                                  Channel::Side::client))
                            .value();
    Receiver replies(*client, Lane::replies, {});
    Receiver events(*client, Lane::events, {.wanted = 100});
    std::string sent;
    std::thread caller([&] {
        for (;;) {
            Result<Draft> draft = client->begin(Lane::calls, 5, 1, 4000);
            if (!draft.ok()) {
                sent = draft.error().message;
                return;
            }
            (void)client->commit(std::move(*draft)).ok();
        }
    });
    replies.wait_until_asleep();
    events.wait_until_asleep();
    ASSERT_EQ(0, ::kill(child, SIGKILL));
    ASSERT_EQ(child, ::waitpid(child, nullptr, 0));
    caller.join();
    replies.join();
    events.join();
    EXPECT_EQ("the other side ended", sent);
    EXPECT_EQ("the other side ended", replies.reason);
    EXPECT_EQ("the other side ended", events.reason);
}

TEST(ChannelLanes, AStoppedPeerCostsNoProcessorTimeAndGoesOnWhereItWas) {
    UniqueFd memory = std::move(Channel::create_memory()).value();
    auto sockets = std::move(Socket::pair()).value();
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        sockets.first.close();
        auto driver =
            Channel::attach(std::move(memory), std::move(sockets.second), Channel::Side::driver);
        for (;;) {
            Result<Message> request = (*driver)->receive();
            if (!request.ok() || !(*driver)->send(*request).ok()) ::_exit(0);
        }
    }
    sockets.second.close();
    const auto client = std::move(Channel::attach(std::move(memory), std::move(sockets.first),
                                                  Channel::Side::client))
                            .value();
    for (uint64_t i = 0; i < 100; ++i) {
        send(*client, Lane::calls, i);
        expect(*client, Lane::replies, i);
    }
    ASSERT_EQ(0, ::kill(child, SIGSTOP));
    int status = 0;
    ASSERT_EQ(child, ::waitpid(child, &status, WUNTRACED));
    send(*client, Lane::calls, 100);
    rusage before{};
    rusage after{};
    ::getrusage(RUSAGE_THREAD, &before);
    EXPECT_EQ(Errc::timed_out,
              client->receive(Lane::replies, {.limit = milliseconds(300)}).error().code);
    ::getrusage(RUSAGE_THREAD, &after);
    const auto micros = [](const rusage& usage) {
        return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1'000'000 +
               usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
    };
    EXPECT_LT(micros(after) - micros(before), 50'000);
    ASSERT_EQ(0, ::kill(child, SIGCONT));
    expect(*client, Lane::replies, 100);
    client->close("done");
    ASSERT_EQ(child, ::waitpid(child, &status, 0));
}

// -- SpinPolicy, with a clock of the test

class SpinPolicyTest : public testing::Test {
  protected:
    using Begin = SpinPolicy::Begin;
    Begin how(uint32_t own, uint32_t peer, bool peer_slept = false) {
        return policy_.begin(own, peer, peer_slept, [this] {
            ++looks_;
            return now_;
        });
    }
    void yielded(bool came, int64_t took_ns) {
        now_ += took_ns;
        policy_.yielded(came, took_ns, [this] {
            ++looks_;
            return now_;
        });
    }
    bool begin(bool peer_slept = false) { return how(1, 2, peer_slept) == Begin::spin; }
    void sleep(int64_t ns) {
        now_ += ns;
        policy_.slept([this] { return now_; });
    }
    /// Two short waits one after the other: from then on it spins.
    void warm_up() {
        (void)begin();
        sleep(70'000);
        ASSERT_TRUE(begin());
        policy_.spin_paid();
        looks_ = 0;
    }

    SpinPolicy policy_;
    int64_t now_ = 1'000'000'000;
    int looks_ = 0;
};

TEST_F(SpinPolicyTest, SleepsFirstAndSpinsOnceWaitsComeBackToBack) {
    EXPECT_FALSE(begin());
    sleep(70'000);
    EXPECT_TRUE(begin());
}

TEST_F(SpinPolicyTest, DoesNotReadTheClockWhileSpinningPays) {
    warm_up();
    for (int i = 0; i < 100; ++i) {
        EXPECT_TRUE(begin());
        policy_.spin_paid();
    }
    EXPECT_EQ(0, looks_);
}

TEST_F(SpinPolicyTest, SleepsWhereNobodyKnowsWhoRunsWhere) {
    warm_up();
    EXPECT_EQ(Begin::sleep, how(0, 2));
    EXPECT_EQ(Begin::sleep, how(1, 0));
    EXPECT_EQ(0, looks_);
}

TEST_F(SpinPolicyTest, YieldsToAPeerOnTheSameCpu) {
    for (int i = 0; i < 100; ++i) {
        EXPECT_EQ(Begin::yield, how(1, 1));
        yielded(true, 2'000);
    }
    EXPECT_EQ(0, looks_);
}

TEST_F(SpinPolicyTest, StopsYieldingToOthersThanThePeer) {
    int64_t lost = 0;
    const int64_t begin_ns = now_;
    for (int i = 0; i < 10'000'000; ++i, now_ += 5'000) {  // 50 s of calls
        if (how(1, 1) != Begin::yield) continue;
        yielded(i % 2 == 0, 5'000'000);
        lost += 5'000'000;
    }
    EXPECT_GT(lost, 20'000'000);  // it tries again
    EXPECT_LT(lost, (now_ - begin_ns) / 500);
}

TEST_F(SpinPolicyTest, GoesOnYieldingAfterALongOneNowAndThen) {
    for (int i = 0; i < 200'000; ++i, now_ += 5'000) {
        ASSERT_EQ(Begin::yield, how(1, 1)) << i;
        const int64_t took = i % 10'000 == 9'999 ? 4'000'000 : 2'000;  // the host had the CPU
        yielded(true, took);
    }
}

TEST_F(SpinPolicyTest, LetsThePeerRunBeforeItSleepsThoughNothingComes) {
    for (int i = 0; i < 1000; ++i) {  // calls that come alone: the answer is given, the next far
        EXPECT_EQ(Begin::yield, how(1, 1));
        yielded(false, 500);
        now_ += 1'000'000;
    }
    EXPECT_EQ(0, looks_);
}

TEST_F(SpinPolicyTest, SleepsAtOnceWhenCallsAreSpaced) {
    warm_up();
    now_ += 1'000'000;
    EXPECT_FALSE(begin(true));  // the peer had gone to sleep, and time has passed
    sleep(70'000);
    now_ += 1'000'000;
    EXPECT_FALSE(begin(true));
    sleep(70'000);
    EXPECT_TRUE(begin(true));  // back to back again
}

TEST_F(SpinPolicyTest, SleepsAtOnceWhenThePeerTakesLong) {
    (void)begin();
    sleep(1'000'000);
    EXPECT_FALSE(begin());
}

TEST_F(SpinPolicyTest, WaitsForAPeerThatItHasWokenAsLongAsThatTakes) {
    (void)begin();
    sleep(70'000);  // what it takes here
    ASSERT_TRUE(begin(true));
    EXPECT_EQ(140'000, policy_.budget_ns());
    policy_.spin_paid();
    ASSERT_TRUE(begin());
    EXPECT_EQ(SpinPolicy::kBudgetNs, policy_.budget_ns()) << "it is awake";
    policy_.spin_failed(now_);
    sleep(150'000);
    while (!begin()) sleep(150'000);
    EXPECT_EQ(SpinPolicy::kMaxBudgetNs, policy_.budget_ns());
}

TEST_F(SpinPolicyTest, TriesLessAndLessOftenWhileItFails) {
    (void)begin();
    sleep(50'000);
    int tries = 0;
    for (int i = 0; i < 1000; ++i) {
        if (begin()) {
            ++tries;
            policy_.spin_failed(now_);
            now_ += SpinPolicy::kBudgetNs;
        }
        sleep(50'000);
    }
    EXPECT_GT(tries, 5);
    EXPECT_LT(tries, 20);
}

TEST(ChannelBell, RingsOnceForAReceiverThatPolls) {
    Ends ends = make_ends();
    int sockets[2];
    ASSERT_EQ(0, ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, sockets));
    const UniqueFd bell(sockets[0]);
    const auto rings = [&] {
        char bytes[16];
        return ::recv(bell.get(), bytes, sizeof bytes, MSG_DONTWAIT);
    };
    ASSERT_TRUE(ends.client->arm(Lane::events));  // before the sender has the bell
    send(*ends.driver, Lane::events, 1);
    EXPECT_EQ(-1, rings());
    ASSERT_TRUE(ends.driver->set_bell(Lane::events, UniqueFd(sockets[1])));
    EXPECT_FALSE(ends.driver->set_bell(Lane::events, UniqueFd()));
    EXPECT_EQ(1, rings());
    EXPECT_FALSE(ends.client->arm(Lane::events)) << "something is there";
    expect(*ends.client, Lane::events, 1);
    ASSERT_TRUE(ends.client->arm(Lane::events));
    send(*ends.driver, Lane::events, 2);
    send(*ends.driver, Lane::events, 3);
    EXPECT_EQ(1, rings()) << "once, until it is armed again";
    expect(*ends.client, Lane::events, 2);
    expect(*ends.client, Lane::events, 3);
    ASSERT_TRUE(ends.client->arm(Lane::events));
    ends.driver->close("enough");
    EXPECT_EQ(1, rings());
    EXPECT_FALSE(ends.client->arm(Lane::events));
}

TEST(ChannelBell, ThatNobodyHearsOrThatIsNoSocketHoldsUpNoSender) {
    for (const bool socket : {true, false}) {
        Ends ends = make_ends();
        int fds[2];
        if (socket) {
            ASSERT_EQ(0, ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds));
        } else {
            ASSERT_EQ(0, ::pipe2(fds, O_CLOEXEC));
        }
        const UniqueFd other(fds[0]);
        ASSERT_TRUE(ends.driver->set_bell(Lane::events, UniqueFd(fds[1])));
        for (uint64_t serial = 0; serial < 3000; ++serial) {
            (void)ends.client->arm(Lane::events);
            send(*ends.driver, Lane::events, serial);
            expect(*ends.client, Lane::events, serial);
        }
    }
}

}  // namespace
}  // namespace opendext
