// SPDX-License-Identifier: Apache-2.0
#include "families/serial/driver/sweeper.h"

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace opendext::serial {
namespace {

using namespace std::chrono_literals;

/// Has bytes as long as the test says so.
class FakePort final : public SweptPort {
  public:
    Visit visit(Clock::time_point) override {
        std::unique_lock lock(mutex_);
        ++visits_;
        thread_ = std::this_thread::get_id();
        changed_.notify_all();
        changed_.wait(lock, [this] { return !hold_; });
        return {.out = bytes_, .in = 0, .stay = stay_};
    }
    void left() override {
        const std::lock_guard lock(mutex_);
        left_ = true;
        changed_.notify_all();
    }
    void set(uint32_t bytes, bool stay, bool hold) {
        const std::lock_guard lock(mutex_);
        bytes_ = bytes;
        stay_ = stay;
        hold_ = hold;
        changed_.notify_all();
    }
    [[nodiscard]] bool wait_visits(int more) {
        std::unique_lock lock(mutex_);
        const int wanted = visits_ + more;
        return changed_.wait_for(lock, 10s, [&] { return visits_ >= wanted; });
    }
    [[nodiscard]] bool wait_left() {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, 10s, [&] { return left_; });
    }
    [[nodiscard]] bool has_left() {
        const std::lock_guard lock(mutex_);
        return left_;
    }
    [[nodiscard]] int visits() {
        const std::lock_guard lock(mutex_);
        return visits_;
    }
    [[nodiscard]] std::thread::id thread() {
        const std::lock_guard lock(mutex_);
        return thread_;
    }

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    uint32_t bytes_ = 4096;
    bool stay_ = true;
    bool hold_ = false;
    bool left_ = false;
    int visits_ = 0;
    std::thread::id thread_;
};

TEST(Sweeper, OneThreadVisitsAllPorts) {
    FakePort first;
    FakePort second;
    Sweeper::shared().join(first);
    Sweeper::shared().join(second);
    EXPECT_TRUE(first.wait_visits(5));
    EXPECT_TRUE(second.wait_visits(5));
    EXPECT_EQ(first.thread(), second.thread());
    EXPECT_NE(first.thread(), std::this_thread::get_id());
    Sweeper::shared().leave(first);
    const int visits = first.visits();
    EXPECT_TRUE(second.wait_visits(5));
    EXPECT_EQ(visits, first.visits());
    Sweeper::shared().leave(second);
    EXPECT_FALSE(first.has_left()) << "who leaves by himself is not told";
}

TEST(Sweeper, APortWithoutBytesIsLeftToItsOwnThread) {
    FakePort busy;
    FakePort idle;
    Sweeper::shared().join(busy);
    Sweeper::shared().join(idle);
    ASSERT_TRUE(idle.wait_visits(2));
    EXPECT_FALSE(idle.has_left());
    idle.set(0, true, false);
    EXPECT_TRUE(idle.wait_left());
    EXPECT_FALSE(busy.has_left());
    busy.set(4096, false, false);
    EXPECT_TRUE(busy.wait_left()) << "a port that does not want to stay";
    // It may come again.
    busy.set(4096, true, false);
    Sweeper::shared().join(busy);
    EXPECT_TRUE(busy.wait_visits(3));
    Sweeper::shared().leave(busy);
}

TEST(Sweeper, LeavingWaitsForTheVisit) {
    FakePort port;
    port.set(4096, true, true);
    Sweeper::shared().join(port);
    ASSERT_TRUE(port.wait_visits(1));
    std::atomic<bool> gone{false};
    std::thread leaver([&] {
        Sweeper::shared().leave(port);
        gone = true;
    });
    std::this_thread::sleep_for(20ms);
    EXPECT_FALSE(gone) << "left in the middle of a visit";
    port.set(4096, true, false);
    leaver.join();
    EXPECT_FALSE(port.has_left());
}

}  // namespace
}  // namespace opendext::serial
