// SPDX-License-Identifier: Apache-2.0
// Timers, data queues and actions on a driver object that no opendextd knows.
#include <DriverKit/DriverKit.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <thread>
#include <vector>

#include "RuntimeTestDriver.h"
#include "runtime/tests/events.h"

namespace {

constexpr uint64_t kMillisecond = 1000000;

uint64_t uptime() {
    return clock_gettime_nsec_np(CLOCK_UPTIME_RAW);
}

class Sources : public testing::Test {
  protected:
    Sources() {
        Events::shared().clear();
        driver_ = OSTypeAlloc(RuntimeTestDriver);
        IODispatchQueueName name = kIOServiceDefaultQueueName;
        EXPECT_EQ(driver_->CopyDispatchQueue(name, &queue_), kIOReturnSuccess);
    }
    ~Sources() override {
        OSSafeReleaseNULL(queue_);
        driver_->release();
        EXPECT_TRUE(Events::shared().wait_for("free")) << "the driver object is still retained";
    }
    /// Everything queued for the driver so far has run.
    void settle() {
        queue_->DispatchSync(^{
        });
    }
    static size_t count(const char* event) { return Events::shared().count_of(event); }

    RuntimeTestDriver* driver_ = nullptr;
    IODispatchQueue* queue_ = nullptr;
};

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
    IOTimerDispatchSource* timer_ = nullptr;
    OSAction* action_ = nullptr;
};

TEST_F(Timer, FiresOnceForEachWakeAtTime) {
    for (size_t i = 1; i <= 3; ++i) {
        const uint64_t deadline = uptime() + kMillisecond;
        EXPECT_EQ(timer_->WakeAtTime(kIOTimerClockUptimeRaw, deadline, 0), kIOReturnSuccess);
        ASSERT_TRUE(Events::shared().wait_for("timer", i));
        EXPECT_GE(uptime(), deadline);
    }
    settle();
    EXPECT_EQ(count("timer"), 3u);
}

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
    EXPECT_EQ(timer_->WakeAtTime(kIOTimerClockUptimeRaw, uptime() + 3600 * 1000 * kMillisecond, 0),
              kIOReturnSuccess);
    EXPECT_EQ(timer_->WakeAtTime(kIOTimerClockUptimeRaw, uptime(), 0), kIOReturnSuccess);
    ASSERT_TRUE(Events::shared().wait_for("timer"));
    // And the other way round: the near one is forgotten.
    EXPECT_EQ(timer_->WakeAtTime(kIOTimerClockUptimeRaw, uptime() + 50 * kMillisecond, 0),
              kIOReturnSuccess);
    EXPECT_EQ(timer_->WakeAtTime(kIOTimerClockUptimeRaw, uptime() + 3600 * 1000 * kMillisecond, 0),
              kIOReturnSuccess);
    IOSleep(100);
    settle();
    EXPECT_EQ(count("timer"), 1u);
}

TEST_F(Timer, DisabledItFiresWhenEnabledAgain) {
    EXPECT_EQ(timer_->SetEnable(false), kIOReturnSuccess);
    EXPECT_EQ(timer_->WakeAtTime(kIOTimerClockUptimeRaw, uptime(), 0), kIOReturnSuccess);
    IOSleep(30);
    settle();
    EXPECT_EQ(count("timer"), 0u);
    EXPECT_EQ(timer_->SetEnable(true), kIOReturnSuccess);
    EXPECT_TRUE(Events::shared().wait_for("timer"));
}

TEST_F(Timer, CancelIsFinal) {
    EXPECT_EQ(timer_->WakeAtTime(kIOTimerClockUptimeRaw, uptime() + 20 * kMillisecond, 0),
              kIOReturnSuccess);
    timer_->Cancel(^{
      Events::shared().add("first cancel");
    });
    ASSERT_TRUE(Events::shared().wait_for("first cancel"));
    EXPECT_EQ(timer_->WakeAtTime(kIOTimerClockUptimeRaw, uptime(), 0), kIOReturnAborted);
    EXPECT_EQ(timer_->SetEnable(true), kIOReturnAborted);
    IOSleep(40);
    settle();
    EXPECT_EQ(count("timer"), 0u);
}

