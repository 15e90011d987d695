// SPDX-License-Identifier: Apache-2.0
// OSAction: docs/facts/semantics.md sections 1 (typed actions) and 10.
#include <algorithm>
#include <atomic>
#include <thread>

#include "runtime/tests/sources_fixture.h"

namespace {

class Action : public Sources {
  protected:
    Action() {
        EXPECT_EQ(IOTimerDispatchSource::Create(queue_, &timer_), kIOReturnSuccess);
        EXPECT_EQ(driver_->CreateActionTimerFired(16, &action_), kIOReturnSuccess);
    }
    ~Action() override {
        timer_->Cancel(nullptr);
        timer_->release();
        action_->release();
    }
    IOTimerDispatchSource* timer_ = nullptr;
    OSAction* action_ = nullptr;
};

// Facts: OSAction.CreateWithTypeName, OSAction.GetReference
TEST_F(Action, ReferenceStorageIsZeroedAndTheTargetRetained) {
    const uint32_t before = driver_->getRetainCount();
    OSAction* action = nullptr;
    const OSSharedPtr<OSString> name(OSString::withCString("OSAction_RuntimeTestDriver_TimerFired"),
                                     OSNoRetain);
    ASSERT_EQ(OSAction::CreateWithTypeName(driver_, RuntimeTestDriver_TimerFired_ID,
                                           IOTimerDispatchSource_TimerOccurred_ID, 100, name.get(),
                                           &action),
              kIOReturnSuccess);
    EXPECT_STREQ(action->GetClassName(), "OSAction_RuntimeTestDriver_TimerFired");
    const auto* bytes = static_cast<const uint8_t*>(action->GetReference());
    ASSERT_NE(bytes, nullptr);
    for (int i = 0; i < 100; ++i) EXPECT_EQ(bytes[i], 0);
    EXPECT_EQ(driver_->getRetainCount(), before + 1);
    action->Cancel(nullptr);
    EXPECT_EQ(driver_->getRetainCount(), before);
    action->release();
}

TEST_F(Action, TheCallbackFindsItsReference) {
    *static_cast<uint64_t*>(action_->GetReference()) = 77;
    Hooks::shared().timer = [](OSAction* action, uint64_t) {
        Events::shared().add("reference " +
                             std::to_string(*static_cast<uint64_t*>(action->GetReference())));
    };
    timer_->TimerOccurred(action_, 1);
    EXPECT_TRUE(Events::shared().wait_for("reference 77"));
}

// Facts: OSAction.free
TEST_F(Action, FreeLetsTheTargetGo) {
    const uint32_t before = driver_->getRetainCount();
    OSAction* action = nullptr;
    ASSERT_EQ(driver_->CreateActionTimerFired(0, &action), kIOReturnSuccess);
    ASSERT_EQ(driver_->getRetainCount(), before + 1);
    EXPECT_EQ(action->GetReference(), nullptr);  // no size was asked for
    action->release();                           // the last reference: free()
    EXPECT_EQ(driver_->getRetainCount(), before);
}

TEST_F(Action, UnusableArgumentsAreRefused) {
    OSAction* action = nullptr;
    EXPECT_EQ(OSAction::Create(nullptr, 1, 2, 0, &action), kIOReturnBadArgument);
    EXPECT_EQ(action, nullptr);
    EXPECT_EQ(OSAction::Create(driver_, 1, 2, size_t{1} << 40, &action), kIOReturnBadArgument);
    EXPECT_EQ(OSAction::CreateWithTypeName(driver_, 1, 2, 0, nullptr, &action),
              kIOReturnBadArgument);
    for (const char* text :
         {"OSAction_No_Such", "RuntimeTestDriver"}) {  // unknown; no action class
        const OSSharedPtr<OSString> name(OSString::withCString(text), OSNoRetain);
        EXPECT_EQ(OSAction::CreateWithTypeName(driver_, 1, 2, 0, name.get(), &action),
                  kIOReturnUnsupported);
        EXPECT_EQ(action, nullptr);
    }
}

// Facts: OSAction.Cancel
TEST_F(Action, AfterCancelNoCallStarts) {
    ASSERT_EQ(timer_->SetHandler(action_), kIOReturnSuccess);
    OSAction* action = action_;
    IOTimerDispatchSource* timer = timer_;
    // The call waits behind this block; Cancel comes before it can start.
    queue_->DispatchSync(^{
      timer->TimerOccurred(action, 1);
      EXPECT_EQ(action->Cancel(^{
        Events::shared().add("cancelled");
      }),
                kIOReturnSuccess);
    });
    ASSERT_TRUE(Events::shared().wait_for("cancelled"));
    timer_->TimerOccurred(action_, 2);
    settle();
    EXPECT_EQ(count("timer"), 0u);
    EXPECT_EQ(count("cancelled"), 1u);
}

TEST_F(Action, TheCancelHandlerWaitsForTheRunningCall) {
    Hooks::shared().timer = [](OSAction*, uint64_t) {
        Events::shared().add("call begins");
        EXPECT_TRUE(Events::shared().wait_for("cancel returned"));
        Events::shared().add("call ends");
    };
    timer_->TimerOccurred(action_, 1);
    ASSERT_TRUE(Events::shared().wait_for("call begins"));
    action_->Cancel(^{
      Events::shared().add("cancelled");
    });
    Events::shared().add("cancel returned");
    ASSERT_TRUE(Events::shared().wait_for("cancelled"));
    const auto all = Events::shared().all();
    EXPECT_LT(std::find(all.begin(), all.end(), "call ends"),
              std::find(all.begin(), all.end(), "cancelled"));
}

TEST_F(Action, ACancelHandlerNeverRunsInsideCancel) {
    // A driver may hold a lock in Cancel that its handler takes.
    auto lock = std::make_shared<std::mutex>();
    {
        const std::lock_guard held(*lock);
        action_->Cancel(^{
          const std::lock_guard taken(*lock);
          Events::shared().add("cancelled");
        });
    }
    EXPECT_TRUE(Events::shared().wait_for("cancelled"));
}

// Facts: OSAction.Create
TEST_F(Action, PlainActionsAreDroppedAtATypedCallback) {
    OSAction* action = nullptr;
    ASSERT_EQ(OSAction::Create(driver_, RuntimeTestDriver_TimerFired_ID,
                               IOTimerDispatchSource_TimerOccurred_ID, 0, &action),
              kIOReturnSuccess);
    EXPECT_STREQ(action->GetClassName(), "OSAction");
    const std::string warning =
        log_of([&] { EXPECT_EQ(timer_->SetHandler(action), kIOReturnSuccess); });
    EXPECT_NE(warning.find("plain OSAction"), std::string::npos) << warning;
    const std::string log = log_of([&] {
        EXPECT_EQ(timer_->WakeAtTime(kIOTimerClockUptimeRaw, 0, 0), kIOReturnSuccess);
        EXPECT_EQ(timer_->SetHandler(action_), kIOReturnSuccess);
        timer_->TimerOccurred(action, 1);
        settle();
    });
    EXPECT_NE(log.find("OSAction_RuntimeTestDriver_TimerFired"), std::string::npos) << log;
    action->release();
    settle();
}

TEST_F(Action, ActionsOfTheWrongTypeAreRefusedWhereverTheyTurnUp) {
    OSAction* wrong = nullptr;
    ASSERT_EQ(driver_->CreateActionDataReady(0, &wrong), kIOReturnSuccess);
    const std::string given =
        log_of([&] { EXPECT_EQ(timer_->SetHandler(wrong), kIOReturnBadArgument); });
    EXPECT_NE(given.find("driver bug: IOTimerDispatchSource::SetHandler: wrong action type"),
              std::string::npos)
        << given;
    const std::string called = log_of([&] {
        timer_->TimerOccurred(wrong, 1);
        settle();
    });
    EXPECT_NE(called.find("wrong action type"), std::string::npos) << called;
    EXPECT_NE(called.find("OSAction_RuntimeTestDriver_DataReady"), std::string::npos) << called;
    EXPECT_EQ(count("timer"), 0u);
    EXPECT_EQ(count("data available"), 0u);
    wrong->release();
}

// Facts: OSAction.SetAbortedHandler, OSAction.Aborted
TEST_F(Action, TheAbortedHandlerRunsOnce) {
    EXPECT_EQ(action_->SetAbortedHandler(^{
      Events::shared().add("aborted");
    }),
              kIOReturnSuccess);
    action_->Aborted();
    ASSERT_TRUE(Events::shared().wait_for("aborted"));
    action_->Aborted();
    settle();
    EXPECT_EQ(count("aborted"), 1u);
    // Set too late it still learns of it.
    EXPECT_EQ(action_->SetAbortedHandler(^{
      Events::shared().add("aborted late");
    }),
              kIOReturnSuccess);
    EXPECT_TRUE(Events::shared().wait_for("aborted late"));
}

// Facts: OSAction.WillWait, OSAction.Wait, OSAction.EndWait
TEST_F(Action, AWaiterRunsTheCallItWaitsFor) {
    ASSERT_EQ(timer_->SetHandler(action_), kIOReturnSuccess);
    OSAction* action = action_;
    IOTimerDispatchSource* timer = timer_;
    queue_->DispatchSync(^{  // on the very queue that the method belongs to
      OSActionWaitToken* token = nullptr;
      ASSERT_EQ(action->WillWait(&token), kIOReturnSuccess);
      OSActionWaitToken* second = nullptr;
      EXPECT_EQ(action->WillWait(&second), kIOReturnBusy);
      EXPECT_EQ(action->Wait(token, kIOTimerClockUptimeRaw, uptime() + kMillisecond),
                kIOReturnTimeout);
      EXPECT_EQ(action->Wait(token, 0x99, 1), kIOReturnBadArgument);  // no such clock
      timer->WakeAtTime(kIOTimerClockUptimeRaw, uptime() + kMillisecond, 0);
      EXPECT_EQ(action->Wait(token, 0, 0), kIOReturnSuccess);
      EXPECT_EQ(Events::shared().count_of("timer"), 1u);
      EXPECT_EQ(action->EndWait(token), kIOReturnSuccess);
      EXPECT_EQ(action->EndWait(nullptr), kIOReturnBadArgument);
      EXPECT_EQ(action->WillWait(nullptr), kIOReturnBadArgument);
    });
}

TEST_F(Action, ACallThatNobodyWaitedForTakesTheUsualWay) {
    OSActionWaitToken* token = nullptr;
    ASSERT_EQ(action_->WillWait(&token), kIOReturnSuccess);
    timer_->TimerOccurred(action_, 1);
    settle();
    EXPECT_EQ(count("timer"), 0u);
    EXPECT_EQ(action_->EndWait(token), kIOReturnSuccess);
    EXPECT_TRUE(Events::shared().wait_for("timer"));
}

TEST_F(Action, AWaiterElsewhereRunsTheMethodOnItsQueue) {
    auto on_queue = std::make_shared<std::atomic<bool>>(false);
    IODispatchQueue* queue = queue_;
    Hooks::shared().timer = [=](OSAction*, uint64_t) { *on_queue = queue->OnQueue(); };
    OSActionWaitToken* token = nullptr;
    ASSERT_EQ(action_->WillWait(&token), kIOReturnSuccess);
    OSAction* action = action_;
    IOTimerDispatchSource* timer = timer_;
    std::thread caller([=] { timer->TimerOccurred(action, 1); });
    EXPECT_EQ(action_->Wait(token, 0, 0), kIOReturnSuccess);
    caller.join();
    EXPECT_TRUE(on_queue->load());
    EXPECT_EQ(action_->EndWait(token), kIOReturnSuccess);
}

TEST_F(Action, CancelWakesTheWaiter) {
    OSActionWaitToken* token = nullptr;
    ASSERT_EQ(action_->WillWait(&token), kIOReturnSuccess);
    OSAction* action = action_;
    std::thread waiter([action, token] {
        EXPECT_EQ(action->Wait(token, 0, 0), kIOReturnAborted);
        Events::shared().add("woken");
    });
    action_->Cancel(nullptr);
    EXPECT_TRUE(Events::shared().wait_for("woken"));
    waiter.join();
    EXPECT_EQ(action_->EndWait(token), kIOReturnSuccess);
}

TEST_F(Action, ACallHeldForAWaiterDoesNotKeepCancelFromEnding) {
    OSActionWaitToken* token = nullptr;
    ASSERT_EQ(action_->WillWait(&token), kIOReturnSuccess);
    timer_->TimerOccurred(action_, 1);
    action_->Cancel(^{
      Events::shared().add("cancelled");
    });
    EXPECT_EQ(action_->EndWait(token), kIOReturnSuccess);
    EXPECT_TRUE(Events::shared().wait_for("cancelled"));
    settle();
    EXPECT_EQ(count("timer"), 0u);
}

TEST_F(Action, CancelRacesWithCalls) {
    for (int round = 0; round < 200; ++round) {
        Events::shared().clear();
        OSAction* action = nullptr;
        ASSERT_EQ(driver_->CreateActionTimerFired(0, &action), kIOReturnSuccess);
        auto cancelled = std::make_shared<std::atomic<bool>>(false);
        Hooks::shared().timer = [cancelled](OSAction*, uint64_t) {
            EXPECT_FALSE(cancelled->load()) << "a call after the cancel handler";
        };
        IOTimerDispatchSource* timer = timer_;
        std::thread caller([=] {
            for (uint64_t i = 0; i < 5; ++i) timer->TimerOccurred(action, i);
        });
        action->Cancel(^{
          *cancelled = true;
          Events::shared().add("cancelled");
        });
        caller.join();
        ASSERT_TRUE(Events::shared().wait_for("cancelled"));
        settle();
        Hooks::shared() = {};
        action->release();
    }
}

}  // namespace
