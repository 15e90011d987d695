// SPDX-License-Identifier: Apache-2.0
// The ledger, and that nothing leaves opendextd or its sockets before it is recorded.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "daemon/adoption/inheritance.h"
#include "daemon/adoption/ledger.h"
#include "daemon/adoption/program_watch.h"
#include "daemon/adoption/recorder.h"
#include "daemon/connection.h"
#include "daemon/event_loop.h"
#include "rpc/protocol/keeper.h"
#include "rpc/socket_peek.h"

namespace opendext::daemon {
namespace {

using namespace std::chrono_literals;
constexpr auto kPatience = 30s;
constexpr size_t kHalf = size_t{4} << 20;

std::vector<uint8_t> bytes(const std::string& text) {
    return {text.begin(), text.end()};
}

std::string text(std::span<const uint8_t> bytes) {
    return {bytes.begin(), bytes.end()};
}

/// What a successor finds now.
Result<Ledger> successor(const Ledger& ledger) {
    return Ledger::open(std::move(ledger.duplicate()).value());
}

TEST(LedgerTest, ASuccessorFindsWhatWasCommittedAndNothingElse) {
    Ledger ledger = std::move(Ledger::create(kHalf)).value();
    ledger.put({1, 7, 0}, bytes("first"));
    ledger.put({1, 8, 0}, bytes("second"));
    ledger.put({2, 7, 3}, bytes("other"));
    ASSERT_TRUE(ledger.commit());
    ledger.put({1, 7, 0}, bytes("changed"));
    ledger.erase({1, 8, 0});
    {
        const Result<Ledger> before = successor(ledger);
        ASSERT_TRUE(before.ok()) << before.error().text();
        EXPECT_EQ(text(before->find({1, 7, 0})), "first");
        EXPECT_EQ(text(before->find({1, 8, 0})), "second");
        EXPECT_EQ(text(before->find({2, 7, 3})), "other");
        EXPECT_TRUE(before->find({3, 7, 3}).empty());
    }
    ASSERT_TRUE(ledger.commit());
    const Result<Ledger> after = successor(ledger);
    ASSERT_TRUE(after.ok());
    EXPECT_EQ(text(after->find({1, 7, 0})), "changed");
    EXPECT_TRUE(after->find({1, 8, 0}).empty());
    std::vector<uint64_t> numbers;
    after->visit(1, [&](const Ledger::Key& key, auto) { numbers.push_back(key.first); });
    EXPECT_EQ(numbers, std::vector<uint64_t>{7});
}

TEST(LedgerTest, AChainOfSuccessorsGoesOnWithTheSameLedger) {
    Ledger first = std::move(Ledger::create(kHalf)).value();
    first.put({1, 1, 0}, bytes("a"));
    ASSERT_TRUE(first.commit());
    Ledger second = std::move(successor(first)).value();
    second.put({1, 2, 0}, bytes("b"));
    ASSERT_TRUE(second.commit());
    const Ledger third = std::move(successor(second)).value();
    EXPECT_EQ(third.records(), 2U);
    EXPECT_EQ(text(third.find({1, 1, 0})), "a");
    EXPECT_EQ(text(third.find({1, 2, 0})), "b");
}

TEST(LedgerTest, WhatIsOutOfDateMakesRoom) {
    Ledger ledger = std::move(Ledger::create(kHalf)).value();
    ledger.put({1, 1, 0}, bytes("stays"));
    const std::string large(10'000, 'x');
    for (int i = 0; i < 5000; ++i) {  // 50 MB through 4 MiB
        ledger.put({1, 2, 0}, bytes(large + std::to_string(i)));
        ASSERT_TRUE(ledger.commit()) << i;
    }
    EXPECT_LT(ledger.used(), 2 * Ledger::kSmall);
    const Result<Ledger> after = successor(ledger);
    ASSERT_TRUE(after.ok()) << after.error().text();
    EXPECT_EQ(text(after->find({1, 1, 0})), "stays");
    EXPECT_EQ(text(after->find({1, 2, 0})), large + "4999");
}

TEST(LedgerTest, AFullOneIsVoid) {
    Ledger ledger = std::move(Ledger::create(kHalf)).value();
    const std::string large(size_t{1} << 20, 'x');
    bool room = true;
    for (uint64_t i = 0; i < 8 && room; ++i) {
        ledger.put({1, i, 0}, bytes(large));
        room = ledger.commit();
    }
    EXPECT_FALSE(room);
    const Result<Ledger> after = successor(ledger);
    ASSERT_FALSE(after.ok());
    EXPECT_EQ(after.error().code, Errc::no_space);
}

TEST(LedgerTest, OtherMemoryIsRefused) {
    const auto memory = [](size_t size) {
        UniqueFd fd(::memfd_create("not-a-ledger", MFD_CLOEXEC));
        EXPECT_EQ(::ftruncate(fd.get(), static_cast<off_t>(size)), 0);
        return fd;
    };
    EXPECT_EQ(Ledger::open(memory(100)).error().code, Errc::malformed);
    EXPECT_EQ(Ledger::open(memory(size_t{1} << 16)).error().code, Errc::unsupported);
    // One whose records do not fit into what it says.
    Ledger ledger = std::move(Ledger::create(kHalf)).value();
    ledger.put({1, 1, 0}, bytes("record"));
    ASSERT_TRUE(ledger.commit());
    const uint32_t wrong = 1 << 30;
    const UniqueFd fd = std::move(ledger.duplicate()).value();
    ASSERT_EQ(::pwrite(fd.get(), &wrong, sizeof wrong, 4096), ssize_t{sizeof wrong});
    EXPECT_EQ(successor(ledger).error().code, Errc::malformed);
}

TEST(LedgerTest, AttemptsAreCountedUntilOneSucceeds) {
    Ledger ledger = std::move(Ledger::create(kHalf)).value();
    EXPECT_EQ(std::move(successor(ledger)).value().begin_attempt(), 1U);
    Ledger second = std::move(successor(ledger)).value();
    EXPECT_EQ(second.begin_attempt(), 2U);
    second.attempt_succeeded();
    EXPECT_EQ(std::move(successor(ledger)).value().begin_attempt(), 1U);
}

TEST(RecorderTest, WritesWhatWasTouchedAndRemovesWhatIsGone) {
    Ledger ledger = std::move(Ledger::create(kHalf)).value();
    Recorder recorder;
    std::map<uint64_t, std::string> objects{{1, "one"}, {2, "two"}};
    recorder.describe(Record::entry, [&](uint64_t id, uint64_t) {
        return objects.contains(id) ? bytes(objects[id]) : std::vector<uint8_t>{};
    });
    recorder.touch(Record::entry, 1);  // nobody records yet
    recorder.write_to(&ledger);
    recorder.touch(Record::entry, 2);
    ASSERT_TRUE(recorder.commit());
    EXPECT_EQ(ledger.records(), 1U);
    objects[1] = "new";
    objects.erase(2);
    recorder.touch(Record::entry, 1);
    recorder.touch(Record::entry, 2);
    ASSERT_TRUE(recorder.commit());
    const Ledger after = std::move(successor(ledger)).value();
    EXPECT_EQ(after.records(), 1U);
    EXPECT_EQ(text(after.find({static_cast<uint32_t>(Record::entry), 1, 0})), "new");
}

class SettleTest : public testing::Test {
  protected:
    SettleTest() : loop(std::move(EventLoop::create()).value()) {
        auto ends = std::move(Socket::pair()).value();
        peer = std::move(ends.first);
        ours = ends.second.take_fd();
    }
    void connect(std::function<void(Message)> received) {
        connection =
            std::make_unique<Connection>(*loop, Socket(std::move(ours.duplicate()).value()),
                                         Connection::Limits{.keep_until_settled = true},
                                         std::move(received), [](const Error&) {});
    }
    static Message message(uint32_t kind) {
        Message message;
        message.kind = kind;
        message.body = {1, 2, 3};
        return message;
    }
    /// What the other end has got, 0 for nothing.
    [[nodiscard]] uint32_t got() const {
        const auto received = peer.receive(Socket::Wait::dont_block);
        return received.ok() && received.value() ? received.value()->kind : 0;
    }

    std::unique_ptr<EventLoop> loop;
    Socket peer;
    UniqueFd ours;  ///< another descriptor of our end, as the keeper has it
    std::unique_ptr<Connection> connection;
};

TEST_F(SettleTest, NothingGoesOutBeforeTheCommit) {
    bool committed = false;
    loop->on_settle([&] {
        EXPECT_EQ(got(), 0U) << "before the commit nobody hears of anything";
        committed = true;
    });
    connect([](const Message&) {});
    connection->send(message(5));
    loop->post([&] { connection->send(message(6)); });
    EXPECT_EQ(got(), 0U);
    while (!committed) (void)loop->turn();
    EXPECT_EQ(got(), 5U);
    EXPECT_EQ(got(), 6U) << "posted work belongs to the same turn";
}

TEST_F(SettleTest, DriversHearFirstAndSocketsAreLeftAloneUntilTheLogIsWritten) {
    std::string order;
    loop->on_settle([&] { order += "commit "; });
    loop->before_last([&] { order += "log "; });
    loop->when_settled([&] { order += "taken "; }, EventLoop::Settled::last);
    loop->when_settled([&] { order += "program "; });
    loop->when_settled([&] { order += "keeper "; }, EventLoop::Settled::first);
    loop->when_settled([&] { order += "driver "; }, EventLoop::Settled::first);
    loop->settle();
    EXPECT_EQ(order, "commit keeper driver program log taken ");
    order.clear();
    loop->settle();
    EXPECT_EQ(order, "commit log ") << "each once";
}

TEST_F(SettleTest, WithoutACommitNobodyWaits) {
    connect([](const Message&) {});
    connection->send(message(5));
    EXPECT_EQ(got(), 5U);
}

TEST_F(SettleTest, AMessageStaysInTheSocketUntilItsConsequencesAreCommitted) {
    std::vector<uint32_t> seen;
    loop->on_settle([] {});
    connect([&](const Message& received) {
        seen.push_back(received.kind);
        // As after kill -9 here: a successor with the same socket finds it.
        const auto again = peek(Socket(std::move(ours.duplicate()).value()));
        ASSERT_TRUE(again.ok() && again.value());
        EXPECT_EQ(again.value()->kind, received.kind);
    });
    ASSERT_TRUE(peer.send(message(1)).ok());
    ASSERT_TRUE(peer.send(message(2)).ok());
    ASSERT_TRUE(loop->run_until([&] { return seen.size() == 2; }, kPatience));
    loop->settle();
    EXPECT_EQ(seen, (std::vector<uint32_t>{1, 2})) << "each once, in order";
    EXPECT_FALSE(std::move(peek(Socket(std::move(ours)))).value().has_value());
}

TEST_F(SettleTest, DescriptorsOfAKeptMessageArrive) {
    loop->on_settle([] {});
    std::optional<Message> seen;
    connect([&](Message received) { seen = std::move(received); });
    Message sent = message(1);
    sent.fds.push_back(UniqueFd(::memfd_create("sent", MFD_CLOEXEC)));
    sent.body.resize(100'000);  // travels in memory of its own
    ASSERT_TRUE(peer.send(sent).ok());
    ASSERT_TRUE(loop->run_until([&] { return seen.has_value(); }, kPatience));
    EXPECT_EQ(seen->fds.size(), 1U);
    EXPECT_EQ(seen->body.size(), 100'000U);
}

TEST_F(SettleTest, WhatWasSaidBeforeCloseArrives) {
    loop->on_settle([] {});
    connect([](const Message&) {});
    connection->send(message(9));
    connection->close();
    EXPECT_EQ(got(), 9U);
}

TEST(InheritTest, ADriverThatEndsWhileTheKeeperIsAskedIsNotAdopted) {
    namespace keeper = protocol::keeper;
    auto ends = std::move(Socket::pair()).value();
    std::thread plays([&socket = ends.second] {
        const Ledger ledger = std::move(Ledger::create()).value();
        for (int asked = 0; asked < 4; ++asked) {
            const Message request = std::move(socket.receive_within(kPatience)).value();
            Message answer;
            if (const auto fetch = decode<keeper::Fetch>(request); fetch.ok()) {
                answer = encode(keeper::Held{}, request.serial);
                answer.fds.push_back(fetch->key == kLedgerKey
                                         ? std::move(ledger.duplicate()).value()
                                         : UniqueFd(::open("/dev/null", O_RDONLY | O_CLOEXEC)));
                // It has not been reaped yet, so its socket is there all the same.
                if (fetch->key == keeper::control_key(77))
                    EXPECT_TRUE(socket.send(encode(keeper::Exited{77, 9})).ok());
            } else {
                keeper::Inherited left;
                left.starts = 2;
                left.running = {77, 78};
                left.ended = {{78, 11}};  // another process, with a number that is used again
                left.held = {std::string(kLedgerKey)};
                answer = encode(std::move(left), request.serial);
            }
            EXPECT_TRUE(socket.send(std::move(answer)).ok());
        }
    });
    const Result<Inheritance> left = inherit(ends.first, kPatience);
    plays.join();
    ASSERT_TRUE(left.ok()) << left.error().text();
    EXPECT_TRUE(left->adopts);
    EXPECT_FALSE(left->controls.contains(77)) << "it would be taken for one that hangs";
    EXPECT_TRUE(left->controls.contains(78));
    ASSERT_EQ(left->ended.size(), 2U);
    EXPECT_EQ(left->ended.back().pid, 77);
    EXPECT_EQ(left->ended.back().wait_status, 9);
}

TEST(ProgramWatchTest, TellsTheEndOfAProgramOnce) {
    const std::unique_ptr<EventLoop> loop = std::move(EventLoop::create()).value();
    std::vector<int32_t> ended;
    ProgramWatch programs(*loop, [&](int32_t pid) { ended.push_back(pid); });
    const pid_t child = ::fork();
    if (child == 0) {
        ::pause();
        ::_exit(0);
    }
    const uint64_t started = process_start_time(child);
    EXPECT_NE(started, 0U);
    programs.watch(child, started);
    programs.watch(::getpid(), process_start_time(::getpid()) + 1);  // another one had our pid
    ASSERT_TRUE(loop->run_until([&] { return ended.size() == 1; }, kPatience));
    EXPECT_EQ(ended.front(), ::getpid());
    ::kill(child, SIGKILL);
    ASSERT_TRUE(loop->run_until([&] { return ended.size() == 2; }, kPatience));
    EXPECT_EQ(ended.back(), child);
    ::waitpid(child, nullptr, 0);
}

}  // namespace
}  // namespace opendext::daemon