TEST_F(Timer, ManyTimersFireInTheOrderOfTheirDeadlines) {
    constexpr int kTimers = 50;
    std::vector<OSSharedPtr<IOTimerDispatchSource>> timers;
    const uint64_t start = uptime() + 5 * kMillisecond;
    for (int i = 0; i < kTimers; ++i) {
        IOTimerDispatchSource* timer = nullptr;
        ASSERT_EQ(IOTimerDispatchSource::Create(queue_, &timer), kIOReturnSuccess);
        ASSERT_EQ(timer->SetHandler(action_), kIOReturnSuccess);
        ASSERT_EQ(
            timer->WakeAtTime(kIOTimerClockUptimeRaw, start + static_cast<uint64_t>(i) * 1000, 0),
            kIOReturnSuccess);
        timers.emplace_back(timer, OSNoRetain);
    }
    EXPECT_TRUE(Events::shared().wait_for("timer", kTimers));
}

class DataQueue : public Sources {
  protected:
    static constexpr uint32_t kSize = 64;
    DataQueue() {
        EXPECT_EQ(IODataQueueDispatchSource::Create(kSize, queue_, &source_), kIOReturnSuccess);
        EXPECT_EQ(source_->CopyMemory(&memory_), kIOReturnSuccess);
        IOMemoryMap* map = nullptr;
        EXPECT_EQ(memory_->CreateMapping(0, 0, 0, 0, 0, &map), kIOReturnSuccess);
        map_ = map;
        header_ = reinterpret_cast<uint32_t*>(map->GetAddress());
        ring_ = reinterpret_cast<uint8_t*>(map->GetAddress()) + 128;
    }
    ~DataQueue() override {
        source_->Cancel(nullptr);
        settle();
        map_->release();
        memory_->release();
        source_->release();
    }
    kern_return_t put(uint32_t size, uint8_t fill) {
        return source_->Enqueue(size, ^(void* data, size_t room) {
          EXPECT_EQ(room, size);
          memset(data, fill, size);
        });
    }
    kern_return_t get(uint32_t size, uint8_t fill) {
        return source_->Dequeue(^(const void* data, size_t length) {
          EXPECT_EQ(length, size);
          for (size_t i = 0; i < length; ++i) EXPECT_EQ(static_cast<const uint8_t*>(data)[i], fill);
        });
    }
    OSAction* set_handlers() {
        OSAction* available = nullptr;
        OSAction* serviced = nullptr;
        EXPECT_EQ(driver_->CreateActionDataReady(0, &available), kIOReturnSuccess);
        EXPECT_EQ(driver_->CreateActionRoomMade(0, &serviced), kIOReturnSuccess);
        EXPECT_EQ(source_->SetDataAvailableHandler(available), kIOReturnSuccess);
        EXPECT_EQ(source_->SetDataServicedHandler(serviced), kIOReturnSuccess);
        available->release();
        serviced->release();
        return available;
    }
    uint32_t& head() { return header_[0]; }
    uint32_t& tail() { return header_[1]; }
    uint8_t& wants_serviced() { return *reinterpret_cast<uint8_t*>(&header_[2]); }

    IODataQueueDispatchSource* source_ = nullptr;
    IOMemoryDescriptor* memory_ = nullptr;
    IOMemoryMap* map_ = nullptr;
    uint32_t* header_ = nullptr;
    uint8_t* ring_ = nullptr;
};

