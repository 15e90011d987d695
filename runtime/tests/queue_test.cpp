// SPDX-License-Identifier: Apache-2.0
#include <DriverKit/DriverKit.h>
#include <gtest/gtest.h>

#include <poll.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdarg>
#include <cstdio>
#include <filesystem>
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

// Facts: IODispatchQueue.Create, IODispatchQueue.GetName, IODispatchQueue.DispatchAsync,
// Facts: IODispatchQueue.OnQueue
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

// Facts: IODispatchQueue.DispatchSync
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

// Facts: IODispatchQueue.RunAction
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

// Facts: IODispatchQueue.Cancel
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

// Facts: IODispatchQueue.Sleep, IODispatchQueue.Wakeup
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

// Facts: IODispatchQueue.SleepWithTimeout, IODispatchQueue.SleepWithDeadline
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

// Facts: IODispatchQueue.WakeupWithOptions
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

TEST(Queue, NamesOfTwoHundredAndFiftyFiveBytesFit) {
    const std::string longest(sizeof(IODispatchQueueName) - 1, 'n');
    EXPECT_EQ(make_queue(longest.c_str())->GetName(), longest);
    EXPECT_STREQ(make_queue("")->GetName(), "");
}

// Facts: IODispatchQueue.init, IODispatchQueue.free
TEST(Queue, AQueueMadeByInitAloneWorks) {
    auto* queue = OSTypeAlloc(IODispatchQueue);  // init()
    ASSERT_NE(queue, nullptr);
    EXPECT_STREQ(queue->GetName(), "");
    __block bool ran = false;
    queue->DispatchSync(^{
      ran = true;
    });
    EXPECT_TRUE(ran);
    // The last reference goes on the queue itself: free() there must not wait for the block.
    auto done = std::make_shared<Gate>();
    queue->DispatchAsync(^{
      done->open();
    });
    queue->release();
    EXPECT_TRUE(done->wait());
}

struct Counted {
    IODispatchQueue* queue;
    Gate gate;
    int calls = 0;
};

void count(void* context) {
    auto* counted = static_cast<Counted*>(context);
    EXPECT_TRUE(counted->queue->OnQueue());
    if (++counted->calls == 3) counted->gate.open();
}

// Facts: IODispatchQueue.DispatchAsync_f, IODispatchQueue.DispatchSync_f
TEST(Queue, RunsFunctionsAsItRunsBlocks) {
    const auto queue = make_queue("functions");
    Counted counted{queue.get(), {}, 0};
    queue->DispatchAsync_f(&counted, count);
    queue->DispatchAsync_f(&counted, count);
    queue->DispatchSync_f(&counted, count);  // after the two
    EXPECT_TRUE(counted.gate.wait());
    EXPECT_EQ(counted.calls, 3);
}

// Facts: IODispatchQueue.DispatchConcurrent, IODispatchQueue.DispatchConcurrent_f
TEST(Queue, ConcurrentBlocksRunBesideEachOtherAndTheQueue) {
    const auto queue = make_queue("concurrent", kIODispatchQueueReentrant);
    struct Party {
        std::atomic<int> here{0};
        Gate all;
        void arrive() {
            if (++here == 3) all.open();
            EXPECT_TRUE(all.wait()) << "they do not run at the same time";
            ++here;
        }
    };
    auto party = std::make_shared<Party>();
    queue->DispatchConcurrent(^{
      party->arrive();
    });
    queue->DispatchConcurrent_f(party.get(),
                                [](void* context) { static_cast<Party*>(context)->arrive(); });
    queue->DispatchSync(^{
      party->arrive();
    });
    auto done = std::make_shared<Gate>();
    queue->Cancel(^{
      EXPECT_EQ(party->here, 6) << "the cancel handler came before a concurrent block was through";
      done->open();
    });
    EXPECT_TRUE(done->wait());
}

TEST(Queue, ConcurrentBlocksNeedAReentrantQueue) {
    const auto queue = make_queue("serial");
    IODispatchQueue* raw = queue.get();
    auto done = std::make_shared<Gate>();
    testing::internal::CaptureStderr();
    queue->DispatchConcurrent(^{
      EXPECT_TRUE(raw->OnQueue());  // in its turn
      done->open();
    });
    const std::string log = testing::internal::GetCapturedStderr();
    EXPECT_TRUE(done->wait());
    EXPECT_NE(log.find("driver bug: DispatchConcurrent on queue \"serial\""), std::string::npos)
        << log;
}

