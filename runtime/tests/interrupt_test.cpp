// SPDX-License-Identifier: Apache-2.0
// IOInterruptDispatchSource against a fake opendextd that hands out eventfds.
#include <DriverKit/DriverKit.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

#include "RuntimeTestDriver.h"
#include "rpc/protocol/driver.h"
#include "runtime/tests/events.h"
#include "runtime/tests/fake_daemon.h"
#include "runtime/tests/sources_fixture.h"

using namespace opendext;
using namespace opendext::protocol;

namespace {

constexpr uint64_t kDriver = 100;
constexpr uint64_t kProvider = 7;
constexpr uint64_t kMsi = 0x10000;

/// A device with an edge-triggered interrupt 0 and a level-triggered interrupt 1, and a driver of
/// it.
class Interrupt : public testing::Test {
  protected:
    Interrupt() {
        Events::shared().clear();
        Hooks::shared() = {};
        for (UniqueFd* fd : {&edge_, &level_, &unmask_}) fd->reset(eventfd(0, EFD_CLOEXEC));
        daemon_.on(IOService_RegisterService_ID,
                   [](const Invocation&) { return InvocationResult{}; });
        daemon_.on(IOService_Stop_ID, [](const Invocation&) { return InvocationResult{}; });
        daemon_.on_interrupt([this](const driver::AttachInterrupt& asked,
                                    std::vector<UniqueFd>& fds) { return answer(asked, fds); });
        (void)daemon_.load();
        EXPECT_EQ(daemon_.instantiate(kDriver, "RuntimeTestDriver"), kIOReturnSuccess);
        EXPECT_EQ(daemon_.start(kDriver, kProvider, "IOService"), kIOReturnSuccess);
        driver_ = static_cast<RuntimeTestDriver*>(Hooks::shared().started);
        IODispatchQueueName name = kIOServiceDefaultQueueName;
        EXPECT_EQ(driver_->CopyDispatchQueue(name, &queue_), kIOReturnSuccess);
        EXPECT_EQ(driver_->CreateActionInterrupted(0, &action_), kIOReturnSuccess);
    }
    ~Interrupt() override {
        if (source_ != nullptr) {
            source_->Cancel(nullptr);
            source_->release();
        }
        action_->Cancel(nullptr);
        settle();
        action_->release();
        queue_->release();
        daemon_.send(encode(driver::Drop{kDriver}));
        EXPECT_TRUE(Events::shared().wait_for("free")) << "the driver object is still retained";
    }

    driver::Interrupt answer(const driver::AttachInterrupt& asked, std::vector<UniqueFd>& fds) {
        driver::Interrupt answer;
        if (asked.provider != kProvider || asked.index > 1) {
            answer.outcome = {kIOReturnNoInterrupt, "no such interrupt"};
            return answer;
        }
        answer.type = asked.index == 0 ? kMsi | kIOInterruptDispatchSourceTypeEdge
                                       : kIOInterruptDispatchSourceTypeLevel;
        if (!asked.attach) return answer;
        answer.handle = ++handle_;
        fds.push_back(std::move((asked.index == 0 ? edge_ : level_).duplicate()).value());
        if (asked.index == 1) fds.push_back(std::move(unmask_.duplicate()).value());
        return answer;
    }

    void create(uint32_t index) {
        ASSERT_EQ(
            IOInterruptDispatchSource::Create(driver_->GetProvider(), index, queue_, &source_),
            kIOReturnSuccess);
        ASSERT_EQ(source_->SetHandler(action_), kIOReturnSuccess);
    }
    void create_enabled(uint32_t index) {
        create(index);
        ASSERT_EQ(source_->SetEnable(true), kIOReturnSuccess);
    }
    static void raise(const UniqueFd& fd, uint64_t count = 1) {
        ASSERT_EQ(write(fd.get(), &count, sizeof count), static_cast<ssize_t>(sizeof count));
    }
    /// Waits until the runtime has taken what was raised.
    static void taken(const UniqueFd& fd) {
        for (;;) {
            pollfd polled{fd.get(), POLLIN, 0};
            if (poll(&polled, 1, 0) == 0) return;
            std::this_thread::yield();
        }
    }
    bool unmasked(int timeout_ms) {
        pollfd polled{unmask_.get(), POLLIN, 0};
        if (poll(&polled, 1, timeout_ms) != 1) return false;
        uint64_t count = 0;
        return read(unmask_.get(), &count, sizeof count) == sizeof count && count == 1;
    }
    void settle() {
        queue_->DispatchSync(^{
        });
    }
    static bool wait_for(const char* event, size_t times = 1) {
        return Events::shared().wait_for(event, times);
    }
    static size_t count(const char* event) { return Events::shared().count_of(event); }