TEST_F(DataQueue, HasTheLayoutOfTheFacts) {
    uint64_t length = 0;
    EXPECT_EQ(memory_->GetLength(&length), kIOReturnSuccess);
    EXPECT_EQ(length, 128u + kSize);
    EXPECT_EQ(IODataQueueDispatchSource::GetDataQueueEntryHeaderSize(), 4u);
    ASSERT_EQ(put(5, 0xaa), kIOReturnSuccess);
    EXPECT_EQ(head(), 0u);
    EXPECT_EQ(tail(), 12u);  // 4 of size, 5 of data padded to 8
    uint32_t size = 0;
    memcpy(&size, ring_, sizeof size);
    EXPECT_EQ(size, 5u);
    EXPECT_EQ(ring_[4], 0xaa);
    EXPECT_EQ(get(5, 0xaa), kIOReturnSuccess);
    EXPECT_EQ(head(), 12u);
    EXPECT_FALSE(source_->IsDataAvailable());
}

TEST_F(DataQueue, SizesThatAreNoMultipleOfFourAreRefused) {
    IODataQueueDispatchSource* source = nullptr;
    EXPECT_EQ(IODataQueueDispatchSource::Create(62, queue_, &source), kIOReturnBadArgument);
    EXPECT_EQ(source, nullptr);
}

TEST_F(DataQueue, FullIsOverrunAndEmptyIsUnderrun) {
    EXPECT_EQ(get(0, 0), kIOReturnUnderrun);
    EXPECT_EQ(source_->Peek(^(const void*, size_t) {
      FAIL();
    }),
              kIOReturnUnderrun);
    EXPECT_EQ(source_->CanEnqueueData(60), kIOReturnSuccess);
    EXPECT_EQ(source_->CanEnqueueData(61), kIOReturnOverrun);
    EXPECT_EQ(source_->CanEnqueueData(28, 2), kIOReturnSuccess);
    EXPECT_EQ(source_->CanEnqueueData(28, 3), kIOReturnOverrun);
    EXPECT_EQ(put(60, 1), kIOReturnSuccess);
    EXPECT_EQ(tail(), kSize);  // the tail may equal the size
    EXPECT_EQ(put(0, 1), kIOReturnOverrun);
    EXPECT_EQ(wants_serviced(), 1);
    EXPECT_EQ(get(60, 1), kIOReturnSuccess);
    EXPECT_EQ(wants_serviced(), 0);
}

TEST_F(DataQueue, EntriesAreNeverSplitAndWrapToTheStart) {
    ASSERT_EQ(put(20, 1), kIOReturnSuccess);  // 0..24
    ASSERT_EQ(put(20, 2), kIOReturnSuccess);  // 24..48
    ASSERT_EQ(get(20, 1), kIOReturnSuccess);
    // 16 bytes are left at the end; 20 of 24 at the start, and head = tail must not come about.
    EXPECT_EQ(put(20, 3), kIOReturnOverrun);  // 24 would end at the head
    EXPECT_EQ(put(16, 3), kIOReturnSuccess);  // 0..20, wrapped
    EXPECT_EQ(tail(), 20u);
    uint32_t marker = 0;
    memcpy(&marker, ring_ + 48, sizeof marker);
    EXPECT_EQ(marker, 16u);  // a size that cannot fit in the 16 bytes that are left
    EXPECT_EQ(put(0, 4), kIOReturnOverrun);
    EXPECT_EQ(get(20, 2), kIOReturnSuccess);
    EXPECT_EQ(get(16, 3), kIOReturnSuccess);
    EXPECT_EQ(get(0, 0), kIOReturnUnderrun);
}

TEST_F(DataQueue, WrongIndexesAreErrorsAndNoAccess) {
    ASSERT_EQ(put(8, 1), kIOReturnSuccess);
    head() = kSize + 4;
    EXPECT_EQ(put(4, 1), kIOReturnUnderrun);
    EXPECT_EQ(get(8, 1), kIOReturnError);
    head() = 0;
    tail() = 0xfffffffc;
    EXPECT_EQ(put(4, 1), kIOReturnUnderrun);
    EXPECT_EQ(get(8, 1), kIOReturnError);
    tail() = 12;
    const uint32_t huge = 0xfffffff0;
    memcpy(ring_, &huge, sizeof huge);
    EXPECT_EQ(get(8, 1), kIOReturnError);
    const uint32_t beyond = 20;
    memcpy(ring_, &beyond, sizeof beyond);
    EXPECT_EQ(get(20, 1), kIOReturnError);
}