TEST(Queue, SleepNeedsAReentrantQueueAndTheQueue) {
    const auto serial = make_queue("serial");
    IODispatchQueue* raw = serial.get();
    testing::internal::CaptureStderr();
    __block kern_return_t result = kIOReturnSuccess;
    serial->DispatchSync(^{
      result = raw->Sleep(raw, 1);
    });
    const auto reentrant = make_queue("reentrant", kIODispatchQueueReentrant);
    EXPECT_EQ(reentrant->Sleep(raw, 1), kIOReturnNotPermitted);
    const std::string log = testing::internal::GetCapturedStderr();
    EXPECT_EQ(result, kIOReturnUnsupported);
    EXPECT_NE(log.find("Sleep on queue \"serial\", which is not reentrant"), std::string::npos)
        << log;
    EXPECT_NE(log.find("Sleep on queue \"reentrant\" from elsewhere"), std::string::npos) << log;
    EXPECT_EQ(reentrant->SleepWithDeadline(raw, 0x99, 1), kIOReturnBadArgument);
}

TEST(Queue, WakeupOfAnotherEventWakesNobody) {
    const auto queue = make_queue("events", kIODispatchQueueReentrant);
    IODispatchQueue* raw = queue.get();
    __block int first = 0;
    __block int second = 0;
    auto sleeping = std::make_shared<Gate>();
    auto done = std::make_shared<Gate>();
    queue->DispatchAsync(^{
      sleeping->open();
      EXPECT_EQ(raw->SleepWithDeadline(&first, kIOTimerClockMachAbsoluteTime, 0), kIOReturnSuccess);
      done->open();
    });
    ASSERT_TRUE(sleeping->wait());
    queue->DispatchSync(^{  // once the sleeper has given up the queue
      EXPECT_EQ(raw->Wakeup(&second), kIOReturnNotFound);
      EXPECT_EQ(raw->Wakeup(&first), kIOReturnSuccess);
    });
    EXPECT_TRUE(done->wait());
}

TEST(Queue, WakeupWakesOneSleeperAtATime) {
    const auto queue = make_queue("one", kIODispatchQueueReentrant);
    IODispatchQueue* raw = queue.get();
    auto woken = std::make_shared<std::atomic<int>>(0);
    __block int event = 0;
    for (int i = 0; i < 3; ++i) {
        queue->DispatchAsync(^{
          EXPECT_EQ(raw->Sleep(&event, 0), kIOReturnSuccess);
          ++*woken;
        });
    }
    for (int expected = 1; expected <= 3; ++expected) {
        queue->DispatchSync(^{
          EXPECT_EQ(raw->WakeupWithOptions(&event, 0), kIOReturnSuccess);
        });
        queue->DispatchSync(^{  // the woken one had its turn before this
          EXPECT_EQ(*woken, expected);
        });
    }
}

TEST(Queue, TheCancelHandlerWaitsForASleepingBlock) {
    const auto queue = make_queue("asleep", kIODispatchQueueReentrant);
    IODispatchQueue* raw = queue.get();
    auto sleeping = std::make_shared<Gate>();
    auto done = std::make_shared<Gate>();
    auto seen = std::make_shared<std::vector<int>>();
    __block int event = 0;
    queue->DispatchAsync(^{
      sleeping->open();
      EXPECT_EQ(raw->Sleep(&event, 0), kIOReturnSuccess);
      seen->push_back(1);
    });
    ASSERT_TRUE(sleeping->wait());
    queue->DispatchSync(^{
      raw->Cancel(^{
        seen->push_back(2);
        done->open();
      });
    });
    EXPECT_EQ(queue->Wakeup(&event), kIOReturnSuccess);
    ASSERT_TRUE(done->wait());
    EXPECT_EQ(*seen, (std::vector<int>{1, 2}));
}

