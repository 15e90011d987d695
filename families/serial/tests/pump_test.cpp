// SPDX-License-Identifier: Apache-2.0
#include "families/serial/driver/pump.h"

#include <asm/termbits.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "families/serial/driver/cpu.h"

namespace opendext::serial {
namespace {

using namespace std::chrono_literals;

/// Records the calls of the pump; echoes what it is given if told so. Its queues are its own or the
/// default ones.
class FakeDriver final : public PortDriver {
  public:
    Pump* pump = nullptr;
    bool own_queues = false;
    std::atomic<bool> consume{true};
    bool echo = false;
    Status activation = success();

    Status activate(const LineSettings& line) override {
        if (activation.ok()) {
            if (own_queues) {
                pump->connect({own_.data(), 1024}, {own_.data() + 1024, 512}, 0, 1024);
            } else {
                pump->connect({}, {}, 0, 0);
            }
        }
        add("activate " + std::to_string(line.baud));
        return std::exchange(activation, success());
    }
    void deactivate() override {
        pump->disconnect();
        add("deactivate");
    }
    void program(const LineSettings&, const LineSettings& after) override {
        add("program " + std::to_string(after.baud) + " " + std::to_string(after.half_stop_bits) +
            (after.hardware_flow ? " crtscts" : "") + (after.cooked ? " cooked" : ""));
    }
    void reset_fifo(bool tx, bool rx) override {
        add(std::string("reset") + (tx ? " tx" : "") + (rx ? " rx" : ""));
    }
    void tx_data_available() override { take(); }
    void tx_data_available_later() override { take(); }
    void rx_free_space_available() override { rx_free_space_available_later(); }
    void rx_free_space_available_later() override {
        if (feed() > 0) pump->rx_data();
    }
    void log(std::string_view line) override { add("log " + std::string(line)); }

    void take() {
        if (!consume) return;
        {
            const std::lock_guard lock(mutex_);
            callers_.insert(std::this_thread::get_id());
        }
        std::string got;
        {
            const std::lock_guard lock(taking_);
            const auto& interface = pump->port().interface();
            const RingView queue =
                own_queues ? RingView{own_.data(), 1024} : pump->port().default_transmit_queue();
            uint32_t position = interface.txCI;
            const uint32_t end = load_index(interface.txPI);
            for (; position != end; ++position) {
                got += static_cast<char>(queue.base[queue.offset(position)]);
            }
            store_index(interface.txCI, position);
        }
        {
            const std::lock_guard lock(mutex_);
            received_ += got;
        }
        changed_.notify_all();
        if (echo) send(got);
        if (!got.empty()) pump->tx_free_space();
    }
    void send(const std::string& bytes) {
        const auto& interface = pump->port().interface();
        const RingView queue =
            own_queues ? RingView{own_.data() + 1024, 512} : pump->port().default_receive_queue();
        uint32_t position = interface.rxPI;
        for (char c : bytes) {
            queue.base[queue.offset(position++)] = static_cast<std::byte>(c);
        }
        store_index(interface.rxPI, position);
        pump->rx_data();
    }

    /// Sends all of `source` as the queue has room.
    size_t feed() {
        const std::lock_guard lock(feeding_);
        const auto& interface = pump->port().interface();
        const RingView queue = pump->port().default_receive_queue();
        uint32_t position = interface.rxPI;
        const uint32_t room = queue.size - (position - load_index(interface.rxCI));
        const size_t count = std::min<size_t>(room, source.size() - fed_);
        for (size_t i = 0; i < count; ++i) {
            queue.base[queue.offset(position++)] = static_cast<std::byte>(source[fed_++]);
        }
        store_index(interface.rxPI, position);
        return count;
    }
    std::string source;

    [[nodiscard]] bool wait_for(const std::string& event) {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, 10s, [&] {
            for (; seen_ < events_.size(); ++seen_) {
                if (events_[seen_].starts_with(event)) {
                    ++seen_;
                    return true;
                }
            }
            return false;
        });
    }
    [[nodiscard]] std::string wait_bytes(size_t count) {
        std::unique_lock lock(mutex_);
        changed_.wait_for(lock, 10s, [&] { return received_.size() >= count; });
        return received_;
    }
    std::vector<std::string> events() {
        const std::lock_guard lock(mutex_);
        return events_;
    }
    /// The threads that told of bytes.
    std::set<std::thread::id> callers() {
        const std::lock_guard lock(mutex_);
        return callers_;
    }