TEST_F(DataQueue, DataAvailableIsSentOnTheChangeFromEmpty) {
    set_handlers();
    ASSERT_EQ(put(4, 1), kIOReturnSuccess);
    ASSERT_TRUE(Events::shared().wait_for("data available"));
    ASSERT_EQ(put(4, 1), kIOReturnSuccess);
    settle();
    EXPECT_EQ(count("data available"), 1u);
    ASSERT_EQ(get(4, 1), kIOReturnSuccess);
    ASSERT_EQ(get(4, 1), kIOReturnSuccess);
    ASSERT_EQ(put(4, 1), kIOReturnSuccess);
    EXPECT_TRUE(Events::shared().wait_for("data available", 2));
    settle();
    EXPECT_EQ(count("data serviced"), 0u);
}

TEST_F(DataQueue, DataServicedIsSentToAProducerThatFoundItFull) {
    set_handlers();
    ASSERT_EQ(put(60, 1), kIOReturnSuccess);
    ASSERT_EQ(put(4, 1), kIOReturnOverrun);
    ASSERT_EQ(get(60, 1), kIOReturnSuccess);
    ASSERT_TRUE(Events::shared().wait_for("data serviced"));
    ASSERT_EQ(get(0, 1), kIOReturnUnderrun);
    settle();
    EXPECT_EQ(count("data serviced"), 1u);
}

TEST_F(DataQueue, SettingTheHandlerWhileThereIsDataCallsIt) {
    ASSERT_EQ(put(4, 1), kIOReturnSuccess);
    set_handlers();
    EXPECT_TRUE(Events::shared().wait_for("data available"));
}

TEST_F(DataQueue, TheCoalesceFormsOnlyTell) {
    set_handlers();
    bool available = false;
    EXPECT_EQ(source_->EnqueueWithCoalesce(4, &available,
                                           ^(void*, size_t){
                                           }),
              kIOReturnSuccess);
    EXPECT_TRUE(available);
    available = false;
    EXPECT_EQ(source_->EnqueueWithCoalesce(4, &available,
                                           ^(void*, size_t){
                                           }),
              kIOReturnSuccess);
    EXPECT_FALSE(available);
    settle();
    EXPECT_EQ(count("data available"), 0u);
    source_->SendDataAvailable();
    EXPECT_TRUE(Events::shared().wait_for("data available"));
    bool serviced = false;
    EXPECT_EQ(source_->DequeueWithCoalesce(&serviced,
                                           ^(const void*, size_t){
                                           }),
              kIOReturnSuccess);
    EXPECT_FALSE(serviced);
}

TEST_F(DataQueue, OneProducerAndOneConsumerLoseNothing) {
    std::atomic<bool> failed{false};
    IODataQueueDispatchSource* source = source_;
    std::thread producer([&failed, source] {
        for (uint32_t i = 0; i < 20000;) {
            const uint32_t size = 4 + i % 17;
            const kern_return_t ret = source->Enqueue(size, ^(void* data, size_t) {
              memcpy(data, &i, sizeof i);
            });
            if (ret == kIOReturnSuccess) {
                ++i;
            } else if (ret != kIOReturnOverrun) {
                failed = true;
                return;
            }
        }
    });
    __block uint32_t next = 0;
    __block bool wrong = false;
    while (next < 20000 && !failed && !wrong) {
        const kern_return_t ret = source_->Dequeue(^(const void* data, size_t size) {
          uint32_t number = 0;
          memcpy(&number, data, sizeof number);
          wrong = wrong || number != next || size != 4 + next % 17;
          ++next;
        });
        if (ret != kIOReturnSuccess && ret != kIOReturnUnderrun) wrong = true;
    }
    producer.join();
    EXPECT_FALSE(failed);
    EXPECT_FALSE(wrong);
    EXPECT_EQ(next, 20000u);
}