TEST(Queue, EveryCancelHandlerRunsOnceAndNotInsideCancel) {
    const auto queue = make_queue("twice");
    auto lock = std::make_shared<std::mutex>();
    auto runs = std::make_shared<std::atomic<int>>(0);
    auto done = std::make_shared<Gate>();
    {
        const std::lock_guard held(*lock);
        for (int i = 0; i < 2; ++i) {
            EXPECT_EQ(queue->Cancel(^{
              const std::lock_guard taken(*lock);
              if (++*runs == 2) done->open();
            }),
                      kIOReturnSuccess);
        }
    }
    EXPECT_TRUE(done->wait());
    EXPECT_EQ(queue->Cancel(nullptr), kIOReturnSuccess);
    EXPECT_EQ(*runs, 2);
}

std::string g_logged;
int keep_log(const char* format, ...) {
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    const int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    g_logged += text;
    return length;
}

// Facts: IODispatchQueue.Log
TEST(Queue, LogSaysWhereTheCallerRuns) {
    const auto queue = make_queue("logged");
    g_logged.clear();
    IODispatchQueue::Log("outside", keep_log);
    EXPECT_NE(g_logged.find("outside: queue \"none\""), std::string::npos) << g_logged;
    queue->DispatchSync(^{
      IODispatchQueue::Log("inside", keep_log);
    });
    EXPECT_NE(g_logged.find("inside: queue \"logged\""), std::string::npos) << g_logged;
    IODispatchQueue::Log("nowhere", nullptr);
}

// Facts: IODispatchQueuePrivate.SetPort
TEST(Queue, ThereAreNoMachPorts) {
    const auto queue = make_queue("port");
    testing::internal::CaptureStderr();
    EXPECT_EQ(queue->SetPort(1), kIOReturnUnsupported);
    EXPECT_EQ(queue->SetPort(2), kIOReturnUnsupported);
    const std::string log = testing::internal::GetCapturedStderr();
    const std::string line = "IODispatchQueue::SetPort is not supported";
    EXPECT_EQ(log.find(line), log.rfind(line)) << "it is said once";
    EXPECT_NE(log.find(line), std::string::npos) << log;
}

[[noreturn]] void wait_for_each_other() {
    const auto left = make_queue("left");
    const auto right = make_queue("right");
    // Passed on until the report comes: it is the only sign that both wait.
    int ends[2];
    const int original = ::dup(STDERR_FILENO);
    if (::pipe(ends) != 0 || ::dup2(ends[1], STDERR_FILENO) < 0) _exit(4);
    Gate gates[2];
    Gate* both = gates;
    const auto cross = [both](IODispatchQueue* mine, IODispatchQueue* other, int i) {
        mine->DispatchSync(^{
          both[i].open();
          both[1 - i].wait();
          other->DispatchSync(^{
          });
        });
    };
    std::thread one([&] { cross(left.get(), right.get(), 0); });
    std::thread two([&] { cross(right.get(), left.get(), 1); });
    std::string text;
    pollfd readable{ends[0], POLLIN, 0};
    while (text.find("deadlock") == std::string::npos && ::poll(&readable, 1, 30'000) > 0) {
        char buffer[4096];
        const ssize_t size = ::read(ends[0], buffer, sizeof buffer);
        if (size <= 0 || ::write(original, buffer, static_cast<size_t>(size)) != size) break;
        text.append(buffer, static_cast<size_t>(size));
    }
    _exit(3);
}

TEST(Queue, QueuesThatWaitForEachOtherAreReported) {
    // One thread holds "left" and waits for "right", another the other way round. No end is to be
    // had, so this happens in a process of its own; what counts is that the log names both queues.
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_EXIT(wait_for_each_other(), testing::ExitedWithCode(3),
                "driver bug: deadlock: a thread on queue \"(left|right)\" waits for queue "
                "\"(left|right)\"");
}

TEST(Queue, IdleQueuesCostNoThread) {
    const auto threads = [] {
        size_t count = 0;
        for ([[maybe_unused]] const auto& task :
             std::filesystem::directory_iterator("/proc/self/task"))
            ++count;
        return count;
    };
    std::vector<OSSharedPtr<IODispatchQueue>> queues;
    const size_t before = threads();
    for (int i = 0; i < 500; ++i) queues.push_back(make_queue("idle"));
    EXPECT_LE(threads(), before);
    for (const auto& queue : queues) {
        queue->DispatchSync(^{
        });
    }
    EXPECT_LE(threads(), before) << "a synchronous block runs on its caller";
}

}  // namespace
