// SPDX-License-Identifier: Apache-2.0
#include <DriverKit/DriverKit.h>
#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace {

/// Opened once, waited for with a time-out.
class Gate {
  public:
    void open() {
        const std::lock_guard lock(mutex_);
        open_ = true;
        changed_.notify_all();
    }
    bool wait() {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, std::chrono::seconds(30), [this] { return open_; });
    }

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    bool open_ = false;
};

OSSharedPtr<IODispatchQueue> make_queue(const char* name, uint64_t options = 0) {
    IODispatchQueueName text = {};
    strlcpy(text, name, sizeof text);
    IODispatchQueue* queue = nullptr;
    EXPECT_EQ(IODispatchQueue::Create(text, options, 0, &queue), kIOReturnSuccess);
    return OSSharedPtr<IODispatchQueue>(queue, OSNoRetain);
}

TEST(Queue, RunsBlocksInOrderOneAtATime) {
    const auto queue = make_queue("order");
    EXPECT_STREQ(queue->GetName(), "order");
    auto done = std::make_shared<Gate>();
    auto running = std::make_shared<std::atomic<int>>(0);
    auto seen = std::make_shared<std::vector<int>>();
    IODispatchQueue* raw = queue.get();
    for (int i = 0; i < 1000; ++i) {
        queue->DispatchAsync(^{
          EXPECT_EQ(running->fetch_add(1), 0);
          EXPECT_TRUE(raw->OnQueue());
          seen->push_back(i);
          running->fetch_sub(1);
          if (i == 999) done->open();
        });
    }
    ASSERT_TRUE(done->wait());
    queue->DispatchSync(^{
      ASSERT_EQ(seen->size(), 1000u);
      for (int i = 0; i < 1000; ++i) EXPECT_EQ((*seen)[static_cast<size_t>(i)], i);
    });
    EXPECT_FALSE(queue->OnQueue());
}

TEST(Queue, SyncFromManyThreadsExcludesEachOther) {
    const auto queue = make_queue("sync");
    IODispatchQueue* raw = queue.get();
    int counter = 0;
    int* at = &counter;
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([raw, at] {
            for (int i = 0; i < 500; ++i) {
                raw->DispatchSync(^{
                  ++*at;
                });
            }
        });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(counter, 2000);
}

TEST(Queue, SyncAndAsyncKeepTheirOrder) {
    const auto queue = make_queue("mixed");
    __block int step = 0;
    queue->DispatchAsync(^{
      std::this_thread::yield();
      EXPECT_EQ(step++, 0);
    });
    queue->DispatchSync(^{
      EXPECT_EQ(step++, 1);
    });
    EXPECT_EQ(step, 2);
}

TEST(Queue, ASynchronousCallMayComeBack) {
    const auto first = make_queue("first");
    const auto second = make_queue("second");
    IODispatchQueue* a = first.get();
    IODispatchQueue* b = second.get();
    __block bool came_back = false;
    a->DispatchSync(^{
      b->DispatchSync(^{
        EXPECT_TRUE(a->OnQueue());
        EXPECT_EQ(a->RunAction(^kern_return_t {
          came_back = true;
          return kIOReturnNotFound;
        }),
                  kIOReturnNotFound);
      });
    });
    EXPECT_TRUE(came_back);
}

TEST(Queue, SyncOntoItselfIsABugAndNoHang) {
    const auto queue = make_queue("self");
    IODispatchQueue* raw = queue.get();
    __block bool ran = false;
    testing::internal::CaptureStderr();
    queue->DispatchSync(^{
      raw->DispatchSync(^{
        ran = true;
      });
    });
    EXPECT_TRUE(ran);
    const std::string log = testing::internal::GetCapturedStderr();
    EXPECT_NE(log.find("driver bug: DispatchSync onto the queue \"self\""), std::string::npos)
        << log;
}