  private:
    void add(std::string event) {
        {
            const std::lock_guard lock(mutex_);
            events_.push_back(std::move(event));
        }
        changed_.notify_all();
    }
    std::vector<std::byte> own_ = std::vector<std::byte>(1536);
    std::mutex taking_;
    std::mutex feeding_;
    size_t fed_ = 0;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<std::string> events_;
    size_t seen_ = 0;
    std::string received_;
    std::set<std::thread::id> callers_;
};

class PumpTest : public ::testing::Test {
  protected:
    void SetUp() override {
        master.reset(::posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC));
        ASSERT_EQ(0, ::grantpt(master.get()));
        ASSERT_EQ(0, ::unlockpt(master.get()));
        ASSERT_EQ(0, ::ptsname_r(master.get(), path, sizeof path));
        ASSERT_TRUE(prepare_line(master.get()).ok());
        UniqueFd(::open(path, O_RDWR | O_NOCTTY)).reset();  // from now on POLLHUP means closed
        memory = make_kept_memory("test").value();
        begin();
    }
    void begin(Pump::Timing timing = {}) {
        driver.pump = nullptr;
        pump.reset();
        pump = std::make_unique<Pump>(
            KeptPort::attach(master.duplicate().value(), memory.duplicate().value()).value(),
            driver, timing);
        driver.pump = pump.get();
    }
    UniqueFd open_terminal(int flags = O_RDWR) {
        UniqueFd terminal(::open(path, flags | O_NOCTTY));
        pump->terminal_changed();
        return terminal;
    }
    void close(UniqueFd& terminal) {
        terminal.reset();
        pump->terminal_changed();
    }
    static void set(int fd, auto change) {
        termios2 settings{};
        ASSERT_EQ(0, ::ioctl(fd, TCGETS2, &settings));
        change(settings);
        ASSERT_EQ(0, ::ioctl(fd, TCSETS2, &settings));
    }
    static std::string read_some(int fd, size_t count) {
        std::string result;
        while (result.size() < count) {
            pollfd wait{fd, POLLIN, 0};
            if (::poll(&wait, 1, 10'000) != 1) break;
            char buffer[4096];
            const ssize_t got = ::read(fd, buffer, std::min(sizeof buffer, count - result.size()));
            if (got <= 0) break;
            result.append(buffer, static_cast<size_t>(got));
        }
        return result;
    }

    UniqueFd master;
    char path[64] = {};
    UniqueFd memory;
    FakeDriver driver;
    std::unique_ptr<Pump> pump;
};

TEST_F(PumpTest, ActivatesOnFirstOpenAndDeactivatesOnLastClose) {
    pump->start();
    UniqueFd first = open_terminal();
    ASSERT_TRUE(driver.wait_for("activate 9600"));
    UniqueFd second = open_terminal();
    close(first);
    ASSERT_EQ(2, ::write(second.get(), "ab", 2));
    EXPECT_EQ("ab", driver.wait_bytes(2));
    EXPECT_EQ(1U, driver.events().size()) << "one activation for both opens";
    close(second);
    ASSERT_TRUE(driver.wait_for("deactivate"));
    UniqueFd third = open_terminal();
    ASSERT_TRUE(driver.wait_for("activate"));
}

TEST_F(PumpTest, DeliversWhatWasWrittenBeforeAQuickClose) {
    pump->start();
    UniqueFd terminal(::open(path, O_RDWR | O_NOCTTY));
    ASSERT_EQ(5, ::write(terminal.get(), "quick", 5));
    terminal.reset();
    pump->terminal_changed();
    EXPECT_EQ("quick", driver.wait_bytes(5));
    ASSERT_TRUE(driver.wait_for("deactivate"));
}

TEST_F(PumpTest, EchoesThroughOwnSmallQueues) {
    driver.own_queues = true;
    driver.echo = true;
    pump->start();
    UniqueFd terminal = open_terminal();
    ASSERT_TRUE(driver.wait_for("activate"));
    std::string sent;
    std::string got;
    for (int i = 0; i < 300; ++i) {
        std::string piece(1 + (i * 37) % 400, static_cast<char>('a' + i % 26));
        ASSERT_EQ(static_cast<ssize_t>(piece.size()),
                  ::write(terminal.get(), piece.data(), piece.size()));
        got += read_some(terminal.get(), piece.size());
        sent += piece;
    }
    EXPECT_EQ(sent, got);
}

TEST_F(PumpTest, HoldsTheWriterBackWhenTheDriverTakesNothing) {
    driver.consume = false;
    pump->start();
    UniqueFd terminal = open_terminal(O_RDWR | O_NONBLOCK);
    ASSERT_TRUE(driver.wait_for("activate"));
    std::string sent;
    const std::string piece(1000, 'x');
    for (int idle = 0; idle < 50;) {
        pollfd wait{terminal.get(), POLLOUT, 0};
        if (::poll(&wait, 1, 10) == 0) {
            ++idle;
            continue;
        }
        const ssize_t n = ::write(terminal.get(), piece.data(), piece.size());
        if (n > 0) sent.append(piece, 0, static_cast<size_t>(n));
        ASSERT_LT(sent.size(), 512U * 1024) << "nothing bounds the writer";
    }
    EXPECT_GT(sent.size(), 60'000U);
    driver.consume = true;
    driver.take();
    EXPECT_EQ(sent, driver.wait_bytes(sent.size()));
}

/// The driver takes all at once, on a thread of its own, again and again: the moment at which the
/// pump has found its ring full and is about to sleep must not be missed.
TEST_F(PumpTest, NeverSleepsOverADriverThatTakesAllAtOnce) {
    driver.own_queues = true;
    driver.consume = false;
    pump->start();
    UniqueFd terminal = open_terminal();
    ASSERT_TRUE(driver.wait_for("activate"));
    constexpr size_t kTotal = 8 << 20;
    std::thread writer([&] {
        const std::string piece(4096, 'p');
        for (size_t sent = 0; sent < kTotal;) {
            const ssize_t n = ::write(terminal.get(), piece.data(), piece.size());
            if (n <= 0) return;
            sent += static_cast<size_t>(n);
        }
    });
    const auto& interface = pump->port().interface();
    size_t taken = 0;
    auto last = std::chrono::steady_clock::now();
    while (taken < kTotal && std::chrono::steady_clock::now() - last < 10s) {
        const uint32_t position = interface.txCI;
        const uint32_t count = load_index(interface.txPI) - position;
        if (count == 0) continue;
        taken += count;
        last = std::chrono::steady_clock::now();
        store_index(interface.txCI, position + count);
        pump->tx_free_space();
    }
    EXPECT_EQ(kTotal, taken);
    if (taken < kTotal) terminal.reset();
    writer.join();
}

TEST_F(PumpTest, DeliversEverythingToAReaderThatPauses) {
    pump->start();
    UniqueFd terminal = open_terminal();
    ASSERT_TRUE(driver.wait_for("activate"));
    for (int i = 0; i < 1'000'000; ++i) driver.source += static_cast<char>(i * 31 + i / 253);
    driver.feed();
    pump->rx_data();
    std::string got;
    for (int pause = 0; got.size() < driver.source.size(); ++pause) {
        if (pause % 5 == 0) ::usleep(3000);  // the terminal, the ring and the queue fill up
        const std::string piece =
            read_some(terminal.get(), std::min<size_t>(20'000, driver.source.size() - got.size()));
        ASSERT_FALSE(piece.empty()) << "stopped after " << got.size();
        got += piece;
    }
    EXPECT_EQ(driver.source, got);
}

TEST_F(PumpTest, TellsTheDriverOfSpeedStopBitsAndFlowControl) {
    pump->start();
    UniqueFd terminal = open_terminal();
    ASSERT_TRUE(driver.wait_for("activate"));
    set(terminal.get(), [](termios2& t) { t.c_cflag = (t.c_cflag & ~CBAUD) | B115200 | CSTOPB; });
    EXPECT_TRUE(driver.wait_for("program 115200 4"));
    set(terminal.get(), [](termios2& t) {
        t.c_cflag = (t.c_cflag & ~(CBAUD | CSTOPB)) | BOTHER | CRTSCTS;
        t.c_ospeed = t.c_ispeed = 250000;
    });
    EXPECT_TRUE(driver.wait_for("program 250000 2 crtscts"));
}

TEST_F(PumpTest, LetsTheKernelEditLinesWhenTheApplicationWantsThat) {
    pump->start();
    UniqueFd terminal = open_terminal();
    ASSERT_TRUE(driver.wait_for("activate"));
    set(terminal.get(), [](termios2& t) {
        t.c_lflag |= ICANON | ECHO;
        t.c_iflag |= ICRNL;
    });
    ASSERT_TRUE(driver.wait_for("program 9600 2 cooked"));
    termios2 now{};
    ASSERT_EQ(0, ::ioctl(terminal.get(), TCGETS2, &now));
    EXPECT_EQ(0U, now.c_lflag & EXTPROC);
    driver.send("line\r");
    EXPECT_EQ("line\n", read_some(terminal.get(), 5));
    EXPECT_EQ("line\n", driver.wait_bytes(5)) << "the kernel echoes to the line";
    // Without notices: found by looking.
    set(terminal.get(), [](termios2& t) { t.c_cflag = (t.c_cflag & ~CBAUD) | B19200; });
    EXPECT_TRUE(driver.wait_for("program 19200 2 cooked"));
    set(terminal.get(), [](termios2& t) {
        t.c_lflag &= ~(ICANON | ECHO | ISIG);
        t.c_iflag &= ~ICRNL;
    });
    EXPECT_TRUE(driver.wait_for("program 19200 2"));
    set(terminal.get(), [](termios2& t) { t.c_cflag = (t.c_cflag & ~CBAUD) | B38400; });
    EXPECT_TRUE(driver.wait_for("program 38400 2"));
}

TEST_F(PumpTest, OutputFlushEmptiesTheRingAndResetsTheTransmitFifo) {
    driver.consume = false;
    pump->start();
    UniqueFd terminal = open_terminal();
    ASSERT_TRUE(driver.wait_for("activate"));
    ASSERT_EQ(0, ::ioctl(terminal.get(), TCFLSH, TCOFLUSH));
    EXPECT_TRUE(driver.wait_for("reset tx"));
    ASSERT_EQ(0, ::ioctl(terminal.get(), TCFLSH, TCIFLUSH));
    EXPECT_TRUE(driver.wait_for("reset rx"));
    driver.consume = true;
    ASSERT_EQ(3, ::write(terminal.get(), "new", 3));
    EXPECT_EQ("new", driver.wait_bytes(3));
}

TEST_F(PumpTest, RefusedActivationIsSaidAndTriedAgainAtTheNextOpen) {
    driver.activation = Error{Errc::not_ready, 0, "no peer"};
    pump->start();
    UniqueFd terminal = open_terminal();
    ASSERT_TRUE(driver.wait_for("log the port cannot be opened: no peer"));
    EXPECT_EQ(Pump::State::failed, pump->state());
    close(terminal);
    UniqueFd again = open_terminal();
    ASSERT_TRUE(driver.wait_for("activate"));
    ASSERT_EQ(1, ::write(again.get(), "x", 1));
    EXPECT_EQ("x", driver.wait_bytes(1));
}

TEST_F(PumpTest, ClosedPortGivesUpBytesOnlyAfterTheDeadlineAndSaysHowMany) {
    driver.consume = false;
    begin({.drain = 100ms});
    pump->start();
    UniqueFd terminal = open_terminal();
    ASSERT_TRUE(driver.wait_for("activate"));
    ASSERT_EQ(4, ::write(terminal.get(), "lost", 4));
    close(terminal);
    EXPECT_TRUE(
        driver.wait_for("log terminal closed and the driver took no more: 4 bytes given up"));
    EXPECT_TRUE(driver.wait_for("deactivate"));
}

TEST_F(PumpTest, SuccessorOnAnOpenTerminalContinuesWhereThePredecessorStopped) {
    driver.consume = false;
    pump->start();
    UniqueFd terminal = open_terminal();
    ASSERT_TRUE(driver.wait_for("activate"));
    ASSERT_EQ(6, ::write(terminal.get(), "abcdef", 6));
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (load_index(pump->port().interface().txPI) != 6) {
        ASSERT_LT(std::chrono::steady_clock::now(), deadline)
            << "the bytes never reached the queue";
        ::usleep(100);
    }
    store_index(pump->port().interface().txCI, 2);  // "ab" is consumed
    driver.consume = true;
    begin();
    pump->start();
    ASSERT_TRUE(driver.wait_for("activate"));
    EXPECT_EQ("cdef", driver.wait_bytes(4));
    driver.send("answer");
    EXPECT_EQ("answer", read_some(terminal.get(), 6));
}

/// Two ports of one process in bulk: one thread moves the bytes of both, and leaves them to their
/// own threads for whatever else happens.
TEST_F(PumpTest, PortsInBulkAreSweptByOneThread) {
    pump->start();
    UniqueFd terminal = open_terminal();
    ASSERT_TRUE(driver.wait_for("activate"));

    UniqueFd other_master(::posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC));
    char other_path[64] = {};
    ASSERT_EQ(0, ::unlockpt(other_master.get()));
    ASSERT_EQ(0, ::ptsname_r(other_master.get(), other_path, sizeof other_path));
    ASSERT_TRUE(prepare_line(other_master.get()).ok());
    UniqueFd other_terminal(::open(other_path, O_RDWR | O_NOCTTY));
    FakeDriver other_driver;
    Pump other(KeptPort::attach(std::move(other_master), make_kept_memory("other").value()).value(),
               other_driver, {});
    other_driver.pump = &other;
    other.start();
    ASSERT_TRUE(other_driver.wait_for("activate"));

    const auto share_a_thread = [&] {
        const auto first = driver.callers();
        const auto second = other_driver.callers();
        return std::any_of(first.begin(), first.end(),
                           [&](std::thread::id id) { return second.contains(id); });
    };
    std::string sent;
    std::string piece(4096, 0);
    const auto write_some = [&] {
        for (char& c : piece) c = static_cast<char>(sent.size() * 31 + (&c - piece.data()) / 7);
        ASSERT_EQ(4096, ::write(terminal.get(), piece.data(), piece.size()));
        ASSERT_EQ(4096, ::write(other_terminal.get(), piece.data(), piece.size()));
        sent += piece;
        ::usleep(300);
    };
    const auto deadline = std::chrono::steady_clock::now() + 20s;
    while (!share_a_thread() && std::chrono::steady_clock::now() < deadline) write_some();
    EXPECT_TRUE(share_a_thread());
    for (int i = 0; i < 50; ++i) write_some();

    // Settings and a flush reach the driver, the other way stays open, and a close loses nothing.
    set(terminal.get(), [](termios2& t) { t.c_cflag = (t.c_cflag & ~CBAUD) | B115200; });
    for (int i = 0; i < 50; ++i) write_some();
    EXPECT_TRUE(driver.wait_for("program 115200"));
    driver.send("answer");
    EXPECT_EQ("answer", read_some(terminal.get(), 6));
    close(terminal);
    other_terminal.reset();
    other.terminal_changed();
    EXPECT_TRUE(driver.wait_for("deactivate"));
    EXPECT_TRUE(other_driver.wait_for("deactivate"));
    EXPECT_EQ(sent, driver.wait_bytes(sent.size()));
    EXPECT_EQ(sent, other_driver.wait_bytes(sent.size()));
}

TEST(FollowCpu, BindsTheThreadAndLetsItGoAgain) {
    std::thread([] {
        cpu_set_t all;
        ASSERT_EQ(0, ::sched_getaffinity(0, sizeof all, &all));
        const auto now = [] {
            cpu_set_t set;
            EXPECT_EQ(0, ::sched_getaffinity(0, sizeof set, &set));
            return set;
        };
        uint32_t last = 0;
        for (uint32_t cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
            if (CPU_ISSET(cpu, &all)) last = cpu;
        }
        follow_cpu(last + 1);
        cpu_set_t one = now();
        EXPECT_EQ(1, CPU_COUNT(&one));
        EXPECT_TRUE(CPU_ISSET(last, &one));
        for (const uint32_t nowhere : {0U, uint32_t{CPU_SETSIZE}, 0xffffffffU}) {
            follow_cpu(last + 1);
            follow_cpu(nowhere);
            cpu_set_t free = now();
            EXPECT_TRUE(CPU_EQUAL(&all, &free)) << nowhere;
        }
    }).join();
}

}  // namespace
}  // namespace opendext::serial
