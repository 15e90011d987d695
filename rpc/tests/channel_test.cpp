// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <span>
#include <thread>

#include "rpc/tests/channel_ends.h"

namespace opendext {
namespace {

Message message(uint32_t kind, uint64_t serial, size_t size) {
    Message made;
    made.kind = kind;
    made.serial = serial;
    made.body.resize(size);
    for (size_t i = 0; i < size; ++i) made.body[i] = static_cast<uint8_t>(i * 7 + serial);
    return made;
}

void expect_same(const Message& expected, const Result<Message>& actual) {
    ASSERT_TRUE(actual.ok()) << actual.error().text();
    EXPECT_EQ(expected.kind, actual->kind);
    EXPECT_EQ(expected.serial, actual->serial);
    EXPECT_EQ(expected.body, actual->body);
}

/// Answers every message with itself until the channel closes.
std::thread echo_thread(Channel& channel) {
    return std::thread([&channel] {
        for (;;) {
            Result<Message> request = channel.receive();
            if (!request.ok()) return;
            if (!channel.send(*request).ok()) return;
        }
    });
}

TEST(Channel, CarriesMessagesBothWaysInOrder) {
    Ends ends = make_ends();
    for (uint64_t i = 0; i < 20; ++i) ASSERT_TRUE(ends.client->send(message(3, i, i * 13)).ok());
    for (uint64_t i = 0; i < 20; ++i) expect_same(message(3, i, i * 13), ends.driver->receive());
    ASSERT_TRUE(ends.driver->send(message(4, 7, 0)).ok());
    expect_same(message(4, 7, 0), ends.client->receive());
}

TEST(Channel, WrapsAroundTheEndOfTheRingAtEveryOffset) {
    Ends ends = make_ends();
    std::thread echo = echo_thread(*ends.driver);
    for (uint64_t i = 0; i < 3000; ++i) {
        const Message sent = message(1, i, (i * 37) % 4100);
        ASSERT_TRUE(ends.client->send(sent).ok());
        expect_same(sent, ends.client->receive());
    }
    ends.client->close("done");
    echo.join();
}

TEST(Channel, SendsOnlyWhatIsLeftOfADraftThatShrank) {
    Ends ends = make_ends();
    for (uint64_t i = 0; i < 3000; ++i) {
        Result<Draft> draft = ends.client->begin(Lane::calls, 1, i, 4000);
        ASSERT_TRUE(draft.ok()) << draft.error().text();
        const Message sent = message(1, i, (i * 37) % 4000);
        std::ranges::copy(std::as_bytes(std::span(sent.body)), draft->bytes().begin());
        draft->shrink(sent.body.size());
        ASSERT_TRUE(ends.client->commit(std::move(*draft)).ok());
        expect_same(sent, ends.driver->receive());
    }
}

TEST(Channel, CarriesLargeBodiesAndDescriptorsInOrderWithSmallOnes) {
    Ends ends = make_ends();
    int pipe_ends[2];
    ASSERT_EQ(0, ::pipe(pipe_ends));
    UniqueFd reader(pipe_ends[0]);
    ASSERT_TRUE(ends.client->send(message(1, 1, 10)).ok());
    Message with_fd = message(2, 2, 100);
    with_fd.fds.emplace_back(pipe_ends[1]);
    ASSERT_TRUE(ends.client->send(with_fd).ok());
    with_fd.fds.clear();
    ASSERT_TRUE(ends.client->send(message(3, 3, 300'000)).ok());
    ASSERT_TRUE(ends.client->send(message(4, 4, 10)).ok());

    expect_same(message(1, 1, 10), ends.driver->receive());
    Result<Message> received = ends.driver->receive();
    expect_same(message(2, 2, 100), received);
    ASSERT_EQ(1U, received->fds.size());
    ASSERT_EQ(1, ::write(received->fds[0].get(), "x", 1));
    char byte = 0;
    ASSERT_EQ(1, ::read(reader.get(), &byte, 1));
    EXPECT_EQ('x', byte);
    expect_same(message(3, 3, 300'000), ends.driver->receive());
    expect_same(message(4, 4, 10), ends.driver->receive());
}

TEST(Channel, SenderWaitsWhileTheRingIsFull) {
    Ends ends = make_ends();
    constexpr uint64_t kCount = 500;  // 500 x 4 KiB, many times the ring
    std::thread sender([&] {
        for (uint64_t i = 0; i < kCount; ++i)
            EXPECT_TRUE(ends.client->send(message(1, i, 4000)).ok());
    });
    for (uint64_t i = 0; i < kCount; ++i) {
        if (i % 100 == 0)
            std::this_thread::sleep_for(std::chrono::milliseconds(20));  // let it fill up
        expect_same(message(1, i, 4000), ends.driver->receive());
    }
    sender.join();
}

TEST(Channel, TrySendNeverWaits) {
    Ends ends = make_ends();
    uint64_t sent = 0;
    Status last = success();
    while ((last = ends.driver->try_send(message(1, sent, 1000))).ok()) ++sent;
    EXPECT_EQ(last.error().code, Errc::no_space);
    EXPECT_GT(sent, 50u);
    for (uint64_t i = 0; i < sent; ++i) expect_same(message(1, i, 1000), ends.client->receive());
    EXPECT_TRUE(ends.driver->try_send(message(1, sent, 1000)).ok());
    expect_same(message(1, sent, 1000), ends.client->receive());
    ends.client->close("done");
    EXPECT_EQ(ends.driver->try_send(message(1, 0, 10)).error().code, Errc::peer_gone);
}

TEST(Channel, TrySendDoesNotWaitForTheSideSocketEither) {
    Ends ends = make_ends();
    const auto with_descriptor = [](uint64_t serial) {
        Message made = message(1, serial, 40000);
        made.fds.emplace_back(::open("/dev/null", O_RDONLY | O_CLOEXEC));
        return made;
    };
    uint64_t sent = 0;
    Status last = success();
    while ((last = ends.driver->try_send(with_descriptor(sent))).ok()) ++sent;
    EXPECT_EQ(last.error().code, Errc::no_space);
    EXPECT_GT(sent, 1U);
    // What found no room has left nothing behind.
    EXPECT_TRUE(ends.driver->try_send(message(2, sent, 10)).ok());
    for (uint64_t i = 0; i < sent; ++i) {
        Result<Message> came = ends.client->receive();
        ASSERT_TRUE(came.ok()) << came.error().text();
        EXPECT_EQ(came->fds.size(), 1U);
        came->fds.clear();
        expect_same(message(1, i, 40000), came);
    }
    expect_same(message(2, sent, 10), ends.client->receive());
    EXPECT_TRUE(ends.driver->try_send(with_descriptor(sent)).ok());
}

TEST(Channel, SendsFromSeveralThreadsStayWhole) {
    Ends ends = make_ends();
    constexpr uint64_t kThreads = 4;
    constexpr uint64_t kEach = 500;
    std::vector<std::thread> senders;
    for (uint64_t t = 0; t < kThreads; ++t) {
        senders.emplace_back([&, t] {
            for (uint64_t i = 0; i < kEach; ++i) {
                EXPECT_TRUE(
                    ends.client->send(message(static_cast<uint32_t>(t), t << 32 | i, i)).ok());
            }
        });
    }
    std::vector<uint64_t> next(kThreads);
    for (uint64_t n = 0; n < kThreads * kEach; ++n) {
        Result<Message> received = ends.driver->receive();
        ASSERT_TRUE(received.ok());
        const uint64_t t = received->serial >> 32;
        ASSERT_LT(t, kThreads);
        const uint64_t i = next[t]++;
        expect_same(message(static_cast<uint32_t>(t), t << 32 | i, i), received);
    }
    for (std::thread& sender : senders) sender.join();
}

TEST(Channel, CloseWakesAWaiterOnEachSideWithTheReason) {
    Ends ends = make_ends();
    std::thread remote([&] {
        Result<Message> nothing = ends.driver->receive();
        ASSERT_FALSE(nothing.ok());
        EXPECT_EQ(Errc::peer_gone, nothing.error().code);
        EXPECT_EQ("the application is through", nothing.error().message);
    });
    std::thread local([&] {
        Result<Message> nothing = ends.client->receive();
        ASSERT_FALSE(nothing.ok());
        EXPECT_EQ("the application is through", nothing.error().message);
    });
    ends.client->close("the application is through");
    ends.client->close("a second reason is ignored");
    remote.join();
    local.join();
    EXPECT_TRUE(ends.client->closed());
    EXPECT_TRUE(ends.driver->closed());
    EXPECT_EQ(Errc::peer_gone, ends.driver->send(message(1, 1, 1)).error().code);
    EXPECT_EQ(Errc::peer_gone, ends.client->send(message(1, 1, 1)).error().code);
}

TEST(Channel, CloseWakesASenderThatWaitsForSpace) {
    Ends ends = make_ends();
    std::thread sender([&] {
        Status status = success();
        while (status.ok()) status = ends.client->send(message(1, 1, 16000));
        EXPECT_EQ(Errc::peer_gone, status.error().code);
    });
    ends.driver->close("enough");
    sender.join();
}

TEST(Channel, WhatWasSentBeforeACloseIsReceived) {
    Ends ends = make_ends();
    ASSERT_TRUE(ends.driver->send(message(1, 5, 50)).ok());
    ends.driver->close("last words said");
    expect_same(message(1, 5, 50), ends.client->receive());
    EXPECT_EQ("last words said", ends.client->receive().error().message);
}

TEST(Channel, DeathOfThePeerProcessIsNoticedByAWaiter) {
    UniqueFd memory = std::move(Channel::create_memory()).value();
    auto sockets = std::move(Socket::pair()).value();
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        sockets.first.close();
        auto driver =
            Channel::attach(std::move(memory), std::move(sockets.second), Channel::Side::driver);
        if (!driver.ok()) ::_exit(1);
        const Result<Message> request = (*driver)->receive();
        if (!request.ok() || !(*driver)->send(*request).ok()) ::_exit(2);
        ::_exit(0);  // without closing, as after a crash
    }
    sockets.second.close();
    auto client = std::move(Channel::attach(std::move(memory), std::move(sockets.first),
                                            Channel::Side::client))
                      .value();
    ASSERT_TRUE(client->send(message(1, 1, 8)).ok());
    expect_same(message(1, 1, 8), client->receive());
    const Result<Message> nothing = client->receive();
    ASSERT_FALSE(nothing.ok());
    EXPECT_EQ(Errc::peer_gone, nothing.error().code);
    EXPECT_EQ("the other side ended", nothing.error().message);
    int status = 0;
    ASSERT_EQ(child, ::waitpid(child, &status, 0));
    EXPECT_EQ(0, status);
}

TEST(Channel, AnIdleWaiterUsesNoProcessorTime) {
    Ends ends = make_ends();
    rusage before{};
    rusage after{};
    std::thread waiter([&] {
        ::getrusage(RUSAGE_THREAD, &before);
        EXPECT_FALSE(ends.driver->receive().ok());
        ::getrusage(RUSAGE_THREAD, &after);
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(700));
    ends.client->close("");
    waiter.join();
    const auto micros = [](const rusage& usage) {
        return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1'000'000 +
               usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
    };
    EXPECT_LT(micros(after) - micros(before), 20'000);
    EXPECT_LT(after.ru_nvcsw - before.ru_nvcsw, 20);
}

TEST(Channel, RefusesMemoryThatIsTooSmallOrNotSealed) {
    auto sockets = std::move(Socket::pair()).value();
    const Error small =
        std::move(Channel::attach(std::move(make_sealed_memory("small", 4096)).value(),
                                  std::move(sockets.first), Channel::Side::driver))
            .error();
    EXPECT_EQ(Errc::malformed, small.code);
    UniqueFd unsealed(::memfd_create("unsealed", MFD_CLOEXEC));
    ASSERT_EQ(0, ::ftruncate(unsealed.get(), 1 << 20));
    EXPECT_EQ(Errc::malformed,
              Channel::attach(std::move(unsealed), std::move(sockets.second), Channel::Side::driver)
                  .error()
                  .code);
}

TEST(Channel, AFrameThatClaimsTooMuchClosesWithAReason) {
    Ends ends = make_ends();
    const size_t size = std::move(sealed_memory_size(ends.memory.get())).value();
    const Mapping attack =
        std::move(Mapping::map(ends.memory.get(), 0, size, Mapping::Access::read_write)).value();
    ASSERT_TRUE(ends.client->send(message(1, 1, 16)).ok());
    const uint32_t huge =
        0xfffffff0;  // the first ring begins after the control page, a frame with its body size
    std::memcpy(attack.data() + 4096, &huge, sizeof huge);
    const Result<Message> received = ends.driver->receive();
    ASSERT_FALSE(received.ok());
    EXPECT_EQ(Errc::malformed, received.error().code);
    const std::string words =
        "the program corrupted the channel: frame is larger than the ring's content: 4294967280 "
        "bytes of 64, at tail 0 of ";
    EXPECT_TRUE(received.error().message.starts_with(words)) << received.error().text();
    EXPECT_TRUE(ends.client->closed());
    const Error told = ends.client->receive().error();
    EXPECT_EQ(Errc::peer_gone, told.code);
    EXPECT_TRUE(told.message.starts_with(words.substr(0, 60))) << told.message;
    EXPECT_EQ(Errc::peer_gone, ends.driver->receive().error().code) << "it is found once";
}

TEST(Channel, ARingPositionOutOfRangeClosesBothDirections) {
    for (const size_t offset : {size_t{0}, size_t{64}}) {  // head and tail of client -> driver
        Ends ends = make_ends();
        const Mapping attack =
            std::move(Mapping::map(ends.memory.get(), 0, 4096, Mapping::Access::read_write))
                .value();
        const uint32_t far = 0x7fffffff;
        std::memcpy(attack.data() + offset, &far, sizeof far);
        if (offset == 0) {
            const Error found = ends.driver->receive().error();
            EXPECT_EQ(Errc::malformed, found.code);
            EXPECT_NE(std::string::npos, found.message.find("head 2147483647, at tail 0 of "))
                << found.message;
        } else {
            // The sender looks at the tail when it needs room.
            Status sent = success();
            for (int i = 0; i < 1000 && sent.ok(); ++i)
                sent = ends.client->send(message(1, 1, 100));
            ASSERT_FALSE(sent.ok());
            EXPECT_EQ(Errc::malformed, sent.error().code);
            EXPECT_NE(std::string::npos,
                      sent.error().message.find("the driver corrupted the channel: ring position "
                                                "out of range: tail 2147483647 with head "))
                << sent.error().message;
        }
        EXPECT_TRUE(ends.client->closed());
        EXPECT_TRUE(ends.driver->closed());
    }
}

/// The peer writes at random all over the memory while both sides talk. Nothing may crash, and
/// everybody must come back.
TEST(Channel, RandomWritesIntoTheMemoryNeitherCrashNorHang) {
    int closed_by_corruption = 0;
    for (uint32_t seed = 0; seed < 150; ++seed) {
        Ends ends = make_ends();
        const size_t size = std::move(sealed_memory_size(ends.memory.get())).value();
        const Mapping attack =
            std::move(Mapping::map(ends.memory.get(), 0, size, Mapping::Access::read_write))
                .value();
        std::thread echo = echo_thread(*ends.driver);
        std::thread reader([&] {
            while (ends.client->receive().ok()) {
            }
        });
        std::thread writer([&] {
            for (uint64_t i = 0; i < 400; ++i) {
                if (!ends.client->send(message(1, i, (i * 31) % 3000)).ok()) return;
            }
        });
        std::mt19937 random(seed);
        for (int i = 0; i < 200; ++i) {
            // Half of the writes hit the control words.
            const size_t limit = random() % 2 == 0 ? 1100 : size;
            const uint32_t value = random() % 2 == 0 ? random() : random() % 70000;
            std::memcpy(attack.data() + (random() % (limit - 4)) / 4 * 4, &value, sizeof value);
            if (i % 16 == 0) std::this_thread::yield();
        }
        if (ends.driver->closed()) ++closed_by_corruption;
        ends.client->close("end of the round");
        ends.driver->close("end of the round");
        writer.join();
        reader.join();
        echo.join();
    }
    EXPECT_GT(closed_by_corruption, 0);
}

}  // namespace
}  // namespace opendext