TEST(Queue, CancelRunsItsHandlerLastAndNothingLater) {
    const auto queue = make_queue("cancel");
    auto seen = std::make_shared<std::vector<int>>();
    auto done = std::make_shared<Gate>();
    auto blocked = std::make_shared<Gate>();
    queue->DispatchAsync(^{
      blocked->wait();
      seen->push_back(1);
    });
    queue->DispatchAsync(^{
      seen->push_back(2);
    });
    EXPECT_EQ(queue->Cancel(^{
      seen->push_back(3);
      done->open();
    }),
              kIOReturnSuccess);
    testing::internal::CaptureStderr();
    queue->DispatchAsync(^{
      seen->push_back(4);
    });
    queue->DispatchSync(^{
      seen->push_back(5);
    });
    testing::internal::GetCapturedStderr();
    blocked->open();
    ASSERT_TRUE(done->wait());
    EXPECT_EQ(*seen, (std::vector<int>{1, 2, 3}));
    EXPECT_EQ(queue->RunAction(^kern_return_t {
      return kIOReturnSuccess;
    }),
              kIOReturnOffline);
}

TEST(Queue, SleepGivesUpTheQueueUntilWakeup) {
    const auto queue = make_queue("sleep", kIODispatchQueueReentrant);
    IODispatchQueue* raw = queue.get();
    auto done = std::make_shared<Gate>();
    __block int event = 0;
    __block bool slept = false;
    queue->DispatchAsync(^{
      EXPECT_EQ(raw->Sleep(&event, 0), kIOReturnSuccess);
      EXPECT_TRUE(raw->OnQueue());
      slept = true;
      done->open();
    });
    // Runs only because the first block has given up the queue.
    queue->DispatchAsync(^{
      EXPECT_FALSE(slept);
      EXPECT_EQ(raw->Wakeup(&event), kIOReturnSuccess);
    });
    ASSERT_TRUE(done->wait());
    EXPECT_TRUE(slept);
    EXPECT_EQ(queue->Wakeup(&event), kIOReturnNotFound);
}

TEST(Queue, SleepTimesOut) {
    const auto queue = make_queue("sleep", kIODispatchQueueReentrant);
    IODispatchQueue* raw = queue.get();
    __block kern_return_t result = kIOReturnError;
    __block kern_return_t with_deadline = kIOReturnError;
    queue->DispatchSync(^{
      result = raw->SleepWithTimeout(raw, 1000000);
      const uint64_t deadline = clock_gettime_nsec_np(CLOCK_UPTIME_RAW) + 1000000;
      with_deadline = raw->SleepWithDeadline(raw, kIOTimerClockUptimeRaw, deadline);
    });
    EXPECT_EQ(result, kIOReturnTimeout);
    EXPECT_EQ(with_deadline, kIOReturnTimeout);
    testing::internal::CaptureStderr();
    EXPECT_EQ(queue->SleepWithTimeout(raw, 1), kIOReturnNotPermitted);
    testing::internal::GetCapturedStderr();
}

TEST(Queue, WakeupAllWakesEverySleeper) {
    const auto queue = make_queue("sleepers", kIODispatchQueueReentrant);
    IODispatchQueue* raw = queue.get();
    auto done = std::make_shared<Gate>();
    __block int woken = 0;
    __block int event = 0;
    for (int i = 0; i < 3; ++i) {
        queue->DispatchAsync(^{
          EXPECT_EQ(raw->Sleep(&event, 0), kIOReturnSuccess);
          if (++woken == 3) done->open();
        });
    }
    queue->DispatchAsync(^{
      EXPECT_EQ(raw->WakeupWithOptions(&event, kIODispatchQueueWakeupAll), kIOReturnSuccess);
    });
    ASSERT_TRUE(done->wait());
}

TEST(Queue, TheObjectLivesUntilItsBlocksHaveRun) {
    auto queue = make_queue("alive");
    auto done = std::make_shared<Gate>();
    auto blocked = std::make_shared<Gate>();
    queue->DispatchAsync(^{
      blocked->wait();
    });
    queue->DispatchAsync(^{
      done->open();
    });
    queue.reset();
    blocked->open();
    EXPECT_TRUE(done->wait());
}

TEST(Queue, UnknownOptionsAreRefused) {
    IODispatchQueue* queue = nullptr;
    EXPECT_EQ(IODispatchQueue::Create("x", 0x80, 0, &queue), kIOReturnBadArgument);
    EXPECT_EQ(queue, nullptr);
}

}  // namespace