    UniqueFd edge_;
    UniqueFd level_;
    UniqueFd unmask_;
    std::atomic<uint64_t> handle_{0};
    FakeDaemon daemon_;
    RuntimeTestDriver* driver_ = nullptr;  // the registry's reference keeps it
    IODispatchQueue* queue_ = nullptr;
    OSAction* action_ = nullptr;
    IOInterruptDispatchSource* source_ = nullptr;
};

// Facts: IOInterruptDispatchSource.Create, IOInterruptDispatchSource.SetHandler,
// Facts: IOInterruptDispatchSource.init
TEST_F(Interrupt, CallsTheHandlerWithCountAndTime) {
    const auto on_queue = std::make_shared<std::atomic<bool>>(false);
    const auto when = std::make_shared<std::atomic<uint64_t>>(0);
    IODispatchQueue* queue = queue_;
    OSAction* expected = action_;
    Hooks::shared().interrupt = [=](OSAction* action, uint64_t count, uint64_t time) {
        EXPECT_EQ(action, expected);
        *on_queue = queue->OnQueue();
        *when = time;
        Events::shared().add("interrupt " + std::to_string(count));
    };
    ASSERT_EQ(IOInterruptDispatchSource::Create(driver_->GetProvider(), 0, queue_, &source_),
              kIOReturnSuccess);
    ASSERT_EQ(source_->SetHandler(action_), kIOReturnSuccess);
    ASSERT_EQ(source_->SetEnable(true), kIOReturnSuccess);
    const uint64_t before = mach_absolute_time();
    raise(edge_);
    ASSERT_TRUE(wait_for("interrupt 1"));
    EXPECT_TRUE(on_queue->load());
    EXPECT_GE(when->load(), before);
    EXPECT_LE(when->load(), mach_absolute_time());
    auto* bare = OSTypeAlloc(IOInterruptDispatchSource);  // init() alone: no interrupt
    ASSERT_NE(bare, nullptr);
    bare->release();
}

TEST_F(Interrupt, UnusableArgumentsAreRefused) {
    IOService* provider = driver_->GetProvider();
    IOInterruptDispatchSource* source = nullptr;
    EXPECT_EQ(IOInterruptDispatchSource::Create(provider, 2, queue_, &source),
              kIOReturnNoInterrupt);
    EXPECT_EQ(source, nullptr);
    EXPECT_EQ(IOInterruptDispatchSource::Create(driver_, 0, queue_, &source), kIOReturnNoInterrupt);
    EXPECT_EQ(IOInterruptDispatchSource::Create(nullptr, 0, queue_, &source), kIOReturnBadArgument);
    EXPECT_EQ(IOInterruptDispatchSource::Create(provider, 0, nullptr, &source),
              kIOReturnBadArgument);
    EXPECT_EQ(IOInterruptDispatchSource::Create(provider, 0x20000, queue_, &source),
              kIOReturnBadArgument);
}

// Facts: IOInterruptDispatchSource.GetInterruptType
TEST_F(Interrupt, TellsItsType) {
    IOService* provider = driver_->GetProvider();
    uint64_t type = 99;
    EXPECT_EQ(IOInterruptDispatchSource::GetInterruptType(provider, 0, &type), kIOReturnSuccess);
    EXPECT_EQ(type, kMsi);
    EXPECT_EQ(IOInterruptDispatchSource::GetInterruptType(provider, 1, &type), kIOReturnSuccess);
    EXPECT_EQ(type, uint64_t{kIOInterruptDispatchSourceTypeLevel});
    // Drivers look for the last index this way.
    EXPECT_EQ(IOInterruptDispatchSource::GetInterruptType(provider, 2, &type),
              kIOReturnNoInterrupt);
    EXPECT_EQ(IOInterruptDispatchSource::GetInterruptType(nullptr, 0, &type), kIOReturnBadArgument);
}

TEST_F(Interrupt, ContinuousTimeMayBeAskedFor) {
    const auto when = std::make_shared<std::atomic<uint64_t>>(0);
    Hooks::shared().interrupt = [=](OSAction*, uint64_t, uint64_t time) {
        *when = time;
        Events::shared().add("interrupt");
    };
    create_enabled(kIOInterruptSourceContinuousTime);
    const uint64_t before = mach_continuous_time();
    raise(edge_);
    ASSERT_TRUE(wait_for("interrupt"));
    EXPECT_GE(when->load(), before);
    EXPECT_LE(when->load(), mach_continuous_time());
}

// Facts: IOInterruptDispatchSource.GetLastInterrupt
TEST_F(Interrupt, CountsWhatCameSinceTheLastCall) {
    create_enabled(0);
    IOInterruptDispatchSource* source = source_;
    const UniqueFd& edge = edge_;
    uint64_t total = 1;
    uint64_t time = 1;
    EXPECT_EQ(source_->GetLastInterrupt(&total, &time), kIOReturnSuccess);
    EXPECT_EQ(total, 0u);
    EXPECT_EQ(time, 0u);
    // While the queue is busy the first call waits; what comes then is one further call.
    queue_->DispatchSync(^{
      raise(edge);
      taken(edge);
      uint64_t seen = 0;
      while (seen < 1) source->GetLastInterrupt(&seen, nullptr);
      raise(edge, 3);
      while (seen < 4) source->GetLastInterrupt(&seen, nullptr);
    });
    ASSERT_TRUE(wait_for("interrupt 1"));
    ASSERT_TRUE(wait_for("interrupt 3"));
    EXPECT_EQ(source_->GetLastInterrupt(&total, &time), kIOReturnSuccess);
    EXPECT_EQ(total, 4u);
    EXPECT_GT(time, 0u);
}

// Facts: IOInterruptDispatchSource.SetEnableWithCompletion
TEST_F(Interrupt, ADisabledSourceHoldsWhatComes) {
    create(0);  // a new source is disabled
    raise(edge_, 2);
    taken(edge_);
    settle();
    EXPECT_EQ(count("interrupt 2"), 0u);
    EXPECT_EQ(source_->SetEnableWithCompletion(true,
                                               ^{
                                                 Events::shared().add("enabled");
                                               }),
              kIOReturnSuccess);
    EXPECT_TRUE(wait_for("interrupt 2"));
    EXPECT_TRUE(wait_for("enabled"));
    EXPECT_EQ(source_->SetEnable(false), kIOReturnSuccess);
    raise(edge_, 3);
    taken(edge_);
    settle();
    EXPECT_EQ(count("interrupt 3"), 0u);
    EXPECT_EQ(source_->SetEnable(true), kIOReturnSuccess);
    EXPECT_TRUE(wait_for("interrupt 3"));
}

TEST_F(Interrupt, DisablingOnTheQueueHoldsTheCallThatWaitsThere) {
    create_enabled(0);
    IOInterruptDispatchSource* source = source_;
    const UniqueFd& edge = edge_;
    queue_->DispatchSync(^{
      raise(edge);
      uint64_t seen = 0;
      while (seen < 1) source->GetLastInterrupt(&seen, nullptr);
      EXPECT_EQ(source->SetEnable(false), kIOReturnSuccess);
    });
    settle();
    EXPECT_EQ(count("interrupt 1"), 0u);
    EXPECT_EQ(source_->SetEnable(true), kIOReturnSuccess);
    EXPECT_TRUE(wait_for("interrupt 1"));
}

TEST_F(Interrupt, ALevelTriggeredOneStaysMaskedUntilTheHandlerIsThrough) {
    const auto let_go = std::make_shared<std::atomic<bool>>(false);
    Hooks::shared().interrupt = [let_go](OSAction*, uint64_t count, uint64_t) {
        Events::shared().add("interrupt " + std::to_string(count));
        while (!let_go->load()) std::this_thread::yield();
    };
    create_enabled(1);
    raise(level_);
    ASSERT_TRUE(wait_for("interrupt 1"));
    EXPECT_FALSE(unmasked(20)) << "the handler still runs";
    *let_go = true;
    EXPECT_TRUE(unmasked(30000));
    raise(level_);
    ASSERT_TRUE(wait_for("interrupt 1", 2));
    EXPECT_TRUE(unmasked(30000));
}

TEST_F(Interrupt, ALevelTriggeredOneStaysMaskedWhileDisabled) {
    create(1);
    raise(level_);
    taken(level_);
    EXPECT_FALSE(unmasked(10));
    EXPECT_EQ(source_->SetEnable(true), kIOReturnSuccess);
    EXPECT_TRUE(wait_for("interrupt 1"));
    EXPECT_TRUE(unmasked(30000));
}

// Facts: IOInterruptDispatchSource.Cancel
TEST_F(Interrupt, TheCancelHandlerRunsOnceAndNothingLater) {
    Hooks::shared().interrupt = [](OSAction*, uint64_t, uint64_t) {
        Events::shared().add("handler begins");
        EXPECT_TRUE(Events::shared().wait_for("cancel returned"));
        Events::shared().add("handler ends");
    };
    create_enabled(0);
    raise(edge_);
    ASSERT_TRUE(wait_for("handler begins"));
    EXPECT_EQ(source_->Cancel(^{
      Events::shared().add("cancelled");
    }),
              kIOReturnSuccess);
    Events::shared().add("cancel returned");
    ASSERT_TRUE(wait_for("cancelled"));
    const auto all = Events::shared().all();
    EXPECT_LT(std::find(all.begin(), all.end(), "handler ends"),
              std::find(all.begin(), all.end(), "cancelled"));
    EXPECT_TRUE(daemon_.wait_for_detach(1));
    raise(edge_);
    settle();
    EXPECT_EQ(count("handler begins"), 1u);
    EXPECT_EQ(count("cancelled"), 1u);
    EXPECT_EQ(source_->SetEnable(true), kIOReturnAborted);
}

// Facts: IOInterruptDispatchSource.free
TEST_F(Interrupt, FreeDetachesAndTheInterruptMayBeHadAgain) {
    create_enabled(0);
    EXPECT_EQ(action_->getRetainCount(), 2u);
    OSSafeReleaseNULL(source_);  // the last reference: free()
    EXPECT_TRUE(daemon_.wait_for_detach(1));
    EXPECT_EQ(action_->getRetainCount(), 1u);
    create_enabled(0);
    raise(edge_);
    EXPECT_TRUE(wait_for("interrupt 1"));
}

// Facts: IOInterruptDispatchSource.CheckForWork
TEST_F(Interrupt, CheckForWorkLooksAtOnce) {
    create_enabled(0);
    raise(edge_, 5);
    EXPECT_EQ(source_->CheckForWork(true), kIOReturnSuccess);
    uint64_t seen = 0;
    EXPECT_EQ(source_->GetLastInterrupt(&seen, nullptr), kIOReturnSuccess);
    EXPECT_EQ(seen, 5u);
    EXPECT_TRUE(wait_for("interrupt 5"));
}

// Facts: IOInterruptDispatchSource.InterruptOccurred
TEST_F(Interrupt, TheCallbackMayBeCalledByHand) {
    create(0);
    source_->InterruptOccurred(action_, 9, 1);
    EXPECT_TRUE(wait_for("interrupt 9"));
}

TEST_F(Interrupt, ActionsOfAnotherCallbackAreRefused) {
    create(0);
    OSAction* wrong = nullptr;
    ASSERT_EQ(driver_->CreateActionTimerFired(0, &wrong), kIOReturnSuccess);
    EXPECT_EQ(source_->SetHandler(wrong), kIOReturnBadArgument);
    EXPECT_TRUE(daemon_.wait_for_log("IOInterruptDispatchSource::SetHandler: wrong action type"));
    wrong->release();
}

TEST_F(Interrupt, AHandlerSetLateIsToldWhatCameBefore) {
    ASSERT_EQ(IOInterruptDispatchSource::Create(driver_->GetProvider(), 0, queue_, &source_),
              kIOReturnSuccess);
    ASSERT_EQ(source_->SetEnable(true), kIOReturnSuccess);
    raise(edge_, 4);
    taken(edge_);
    EXPECT_EQ(source_->SetHandler(action_), kIOReturnSuccess);
    EXPECT_TRUE(wait_for("interrupt 4"));
}

TEST_F(Interrupt, AFloodIsToldInBatchesAndLosesNone) {
    constexpr uint64_t kInterrupts = 50000;
    const auto told = std::make_shared<std::atomic<uint64_t>>(0);
    const auto calls = std::make_shared<std::atomic<uint64_t>>(0);
    Hooks::shared().interrupt = [=](OSAction*, uint64_t count, uint64_t) {
        ++*calls;
        if ((*told += count) == kInterrupts) Events::shared().add("all");
    };
    create_enabled(0);
    for (uint64_t i = 0; i < kInterrupts; ++i) raise(edge_);
    EXPECT_TRUE(wait_for("all"));
    EXPECT_EQ(told->load(), kInterrupts);
    EXPECT_LE(calls->load(), kInterrupts);
    settle();
}

/// Requirement A97: an interrupt and the time-out of the request it answers race for the same
/// queue. In each round the device may or may not answer about when the timer expires. Exactly one
/// of the two decides a round, and the timer of a decided round never shows up in a later one.
TEST_F(Interrupt, RacesWithATimeout) {
    constexpr uint64_t kRounds = 100000;
    struct Request {
        RuntimeTestDriver* driver = nullptr;
        IOTimerDispatchSource* timer = nullptr;
        int device = -1;
        uint64_t round = 0;
        bool pending = false;
        uint64_t answered = 0;
        uint64_t timed_out = 0;
        uint64_t wrong = 0;
        uint64_t armed_at = 0;

        void begin() {
            if (round == kRounds) {
                Events::shared().add("done");
                return;
            }
            ++round;
            pending = true;
            // Sometimes the device is first, sometimes the timer, mostly it is close.
            armed_at = uptime() + (round % 8) * 4000;
            if (timer->WakeAtTime(kIOTimerClockUptimeRaw, armed_at, 0) != kIOReturnSuccess) ++wrong;
            if (round % 16 == 0) return;  // the device says nothing
            const uint64_t one = 1;
            if (write(device, &one, sizeof one) != sizeof one) ++wrong;
        }
        void interrupt(uint64_t count) {
            if (count == 0) ++wrong;
            if (!pending) return;  // it came after the time-out of its round
            pending = false;
            // Gives the schedule up and keeps the source.
            if (timer->WakeAtTime(kIOTimerClockUptimeRaw, UINT64_MAX, 0) != kIOReturnSuccess)
                ++wrong;
            ++answered;
            begin();
        }
        void timeout(uint64_t time) {
            // A timer of an earlier round, or one that was given up.
            if (!pending || time < armed_at) {
                ++wrong;
                return;
            }
            pending = false;
            ++timed_out;
            begin();
        }
    };
    const auto request = std::make_shared<Request>();
    request->driver = driver_;
    request->device = edge_.get();
    OSAction* timer_action = nullptr;
    ASSERT_EQ(driver_->CreateActionTimerFired(0, &timer_action), kIOReturnSuccess);
    ASSERT_EQ(IOTimerDispatchSource::Create(queue_, &request->timer), kIOReturnSuccess);
    ASSERT_EQ(request->timer->SetHandler(timer_action), kIOReturnSuccess);
    Hooks::shared().interrupt = [request](OSAction*, uint64_t count, uint64_t) {
        request->interrupt(count);
    };
    Hooks::shared().timer = [request](OSAction*, uint64_t time) { request->timeout(time); };
    create_enabled(0);
    queue_->DispatchAsync(^{
      request->begin();
    });
    ASSERT_TRUE(Events::shared().wait_for("done", 1, std::chrono::seconds(300)));
    request->timer->Cancel(^{
      Events::shared().add("timer cancelled");
    });
    ASSERT_TRUE(wait_for("timer cancelled"));
    settle();
    EXPECT_EQ(request->wrong, 0u);
    EXPECT_EQ(request->answered + request->timed_out, kRounds);
    EXPECT_GT(request->answered, kRounds / 20);
    EXPECT_GT(request->timed_out, kRounds / 20);
    OSSafeReleaseNULL(request->timer);
    timer_action->release();
}

}  // namespace
