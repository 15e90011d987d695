// SPDX-License-Identifier: Apache-2.0
// IOTimerDispatchSource, and what it has from IODispatchSource.
#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

#include "runtime/tests/sources_fixture.h"

namespace {

class Timer : public Sources {
  protected:
    Timer() {
        EXPECT_EQ(IOTimerDispatchSource::Create(queue_, &timer_), kIOReturnSuccess);
        EXPECT_EQ(driver_->CreateActionTimerFired(0, &action_), kIOReturnSuccess);
        EXPECT_EQ(timer_->SetHandler(action_), kIOReturnSuccess);
    }
    ~Timer() override {
        timer_->Cancel(^{
          Events::shared().add("cancelled");
        });
        EXPECT_TRUE(Events::shared().wait_for("cancelled"));
        timer_->release();
        action_->release();
    }
    void wake_at(uint64_t deadline) {
        ASSERT_EQ(timer_->WakeAtTime(kIOTimerClockUptimeRaw, deadline, 0), kIOReturnSuccess);
    }
    static constexpr uint64_t kHour = uint64_t{3600} * 1000 * kMillisecond;

    IOTimerDispatchSource* timer_ = nullptr;
    OSAction* action_ = nullptr;
};

// Facts: IOTimerDispatchSource.Create, IOTimerDispatchSource.SetHandler,
// Facts: IOTimerDispatchSource.WakeAtTime, IOTimerDispatchSource.init
TEST_F(Timer, FiresOnceForEachWakeAtTime) {
    IOTimerDispatchSource* made = nullptr;
    EXPECT_EQ(IOTimerDispatchSource::Create(nullptr, &made), kIOReturnBadArgument);
    EXPECT_EQ(made, nullptr);
    made = OSTypeAlloc(IOTimerDispatchSource);  // init() alone: a timer without a queue of its own
    ASSERT_NE(made, nullptr);
    EXPECT_EQ(made->SetHandler(action_), kIOReturnSuccess);
    EXPECT_EQ(made->WakeAtTime(kIOTimerClockUptimeRaw, 0, 0), kIOReturnSuccess);
    ASSERT_TRUE(Events::shared().wait_for("timer"));
    made->release();

    for (size_t i = 2; i <= 4; ++i) {
        const uint64_t deadline = uptime() + kMillisecond;
        EXPECT_EQ(timer_->WakeAtTime(kIOTimerClockUptimeRaw, deadline, 0), kIOReturnSuccess);
        ASSERT_TRUE(Events::shared().wait_for("timer", i));
        EXPECT_GE(uptime(), deadline);
    }
    settle();
    EXPECT_EQ(count("timer"), 4u);
}

TEST_F(Timer, TheHandlerGetsTheTimeAndRunsOnTheQueueOfItsMethod) {
    auto told = std::make_shared<std::atomic<uint64_t>>(0);
    auto on_queue = std::make_shared<std::atomic<bool>>(false);
    // The source's own queue is another one.
    const auto other = make_queue("other");
    IOTimerDispatchSource* timer = nullptr;
    ASSERT_EQ(IOTimerDispatchSource::Create(other.get(), &timer), kIOReturnSuccess);
    OSAction* expected = action_;
    IODispatchQueue* queue = queue_;
    Hooks::shared().timer = [=](OSAction* action, uint64_t time) {
        EXPECT_EQ(action, expected);
        *told = time;
        *on_queue = queue->OnQueue();
        Events::shared().add("timer");
    };
    ASSERT_EQ(timer->SetHandler(action_), kIOReturnSuccess);
    const uint64_t deadline = uptime() + kMillisecond;
    ASSERT_EQ(timer->WakeAtTime(kIOTimerClockUptimeRaw, deadline, 0), kIOReturnSuccess);
    ASSERT_TRUE(Events::shared().wait_for("timer"));
    EXPECT_GE(told->load(), deadline);
    EXPECT_LE(told->load(), uptime());
    EXPECT_TRUE(on_queue->load());
    timer->release();
}

// Facts: IOTimerDispatchSource.WakeAtTime
TEST_F(Timer, KnowsItsClocks) {
    const uint64_t words[] = {kIOTimerClockUptimeRaw, kIOTimerClockMachAbsoluteTime,
                              kIOTimerClockMonotonicRaw, kIOTimerClockMachContinuousTime,
                              kIOTimerClockWallTime};
    size_t fired = 0;
    for (const uint64_t word : words) {
        uint64_t now = uptime();
        if (word == kIOTimerClockMonotonicRaw || word == kIOTimerClockMachContinuousTime)
            now = mach_continuous_time();
        if (word == kIOTimerClockWallTime) now = clock_gettime_nsec_np(CLOCK_REALTIME);
        EXPECT_EQ(timer_->WakeAtTime(word, now + kMillisecond, 0), kIOReturnSuccess);
        ASSERT_TRUE(Events::shared().wait_for("timer", ++fired)) << std::hex << word;
    }
    EXPECT_EQ(timer_->WakeAtTime(0x99, 1, 0), kIOReturnBadArgument);
}

TEST_F(Timer, ANewDeadlineReplacesThePendingOne) {
    wake_at(uptime() + kHour);
    wake_at(uptime());
    ASSERT_TRUE(Events::shared().wait_for("timer"));
    // And the other way round: the near one is forgotten.
    wake_at(uptime() + 20 * kMillisecond);
    wake_at(uptime() + kHour);
    IOSleep(50);
    settle();
    EXPECT_EQ(count("timer"), 1u);
}

TEST_F(Timer, ACallThatWaitsInTheQueueIsVoidAfterANewDeadline) {
    IOTimerDispatchSource* timer = timer_;
    queue_->DispatchSync(^{
      // It expires while this block holds the queue of its handler.
      EXPECT_EQ(timer->WakeAtTime(kIOTimerClockUptimeRaw, uptime(), 0), kIOReturnSuccess);
      IOSleep(20);
      EXPECT_EQ(timer->WakeAtTime(kIOTimerClockUptimeRaw, uptime() + kHour, 0), kIOReturnSuccess);
    });
    settle();
    EXPECT_EQ(count("timer"), 0u);
}

// Facts: IODispatchSource.SetEnable
TEST_F(Timer, DisabledItFiresWhenEnabledAgain) {
    IODispatchSource* source = timer_;
    EXPECT_EQ(source->SetEnable(false), kIOReturnSuccess);
    wake_at(uptime());
    IOSleep(30);
    settle();
    EXPECT_EQ(count("timer"), 0u);
    EXPECT_EQ(source->SetEnable(true), kIOReturnSuccess);
    EXPECT_TRUE(Events::shared().wait_for("timer"));
}

TEST_F(Timer, ACallThatWaitsInTheQueueIsHeldByDisabling) {
    IOTimerDispatchSource* timer = timer_;
    queue_->DispatchSync(^{
      EXPECT_EQ(timer->WakeAtTime(kIOTimerClockUptimeRaw, uptime(), 0), kIOReturnSuccess);
      IOSleep(20);
      EXPECT_EQ(timer->SetEnable(false), kIOReturnSuccess);
    });
    settle();
    EXPECT_EQ(count("timer"), 0u);
    EXPECT_EQ(timer_->SetEnable(true), kIOReturnSuccess);
    EXPECT_TRUE(Events::shared().wait_for("timer"));
    settle();
    EXPECT_EQ(count("timer"), 1u);
}

/// Requirement A97: the schedule is given up, the source stays.
TEST_F(Timer, AScheduledTimerIsCancelledAndTheSourceIsArmedAgain) {
    for (size_t round = 1; round <= 3; ++round) {
        wake_at(uptime() + 20 * kMillisecond);
        EXPECT_EQ(timer_->SetEnable(false), kIOReturnSuccess);
        wake_at(UINT64_MAX);  // never: nothing is made up for by SetEnable(true)
        EXPECT_EQ(timer_->SetEnable(true), kIOReturnSuccess);
        IOSleep(40);
        settle();
        ASSERT_EQ(count("timer"), round - 1);
        wake_at(uptime() + kMillisecond);
        ASSERT_TRUE(Events::shared().wait_for("timer", round));
    }
}

// Facts: IODispatchSource.SetEnableWithCompletion, IOTimerDispatchSource.SetEnableWithCompletion
TEST_F(Timer, DisablingWithCompletionWaitsForTheRunningHandler) {
    Hooks::shared().timer = [](OSAction*, uint64_t) {
        Events::shared().add("handler begins");
        EXPECT_TRUE(Events::shared().wait_for("disabled"));
        Events::shared().add("handler ends");
    };
    wake_at(uptime());
    ASSERT_TRUE(Events::shared().wait_for("handler begins"));
    IODispatchSource* source = timer_;
    EXPECT_EQ(source->SetEnableWithCompletion(false,
                                              ^{
                                                Events::shared().add("completion");
                                              }),
              kIOReturnSuccess);
    Events::shared().add("disabled");
    ASSERT_TRUE(Events::shared().wait_for("completion"));
    const auto all = Events::shared().all();
    EXPECT_LT(std::find(all.begin(), all.end(), "handler ends"),
              std::find(all.begin(), all.end(), "completion"));
    EXPECT_EQ(timer_->SetEnableWithCompletion(true,
                                              ^{
                                                Events::shared().add("enabled");
                                              }),
              kIOReturnSuccess);
    EXPECT_TRUE(Events::shared().wait_for("enabled"));
}

TEST_F(Timer, DisablingWithoutCompletionWaitsForAHandlerOfAnotherThread) {
    auto ended = std::make_shared<std::atomic<bool>>(false);
    Hooks::shared().timer = [ended](OSAction*, uint64_t) {
        Events::shared().add("handler begins");
        IOSleep(30);
        *ended = true;
    };
    wake_at(uptime());
    ASSERT_TRUE(Events::shared().wait_for("handler begins"));
    EXPECT_EQ(timer_->SetEnable(false), kIOReturnSuccess);
    EXPECT_TRUE(ended->load());
}

TEST_F(Timer, AHandlerMayDisableItsOwnSource) {
    IOTimerDispatchSource* timer = timer_;
    Hooks::shared().timer = [timer](OSAction*, uint64_t) {
        EXPECT_EQ(timer->SetEnable(false), kIOReturnSuccess);
        Events::shared().add("timer");
    };
    wake_at(uptime());
    EXPECT_TRUE(Events::shared().wait_for("timer"));
    settle();
}

// Facts: IOTimerDispatchSource.Cancel, IODispatchSource.Cancel
TEST_F(Timer, CancelIsFinal) {
    wake_at(uptime() + 20 * kMillisecond);
    IODispatchSource* source = timer_;
    source->Cancel(^{
      Events::shared().add("first cancel");
    });
    ASSERT_TRUE(Events::shared().wait_for("first cancel"));
    EXPECT_EQ(timer_->WakeAtTime(kIOTimerClockUptimeRaw, uptime(), 0), kIOReturnAborted);
    EXPECT_EQ(timer_->SetEnable(true), kIOReturnAborted);
    IOSleep(40);
    settle();
    EXPECT_EQ(count("timer"), 0u);
    EXPECT_EQ(count("first cancel"), 1u);
}

TEST_F(Timer, CancelLeavesTheActionToOtherSources) {
    timer_->Cancel(nullptr);
    IOTimerDispatchSource* second = nullptr;
    ASSERT_EQ(IOTimerDispatchSource::Create(queue_, &second), kIOReturnSuccess);
    ASSERT_EQ(second->SetHandler(action_), kIOReturnSuccess);
    ASSERT_EQ(second->WakeAtTime(kIOTimerClockUptimeRaw, uptime(), 0), kIOReturnSuccess);
    EXPECT_TRUE(Events::shared().wait_for("timer"));
    second->release();
}

TEST_F(Timer, TheCancelHandlerRunsOnceAfterTheRunningHandler) {
    Hooks::shared().timer = [](OSAction*, uint64_t) {
        Events::shared().add("handler begins");
        EXPECT_TRUE(Events::shared().wait_for("cancel returned"));
        IOSleep(5);
        Events::shared().add("handler ends");
    };
    wake_at(uptime());
    ASSERT_TRUE(Events::shared().wait_for("handler begins"));
    timer_->Cancel(^{
      Events::shared().add("cancel handler");
    });
    Events::shared().add("cancel returned");
    ASSERT_TRUE(Events::shared().wait_for("cancel handler"));
    const auto all = Events::shared().all();
    EXPECT_LT(std::find(all.begin(), all.end(), "handler ends"),
              std::find(all.begin(), all.end(), "cancel handler"));
}

// Facts: IOTimerDispatchSource.free, IODispatchSource.free, IODispatchSource.init
TEST_F(Timer, ReleasingAnArmedTimerEndsIt) {
    const uint32_t before = queue_->getRetainCount();
    IOTimerDispatchSource* timer = nullptr;
    ASSERT_EQ(IOTimerDispatchSource::Create(queue_, &timer), kIOReturnSuccess);  // init() has run
    EXPECT_EQ(queue_->getRetainCount(), before + 1);
    OSAction* action = nullptr;
    ASSERT_EQ(driver_->CreateActionTimerFired(0, &action), kIOReturnSuccess);
    ASSERT_EQ(timer->SetHandler(action), kIOReturnSuccess);
    EXPECT_EQ(action->getRetainCount(), 2u);
    ASSERT_EQ(timer->WakeAtTime(kIOTimerClockUptimeRaw, uptime() + 20 * kMillisecond, 0),
              kIOReturnSuccess);
    timer->release();  // free() of the source and of its super class
    EXPECT_EQ(action->getRetainCount(), 1u);
    EXPECT_EQ(queue_->getRetainCount(), before);
    action->release();
    IOSleep(40);
    settle();
    EXPECT_EQ(count("timer"), 0u);
}

TEST_F(Timer, ReleasingATimerRacesWithItsExpiry) {
    for (int i = 0; i < 5000; ++i) {
        IOTimerDispatchSource* timer = nullptr;
        ASSERT_EQ(IOTimerDispatchSource::Create(queue_, &timer), kIOReturnSuccess);
        ASSERT_EQ(timer->SetHandler(action_), kIOReturnSuccess);
        ASSERT_EQ(timer->WakeAtTime(kIOTimerClockUptimeRaw, uptime(), 0), kIOReturnSuccess);
        for (int spin = 0; spin < (i % 64) * 16; ++spin)
            std::atomic_signal_fence(std::memory_order_seq_cst);
        timer->release();  // about when the event thread calls
    }
    settle();
    EXPECT_LE(count("timer"), 5000u);
}

// Facts: IODispatchSource.CheckForWork, IOTimerDispatchSource.CheckForWork
TEST_F(Timer, CheckForWorkNeitherFiresNorLosesADeadline) {
    IODispatchSource* source = timer_;
    wake_at(uptime() + 20 * kMillisecond);
    EXPECT_EQ(source->CheckForWork(false), kIOReturnSuccess);
    EXPECT_EQ(timer_->CheckForWork(true), kIOReturnSuccess);
    EXPECT_EQ(count("timer"), 0u);
    EXPECT_TRUE(Events::shared().wait_for("timer"));
}

// Facts: IOTimerDispatchSource.TimerOccurred
TEST_F(Timer, TheCallbackMayBeCalledByHand) {
    Hooks::shared().timer = [](OSAction*, uint64_t time) {
        Events::shared().add("timer " + std::to_string(time));
    };
    timer_->TimerOccurred(action_, 42);
    EXPECT_TRUE(Events::shared().wait_for("timer 42"));
    timer_->TimerOccurred(nullptr, 43);  // nobody to call
    settle();
    EXPECT_EQ(count("timer 43"), 0u);
}

TEST_F(Timer, ManyTimersFireInTheOrderOfTheirDeadlines) {
    constexpr int kTimers = 50;
    std::vector<OSSharedPtr<IOTimerDispatchSource>> timers;
    auto order = std::make_shared<std::vector<OSAction*>>();
    Hooks::shared().timer = [order](OSAction* action, uint64_t) {
        order->push_back(action);  // on one queue
        Events::shared().add("timer");
    };
    std::vector<OSSharedPtr<OSAction>> actions;
    const uint64_t start = uptime() + 5 * kMillisecond;
    for (int i = 0; i < kTimers; ++i) {
        IOTimerDispatchSource* timer = nullptr;
        ASSERT_EQ(IOTimerDispatchSource::Create(queue_, &timer), kIOReturnSuccess);
        OSAction* action = nullptr;
        ASSERT_EQ(driver_->CreateActionTimerFired(0, &action), kIOReturnSuccess);
        ASSERT_EQ(timer->SetHandler(action), kIOReturnSuccess);
        // Armed in the reverse order.
        const uint64_t deadline = start + static_cast<uint64_t>(kTimers - i) * 1000;
        ASSERT_EQ(timer->WakeAtTime(kIOTimerClockUptimeRaw, deadline, 0), kIOReturnSuccess);
        timers.emplace_back(timer, OSNoRetain);
        actions.emplace_back(action, OSNoRetain);
    }
    ASSERT_TRUE(Events::shared().wait_for("timer", kTimers));
    settle();
    ASSERT_EQ(order->size(), static_cast<size_t>(kTimers));
    for (size_t i = 0; i < kTimers; ++i) EXPECT_EQ((*order)[i], actions[kTimers - 1 - i].get());
    for (const auto& timer : timers) timer->Cancel(nullptr);
}

/// Requirement A56, with the best of some, since the machine of a test is not idle.
TEST_F(Timer, FiresCloseToItsDeadline) {
    auto best = std::make_shared<std::atomic<uint64_t>>(UINT64_MAX);
    auto deadline = std::make_shared<std::atomic<uint64_t>>(0);
    Hooks::shared().timer = [=](OSAction*, uint64_t) {
        const uint64_t late = uptime() - deadline->load();
        if (late < best->load()) *best = late;
        Events::shared().add("timer");
    };
    for (size_t i = 1; i <= 20; ++i) {
        *deadline = uptime() + 2 * kMillisecond;
        wake_at(deadline->load());
        ASSERT_TRUE(Events::shared().wait_for("timer", i));
    }
    EXPECT_LT(best->load(), 2 * kMillisecond);
}

// Facts: IOTimerDispatchSource.SetHandler
TEST_F(Timer, ActionsOfAnotherCallbackAreRefused) {
    OSAction* wrong = nullptr;
    ASSERT_EQ(driver_->CreateActionDataReady(0, &wrong), kIOReturnSuccess);
    const std::string log =
        log_of([&] { EXPECT_EQ(timer_->SetHandler(wrong), kIOReturnBadArgument); });
    EXPECT_NE(log.find("IOTimerDispatchSource::SetHandler: wrong action type: the action is a "
                       "OSAction_RuntimeTestDriver_DataReady"),
              std::string::npos)
        << log;
    wrong->release();
    wake_at(uptime());  // the handler is the one from before
    EXPECT_TRUE(Events::shared().wait_for("timer"));
}

TEST_F(Timer, WithoutAHandlerNothingIsCalled) {
    EXPECT_EQ(timer_->SetHandler(nullptr), kIOReturnSuccess);
    wake_at(uptime());
    IOSleep(20);
    settle();
    EXPECT_EQ(count("timer"), 0u);
}

TEST_F(Timer, ThreadsThatArmAtTheSameTimeLoseNothing) {
    IOTimerDispatchSource* timer = timer_;
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([timer] {
            for (int i = 0; i < 200; ++i) {
                EXPECT_EQ(timer->WakeAtTime(kIOTimerClockUptimeRaw, uptime(), 0), kIOReturnSuccess);
            }
        });
    }
    for (auto& thread : threads) thread.join();
    // Whoever was last armed it: it fires.
    Events::shared().clear();
    wake_at(uptime());
    EXPECT_TRUE(Events::shared().wait_for("timer"));
}

}  // namespace
