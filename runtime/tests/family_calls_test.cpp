// SPDX-License-Identifier: Apache-2.0
// How the driver half of a family runs its work on the queues of an object, and calls its methods.
#include <DriverKit/DriverKit.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "RuntimeTestDriver.h"
#include "runtime/family.h"
#include "runtime/tests/events.h"
#include "runtime/tests/fake_daemon.h"

using namespace opendext;
using namespace opendext::protocol;

namespace {

constexpr uint64_t kDriver = 100;
constexpr uint64_t kProvider = 7;
constexpr const char* kOther = "Other";

/// As a family does it.
[[gnu::constructor]] void register_calls() {
    family::run_at_once("RuntimeTestDriver", RuntimeTestDriver_Add_ID);
}

class FamilyCalls : public testing::Test {
  protected:
    FamilyCalls() {
        Events::shared().clear();
        Hooks::shared() = {};
        daemon_.on(IOService_RegisterService_ID,
                   [](const Invocation&) { return InvocationResult{}; });
        daemon_.load();
        EXPECT_EQ(daemon_.instantiate(kDriver, "RuntimeTestDriver"), kIOReturnSuccess);
        EXPECT_EQ(daemon_.start(kDriver, kProvider, "IOService"), kIOReturnSuccess);
        driver_ = OSDynamicCast(RuntimeTestDriver, Hooks::shared().started);
        EXPECT_EQ(driver_->CopyDispatchQueue(kIOServiceDefaultQueueName, &queue_),
                  kIOReturnSuccess);
    }
    ~FamilyCalls() override {
        queue_->release();
        daemon_.send(encode(driver::Drop{kDriver}));
        EXPECT_TRUE(Events::shared().wait_for("free", 1));
        Hooks::shared() = {};
    }
    /// Runs `work` while another thread holds `queue`.
    template <typename Work>
    static void while_busy(IODispatchQueue* queue, Work work) {
        std::mutex mutex;
        std::condition_variable changed;
        bool held = false;
        bool over = false;
        std::thread holder([&] {
            queue->DispatchSync(^{
              std::unique_lock lock(mutex);
              held = true;
              changed.notify_all();
              changed.wait(lock, [&] { return over; });
            });
        });
        {
            std::unique_lock lock(mutex);
            changed.wait(lock, [&] { return held; });
        }
        work();
        {
            const std::lock_guard lock(mutex);
            over = true;
            changed.notify_all();
        }
        holder.join();
    }
    static void note(void* text) { Events::shared().add(static_cast<const char*>(text)); }
    static void* text(const char* text) { return const_cast<char*>(text); }
    static bool noted(const std::string& event) {
        const auto all = Events::shared().all();
        return std::find(all.begin(), all.end(), event) != all.end();
    }

    FakeDaemon daemon_;
    RuntimeTestDriver* driver_ = nullptr;
    IODispatchQueue* queue_ = nullptr;
};

TEST_F(FamilyCalls, AnIdleQueueRunsWorkAtOnceAndABusyOneLater) {
    family::Queue queue(driver_);
    EXPECT_TRUE(queue.run_if_idle(&note, text("idle")));
    EXPECT_TRUE(noted("idle"));
    EXPECT_EQ(queue.run_on_queue(&note, text("again")), family::Ran::at_once);
    EXPECT_TRUE(noted("again"));
    while_busy(queue_, [&] {
        EXPECT_FALSE(queue.run_if_idle(&note, text("never")));
        EXPECT_EQ(queue.run_on_queue(&note, text("in turn")), family::Ran::later);
        EXPECT_FALSE(noted("in turn"));
    });
    EXPECT_TRUE(Events::shared().wait_for("in turn", 1));
    EXPECT_FALSE(noted("never"));
}

TEST_F(FamilyCalls, AQueueThatIsSetLaterIsFound) {
    family::Queue queue(driver_, kOther);
    while_busy(queue_, [&] { EXPECT_TRUE(queue.run_if_idle(&note, text("before"))); });
    IODispatchQueue* next = nullptr;
    ASSERT_EQ(IODispatchQueue::Create("next", 0, 0, &next), kIOReturnSuccess);
    ASSERT_EQ(driver_->SetDispatchQueue(kOther, next), kIOReturnSuccess);
    while_busy(next, [&] { EXPECT_FALSE(queue.run_if_idle(&note, text("after"))); });
    next->release();
    EXPECT_TRUE(noted("before"));
    EXPECT_FALSE(noted("after"));
}

TEST_F(FamilyCalls, WorkAfterACallRunsBehindIt) {
    __block family::Ran ran = family::Ran::cancelled;
    RuntimeTestDriver* driver = driver_;
    queue_->DispatchSync(^{
      ran = family::run_after(driver, nullptr, &note, text("after"));
      EXPECT_FALSE(noted("after"));
    });
    EXPECT_EQ(ran, family::Ran::later);
    EXPECT_TRUE(noted("after"));  // on the same thread, before the queue is passed on
    EXPECT_EQ(family::run_after(driver_, nullptr, &note, text("elsewhere")), family::Ran::later);
    EXPECT_TRUE(Events::shared().wait_for("elsewhere", 1));
}

TEST_F(FamilyCalls, ACallHereRunsBeforeItReturns) {
    while_busy(queue_, [&] {
        driver_->Note(1);  // in its turn
        driver_->Note(2, &family::call_here);
        EXPECT_FALSE(noted("note 1"));
        EXPECT_TRUE(noted("note 2"));
    });
    EXPECT_TRUE(Events::shared().wait_for("note 1", 1));
}

TEST_F(FamilyCalls, KnowsWhichQueueAMethodRunsOn) {
    // Twice: the second answer is remembered.
    for (int i = 0; i < 2; ++i) {
        EXPECT_TRUE(family::runs_on_default_queue(driver_, RuntimeTestDriver_Note_ID));
        EXPECT_TRUE(family::runs_on_default_queue(driver_, IOService_Stop_ID));
        EXPECT_FALSE(family::runs_on_default_queue(driver_, RuntimeTestDriver_OnOther_ID));
        EXPECT_FALSE(family::runs_on_default_queue(driver_, 0x1234));
    }
}

TEST_F(FamilyCalls, AMethodThatIsSaidToRunsAtOnce) {
    while_busy(queue_, [&] {  // else it would wait for ever
        uint32_t sum = 0;
        EXPECT_EQ(driver_->Add(1, 2, &sum), kIOReturnSuccess);
        EXPECT_EQ(sum, 3u);
    });
}

}  // namespace
