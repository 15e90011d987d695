// SPDX-License-Identifier: Apache-2.0
#include "families/serial/driver/kept_port.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <random>
#include <vector>

#include "families/serial/driver/line.h"

namespace opendext::serial {
namespace {

using std::chrono::steady_clock;

/// The byte of the test stream at a position: a wrong, lost or repeated byte shows at once.
uint8_t byte_at(uint64_t position) {
    uint64_t x = position + 0x9e3779b97f4a7c15ULL;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
    return static_cast<uint8_t>((x ^ (x >> 27)) >> 13);
}

/// A pseudo-terminal with its terminal side open, and the port's memory.
struct Endpoint {
    UniqueFd master;
    UniqueFd terminal;
    UniqueFd memory;

    Endpoint() {
        master.reset(::posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC));
        EXPECT_EQ(0, ::grantpt(master.get()));
        EXPECT_EQ(0, ::unlockpt(master.get()));
        char name[64];
        EXPECT_EQ(0, ::ptsname_r(master.get(), name, sizeof name));
        terminal.reset(::open(name, O_RDWR | O_NOCTTY | O_CLOEXEC));
        EXPECT_TRUE(prepare_line(master.get()).ok());
        memory = make_kept_memory("test").value();
    }
    [[nodiscard]] KeptPort attach(Transfers transfers = Transfers::exact) const {
        return std::move(KeptPort::attach(master.duplicate().value(), memory.duplicate().value(),
                                          transfers))
            .value();
    }
};

/// Memory that all processes of a test share.
struct Shared {
    std::atomic<bool> stop;
    std::atomic<bool> produced_all;
    std::atomic<uint64_t> produced;
    std::atomic<uint64_t> consumed;
    std::atomic<uint64_t> wrong;
    std::atomic<uint64_t> recovered;
    std::atomic<uint64_t> offered_again;
    std::atomic<uint64_t> damaged;
};
Shared* share() {
    void* memory =
        ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return new (memory) Shared{};
}

pid_t run(const std::function<void()>& body) {
    const pid_t child = ::fork();
    if (child == 0) {
        body();
        ::_exit(0);
    }
    return child;
}

void account(Shared& shared, const KeptPort& port) {
    shared.recovered += port.recovery().read_recovered + port.recovery().write_recovered;
    shared.offered_again += port.recovery().offered_again;
    if (!port.recovery().damage.empty()) shared.damaged++;
}

/// Kills and restarts `driver` at random moments until `kills` are done, then lets the last one
/// finish.
void campaign(Shared& shared, int kills, const std::function<void()>& driver) {
    std::mt19937 random(20);
    std::uniform_int_distribution<int> delay(50, 1500);
    for (int i = 0; i < kills; ++i) {
        const pid_t child = run(driver);
        ::usleep(static_cast<useconds_t>(delay(random)));
        ::kill(child, SIGKILL);
        ::waitpid(child, nullptr, 0);
    }
    shared.stop = true;
}

struct QueueKind {
    const char* name;
    bool kept;    ///< the default queues of the kept memory
    bool masked;  ///< the driver stores its indexes masked
};
class KilledDriver : public ::testing::TestWithParam<QueueKind> {};
class KilledSource : public ::testing::TestWithParam<QueueKind> {};

constexpr int kKills = 150;

TEST_P(KilledDriver, LosesAndRepeatsNothingFromTheTerminal) {
    const Endpoint endpoint;
    Shared& shared = *share();
    const auto kind = GetParam();

    const pid_t writer = run([&] {
        uint8_t buffer[3000];
        while (!shared.stop) {
            const uint64_t from = shared.produced;
            const size_t size = 1 + byte_at(from) * sizeof buffer / 256;
            for (size_t i = 0; i < size; ++i) buffer[i] = byte_at(from + i);
            size_t sent = 0;
            while (sent < size) {
                const ssize_t n = ::write(endpoint.terminal.get(), buffer + sent, size - sent);
                if (n < 0) ::_exit(1);
                sent += static_cast<size_t>(n);
            }
            shared.produced = from + size;
        }
        shared.produced_all = true;
    });

    // The driver checks the bytes, then commits by txCI alone; the stream position follows from it.
    const auto driver = [&](bool finish) {
        KeptPort port = endpoint.attach();
        account(shared, port);
        std::vector<std::byte> own(1U << kDefaultQueueLog2);
        RingView queue{own.data(), static_cast<uint32_t>(own.size())};
        if (kind.kept) queue = port.default_transmit_queue();
        port.connect(kDefaultQueueLog2, kDefaultQueueLog2, 0, 0, kind.kept);
        const SerialPortInterface& interface = port.interface();
        uint64_t position =
            shared.consumed;  // of a masked driver: corrected by what the index says
        const uint32_t mask = queue.size - 1;
        position += kind.masked ? (interface.txCI - static_cast<uint32_t>(position)) & mask
                                : interface.txCI - static_cast<uint32_t>(position);
        while (!finish || !shared.produced_all || position < shared.produced) {
            if (port.read_terminal(true) == KeptPort::Read::empty) {
                pollfd wait{port.master(), POLLIN, 0};
                ::poll(&wait, 1, 10);
            }
            port.fill_transmit(queue);
            const uint32_t fill =
                transmit_fill(load_index(interface.txPI), interface.txCI, queue.size);
            // Sometimes a part only, so that unconsumed bytes lie in the queue when the kill comes.
            const uint32_t take = fill - (fill > 100 ? fill / 3 : 0);
            for (uint32_t i = 0; i < take; ++i) {
                const auto byte = static_cast<uint8_t>(queue.base[queue.offset(position + i)]);
                if (byte != byte_at(position + i)) shared.wrong++;
            }
            position += take;
            store_index(interface.txCI,
                        static_cast<uint32_t>(kind.masked ? position & mask : position));
            shared.consumed = position;
        }
    };
    campaign(shared, kKills, [&] { driver(false); });
    driver(true);
    ::waitpid(writer, nullptr, 0);

    EXPECT_EQ(0U, shared.wrong);
    EXPECT_EQ(0U, shared.damaged);
    EXPECT_EQ(shared.produced.load(), shared.consumed.load());
    EXPECT_GT(shared.produced, 1U << 16);
    EXPECT_GT(shared.offered_again, 0U) << "no kill hit a queue with bytes: the test shows nothing";
    RecordProperty("bytes", std::to_string(shared.produced));
    std::printf("%s: %d kills, %lu bytes, %lu recovered from the journal, %lu offered again\n",
                kind.name, kKills, shared.produced.load(), shared.recovered.load(),
                shared.offered_again.load());
}

TEST_P(KilledSource, LosesAndRepeatsNothingTowardsTheTerminal) {
    const Endpoint endpoint;
    Shared& shared = *share();
    const auto kind = GetParam();

    const pid_t reader = run([&] {
        uint8_t buffer[4096];
        uint64_t position = 0;
        while (!shared.produced_all || position < shared.produced) {
            pollfd wait{endpoint.terminal.get(), POLLIN, 0};
            if (::poll(&wait, 1, 100) == 0) continue;
            const ssize_t got = ::read(endpoint.terminal.get(), buffer, sizeof buffer);
            if (got <= 0) ::_exit(1);
            for (ssize_t i = 0; i < got; ++i) {
                if (buffer[i] != byte_at(position + static_cast<uint64_t>(i))) shared.wrong++;
            }
            position += static_cast<uint64_t>(got);
            shared.consumed = position;
        }
    });

    // The driver's source continues where rxPI stands.
    const auto driver = [&](bool finish) {
        KeptPort port = endpoint.attach();
        account(shared, port);
        std::vector<std::byte> own(1U << kDefaultQueueLog2);
        RingView queue{own.data(), static_cast<uint32_t>(own.size())};
        if (kind.kept) queue = port.default_receive_queue();
        port.connect(kDefaultQueueLog2, kDefaultQueueLog2, 0, 0, kind.kept);
        const SerialPortInterface& interface = port.interface();
        uint64_t position = interface.rxPI;  // below 4 GiB here
        uint64_t end = ~uint64_t{0};
        for (;;) {
            if (finish && end == ~uint64_t{0}) end = position + 100'000;
            const uint32_t room =
                queue.size - queue_fill(interface.rxPI, load_index(interface.rxCI), queue.size);
            const auto count = static_cast<uint32_t>(std::min<uint64_t>(room, end - position));
            for (uint32_t i = 0; i < count; ++i) {
                queue.base[queue.offset(position + i)] =
                    static_cast<std::byte>(byte_at(position + i));
            }
            position += count;
            store_index(interface.rxPI, static_cast<uint32_t>(position));
            port.drain_receive(queue);
            if (port.write_terminal() == KeptPort::Write::blocked) ::usleep(50);
            if (finish && position == end && port.in_pending() == 0 &&
                load_index(interface.rxCI) == interface.rxPI) {
                break;
            }
        }
        shared.produced = position;
        shared.produced_all = true;
    };
    campaign(shared, kKills, [&] { driver(false); });
    driver(true);
    int status = -1;
    ::waitpid(reader, &status, 0);

    EXPECT_EQ(0, status);
    EXPECT_EQ(0U, shared.wrong);
    EXPECT_EQ(0U, shared.damaged);
    EXPECT_EQ(shared.produced.load(), shared.consumed.load());
    EXPECT_GT(shared.produced, 1U << 16);
    std::printf("%s: %d kills, %lu bytes, %lu recovered from the file position\n", kind.name,
                kKills, shared.produced.load(), shared.recovered.load());
}

INSTANTIATE_TEST_SUITE_P(Queues, KilledDriver,
                         ::testing::Values(QueueKind{"kept", true, false},
                                           QueueKind{"own", false, false},
                                           QueueKind{"masked", false, true}),
                         [](const auto& info) { return std::string(info.param.name); });
INSTANTIATE_TEST_SUITE_P(Queues, KilledSource,
                         ::testing::Values(QueueKind{"kept", true, false},
                                           QueueKind{"own", false, false}),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(KeptPort, RefusesMemoryOfAnotherSize) {
    const Endpoint endpoint;
    auto small = make_sealed_memory("small", 4096).value();
    EXPECT_FALSE(KeptPort::attach(endpoint.master.duplicate().value(), std::move(small)).ok());
}

TEST(KeptPort, SaysWhatDamageMeansAndStaysInBounds) {
    const Endpoint endpoint;
    auto mapping =
        Mapping::map(endpoint.memory.get(), 0, kKeptSize, Mapping::Access::read_write).value();
    std::mt19937_64 random(7);
    int damaged = 0;
    for (int round = 0; round < 2000; ++round) {
        {
            (void)endpoint.attach();
        }
        // Garbage in one field or in all of them.
        auto* header = mapping.at<KeptHeader>(0);
        auto* interface = mapping.at<SerialPortInterface>(kInterfaceOffset);
        const auto hit = random() % 8;
        if (hit == 0 || hit == 7) header->out_head = random();
        if (hit == 1 || hit == 7) interface->txPI = static_cast<uint32_t>(random());
        if (hit == 2 || hit == 7) interface->txCI = static_cast<uint32_t>(random());
        if (hit == 3 || hit == 7) interface->rxCI = static_cast<uint32_t>(random());
        if (hit == 4 || hit == 7) interface->txqlogsz = static_cast<uint8_t>(random());
        if (hit == 5 || hit == 7) header->in_tail = random();
        if (hit == 6) ::lseek(endpoint.memory.get(), static_cast<off_t>(random() >> 8), SEEK_SET);
        KeptPort port = endpoint.attach();
        if (!port.recovery().damage.empty()) ++damaged;
        std::vector<std::byte> own(512);
        const RingView queue{own.data(), 512};
        port.connect(9, 9, 0, 0, false);
        port.interface().rxPI = static_cast<uint32_t>(random());
        port.interface().txCI = static_cast<uint32_t>(random());
        EXPECT_LE(port.fill_transmit(queue), 511U);
        EXPECT_LE(port.drain_receive(queue), 512U);
        EXPECT_LE(port.in_pending(), kRingSize);
        EXPECT_LE(port.out_pending(512), kRingSize);
        port.write_terminal();
        ::lseek(endpoint.memory.get(), kInRingOffset, SEEK_SET);
    }
    EXPECT_GT(damaged, 100);
}

/// Without kills plain transfers are as good as exact ones, and an instance of either kind goes on
/// where one of the other stopped.
TEST(KeptPort, PlainAndExactInstancesTakeTurns) {
    const Endpoint endpoint;
    std::string sent;
    std::string arrived;
    std::string typed;
    std::string driven;
    for (int turn = 0; turn < 40; ++turn) {
        KeptPort port = endpoint.attach(turn % 2 == 0 ? Transfers::plain : Transfers::exact);
        EXPECT_EQ("", port.recovery().damage);
        const RingView receive = port.default_receive_queue();
        const RingView transmit = port.default_transmit_queue();
        if (turn == 0) port.connect(kDefaultQueueLog2, kDefaultQueueLog2, 0, 0, true);
        SerialPortInterface& interface = port.interface();

        // To the terminal: 10,007 bytes a turn, so that the ring's end is met at odd places.
        uint32_t position = load_index(interface.rxPI);
        for (int i = 0; i < 10'007; ++i) {
            const char byte = static_cast<char>(sent.size() % 251);
            receive.base[receive.offset(position++)] = static_cast<std::byte>(byte);
            sent += byte;
        }
        store_index(interface.rxPI, position);
        char buffer[4096];
        while (arrived.size() < sent.size()) {
            port.drain_receive(receive);
            port.write_terminal();
            const ssize_t got = ::read(endpoint.terminal.get(), buffer, sizeof buffer);
            ASSERT_GT(got, 0);
            arrived.append(buffer, static_cast<size_t>(got));
        }

        // From the terminal.
        const std::string line = "turn " + std::to_string(turn) + std::string(300, 'x');
        ASSERT_EQ(static_cast<ssize_t>(line.size()),
                  ::write(endpoint.terminal.get(), line.data(), line.size()));
        typed += line;
        while (driven.size() < typed.size()) {
            port.read_terminal(true);
            port.fill_transmit(transmit);
            uint32_t consumed = load_index(interface.txCI);
            for (; consumed != load_index(interface.txPI); ++consumed)
                driven += static_cast<char>(transmit.base[transmit.offset(consumed)]);
            store_index(interface.txCI, consumed);
        }
    }
    EXPECT_EQ(sent, arrived);
    EXPECT_EQ(typed, driven);
}

TEST(KeptPort, FollowsADriverThatResetsAllIndexes) {
    const Endpoint endpoint;
    KeptPort port = endpoint.attach();
    std::vector<std::byte> own(512);
    const RingView queue{own.data(), 512};
    port.connect(9, 9, 0, 0, false);
    const SerialPortInterface& interface = port.interface();
    const auto expect_next = [&](std::string_view text) {
        ASSERT_EQ(static_cast<ssize_t>(text.size()),
                  ::write(endpoint.terminal.get(), text.data(), text.size()));
        pollfd wait{port.master(), POLLIN, 0};
        ASSERT_EQ(1, ::poll(&wait, 1, 5000));
        KeptPort::Read outcome;
        while ((outcome = port.read_terminal(true)) == KeptPort::Read::control) {
        }
        ASSERT_EQ(KeptPort::Read::data, outcome);
        ASSERT_EQ(text.size(), port.fill_transmit(queue));
        for (char c : text) {
            EXPECT_EQ(c, static_cast<char>(queue.base[interface.txCI & 511]));
            interface.txCI = interface.txCI + 1;
        }
        EXPECT_EQ(interface.txPI, interface.txCI);
    };
    expect_next("before");
    interface.txPI = interface.txCI = interface.rxPI = interface.rxCI = 0;
    port.follow_indexes();
    expect_next("after");
    EXPECT_EQ(5U, interface.txPI);
    // A successor continues there.
    KeptPort successor = endpoint.attach();
    EXPECT_EQ("", successor.recovery().damage);
    EXPECT_EQ(5U, successor.interface().txPI);
    EXPECT_EQ(0U, successor.out_pending(512));
}

}  // namespace
}  // namespace opendext::serial