class Action : public Sources {};

TEST_F(Action, ReferenceStorageIsZeroedAndTheTargetRetained) {
    OSAction* action = nullptr;
    ASSERT_EQ(driver_->CreateActionTimerFired(100, &action), kIOReturnSuccess);
    EXPECT_STREQ(action->GetClassName(), "OSAction_RuntimeTestDriver_TimerFired");
    const auto* bytes = static_cast<const uint8_t*>(action->GetReference());
    ASSERT_NE(bytes, nullptr);
    for (int i = 0; i < 100; ++i) EXPECT_EQ(bytes[i], 0);
    EXPECT_EQ(driver_->getRetainCount(), 2u);
    action->Cancel(nullptr);
    EXPECT_EQ(driver_->getRetainCount(), 1u);
    action->release();
}

TEST_F(Action, AfterCancelNoCallStarts) {
    IODataQueueDispatchSource* source = nullptr;
    ASSERT_EQ(IODataQueueDispatchSource::Create(64, queue_, &source), kIOReturnSuccess);
    OSAction* action = nullptr;
    ASSERT_EQ(driver_->CreateActionDataReady(0, &action), kIOReturnSuccess);
    ASSERT_EQ(source->SetDataAvailableHandler(action), kIOReturnSuccess);
    IODataQueueDispatchSource* raw = source;
    OSAction* raw_action = action;
    // The call waits behind this block; Cancel comes before it can start.
    queue_->DispatchSync(^{
      raw->SendDataAvailable();
      raw_action->Cancel(^{
        Events::shared().add("cancelled");
      });
    });
    ASSERT_TRUE(Events::shared().wait_for("cancelled"));
    settle();
    EXPECT_EQ(count("data available"), 0u);
    source->Cancel(nullptr);
    source->release();
    action->release();
}

TEST_F(Action, UntypedActionsAreDropped) {
    IOTimerDispatchSource* timer = nullptr;
    ASSERT_EQ(IOTimerDispatchSource::Create(queue_, &timer), kIOReturnSuccess);
    OSAction* action = nullptr;
    ASSERT_EQ(OSAction::Create(driver_, RuntimeTestDriver_TimerFired_ID,
                               IOTimerDispatchSource_TimerOccurred_ID, 0, &action),
              kIOReturnSuccess);
    timer->SetHandler(action);
    testing::internal::CaptureStderr();
    timer->TimerOccurred(action, 1);
    settle();
    EXPECT_EQ(count("timer"), 0u);
    EXPECT_NE(testing::internal::GetCapturedStderr().find("OSAction_RuntimeTestDriver_TimerFired"),
              std::string::npos);
    timer->Cancel(nullptr);
    timer->release();
    action->release();
}

TEST_F(Action, AWaiterRunsTheCallItWaitsFor) {
    IOTimerDispatchSource* timer = nullptr;
    ASSERT_EQ(IOTimerDispatchSource::Create(queue_, &timer), kIOReturnSuccess);
    OSAction* action = nullptr;
    ASSERT_EQ(driver_->CreateActionTimerFired(0, &action), kIOReturnSuccess);
    ASSERT_EQ(timer->SetHandler(action), kIOReturnSuccess);
    OSAction* raw = action;
    IOTimerDispatchSource* raw_timer = timer;
    queue_->DispatchSync(^{  // on the very queue that the method belongs to
      OSActionWaitToken* token = nullptr;
      ASSERT_EQ(raw->WillWait(&token), kIOReturnSuccess);
      OSActionWaitToken* second = nullptr;
      EXPECT_EQ(raw->WillWait(&second), kIOReturnBusy);
      EXPECT_EQ(raw->Wait(token, kIOTimerClockUptimeRaw, uptime() + kMillisecond),
                kIOReturnTimeout);
      raw_timer->WakeAtTime(kIOTimerClockUptimeRaw, uptime() + kMillisecond, 0);
      EXPECT_EQ(raw->Wait(token, 0, 0), kIOReturnSuccess);
      EXPECT_EQ(Events::shared().count_of("timer"), 1u);
      EXPECT_EQ(raw->EndWait(token), kIOReturnSuccess);
    });
    timer->Cancel(nullptr);
    timer->release();
    action->release();
}

TEST_F(Action, UnknownTypeNamesAreRefused) {
    OSAction* action = nullptr;
    const OSSharedPtr<OSString> name(OSString::withCString("OSAction_No_Such"), OSNoRetain);
    EXPECT_EQ(OSAction::CreateWithTypeName(driver_, 1, 2, 0, name.get(), &action),
              kIOReturnUnsupported);
    EXPECT_EQ(action, nullptr);
}

class ServiceQueues : public Sources {};

TEST_F(ServiceQueues, OnlyDeclaredNamesMayBeSet) {
    IODispatchQueue* other = nullptr;
    ASSERT_EQ(IODispatchQueue::Create("Other", 0, 0, &other), kIOReturnSuccess);
    EXPECT_EQ(driver_->SetDispatchQueue("Other", other), kIOReturnSuccess);
    testing::internal::CaptureStderr();
    EXPECT_EQ(driver_->SetDispatchQueue("Unheard", other), kIOReturnBadArgument);
    testing::internal::GetCapturedStderr();
    IODispatchQueue* copy = nullptr;
    EXPECT_EQ(driver_->CopyDispatchQueue("Other", &copy), kIOReturnSuccess);
    EXPECT_EQ(copy, other);
    OSSafeReleaseNULL(copy);
    EXPECT_EQ(driver_->CopyDispatchQueue("Unheard", &copy), kIOReturnNotFound);
    other->release();
}

TEST_F(ServiceQueues, MethodsOfAnUnsynchronizedQueueDoNotTakeIt) {
    IODispatchQueue* other = nullptr;
    ASSERT_EQ(IODispatchQueue::Create("Other", kIODispatchQueueMethodsNotSynchronized, 0, &other),
              kIOReturnSuccess);
    IODispatchQueueName name = kIOServiceDefaultQueueName;
    ASSERT_EQ(driver_->SetDispatchQueue(name, other), kIOReturnSuccess);
    RuntimeTestDriver* driver = driver_;
    // A block holds the queue while another thread's call of a method runs through.
    other->DispatchSync(^{
      std::thread caller([driver] {
          uint32_t sum = 0;
          EXPECT_EQ(driver->Add(1, 2, &sum), kIOReturnSuccess);
          EXPECT_EQ(sum, 3u);
          driver->Note(5);
      });
      caller.join();
      EXPECT_TRUE(Events::shared().wait_for("note 5"));
    });
    other->release();
}

TEST_F(ServiceQueues, AnUnknownNameAsksTheProvider) {
    auto* client = OSTypeAlloc(RuntimeTestClient);
    IODispatchQueue* other = nullptr;
    ASSERT_EQ(IODispatchQueue::Create("Other", 0, 0, &other), kIOReturnSuccess);
    ASSERT_EQ(driver_->SetDispatchQueue("Other", other), kIOReturnSuccess);
    ASSERT_EQ(client->Start(driver_), kIOReturnSuccess);
    IODispatchQueue* copy = nullptr;
    EXPECT_EQ(client->CopyDispatchQueue("Other", &copy), kIOReturnSuccess);
    EXPECT_EQ(copy, other);
    OSSafeReleaseNULL(copy);
    other->release();
    client->release();
}

}  // namespace
