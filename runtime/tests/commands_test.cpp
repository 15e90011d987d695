// SPDX-License-Identifier: Apache-2.0
#include <DriverKit/DriverKit.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

namespace {

OSSharedPtr<IODispatchQueue> make_queue(uint64_t options = 0) {
    IODispatchQueue* queue = nullptr;
    EXPECT_EQ(IODispatchQueue::Create("commands", options, 0, &queue), kIOReturnSuccess);
    return OSSharedPtr<IODispatchQueue>(queue, OSNoRetain);
}

OSSharedPtr<IOCommand> make_command() {
    return OSSharedPtr<IOCommand>(OSTypeAlloc(IOCommand), OSNoRetain);
}

// Facts: IOCommand.init, IOCommand.free, IOCommand.CommandChain, IOCommand.FromChain
TEST(Command, HasALinkForQueues) {
    // init() ran when it was made; free() runs with the last reference.
    const auto first = make_command();
    const auto second = make_command();
    queue_head_t head;
    queue_init(&head);
    enqueue_tail(&head, first->CommandChain());
    enqueue_tail(&head, second->CommandChain());
    EXPECT_EQ(IOCommand::FromChain(dequeue_head(&head)), first.get());
    EXPECT_EQ(IOCommand::FromChain(dequeue_head(&head)), second.get());
    EXPECT_EQ(IOCommand::FromChain(nullptr), nullptr);
}

// Facts: IOCommandPool.withQueue, IOCommandPool.getCommand, IOCommandPool.returnCommand,
// Facts: IOCommandPool.free
TEST(CommandPool, HandsCommandsOutInTurn) {
    // free() of the pool runs at the end.
    EXPECT_EQ(IOCommandPool::withQueue(nullptr), nullptr);
    const auto queue = make_queue();
    const OSSharedPtr<IOCommandPool> pool(IOCommandPool::withQueue(queue.get()), OSNoRetain);
    EXPECT_EQ(pool->getCommand(false), nullptr);
    const auto first = make_command();
    const auto second = make_command();
    pool->returnCommand(first.get());
    pool->returnCommand(second.get());
    pool->returnCommand(nullptr);
    EXPECT_EQ(pool->getCommand(true), first.get());
    EXPECT_EQ(pool->getCommand(false), second.get());
    EXPECT_EQ(pool->getCommand(false), nullptr);
}

// Facts: IOCommandPool.init, IOCommandPool.initWithQueue
TEST(CommandPool, IsInitialisedOnce) {
    const auto queue = make_queue();
    const OSSharedPtr<IOCommandPool> pool(OSTypeAlloc(IOCommandPool), OSNoRetain);  // runs init()
    EXPECT_FALSE(pool->initWithQueue(nullptr));
    EXPECT_TRUE(pool->initWithQueue(queue.get()));
    EXPECT_FALSE(pool->initWithQueue(queue.get()));
    EXPECT_EQ(pool->getCommand(false), nullptr);
}

// Facts: IOCommandPool.gatedGetCommand, IOCommandPool.gatedReturnCommand
TEST(CommandPool, GatedCallsBelongOnItsQueue) {
    const auto queue = make_queue();
    const OSSharedPtr<IOCommandPool> pool(IOCommandPool::withQueue(queue.get()), OSNoRetain);
    const auto command = make_command();
    IOCommand* got = nullptr;
    EXPECT_EQ(pool->gatedReturnCommand(command.get()), kIOReturnNotPermitted);
    EXPECT_EQ(pool->gatedGetCommand(&got, false), kIOReturnNotPermitted);
    queue->DispatchSync(^{
      IOCommand* here = nullptr;
      EXPECT_EQ(pool->gatedGetCommand(nullptr, false), kIOReturnBadArgument);
      EXPECT_EQ(pool->gatedReturnCommand(nullptr), kIOReturnBadArgument);
      EXPECT_EQ(pool->gatedGetCommand(&here, false), kIOReturnNoResources);
      EXPECT_EQ(pool->gatedReturnCommand(command.get()), kIOReturnSuccess);
      EXPECT_EQ(pool->gatedGetCommand(&here, true), kIOReturnSuccess);
      EXPECT_EQ(here, command.get());
      // The plain calls work on the queue too.
      pool->returnCommand(command.get());
      EXPECT_EQ(pool->getCommand(true), command.get());
    });
}

TEST(CommandPool, OffTheQueueAWaiterLeavesItFree) {
    const auto queue = make_queue();
    const OSSharedPtr<IOCommandPool> pool(IOCommandPool::withQueue(queue.get()), OSNoRetain);
    const auto command = make_command();
    std::atomic<IOCommand*> result = nullptr;
    std::atomic<IOCommand*>* const got = &result;
    std::thread waiter([&] { *got = pool->getCommand(true); });
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    queue->DispatchSync(^{
      EXPECT_EQ(got->load(), nullptr);
    });
    pool->returnCommand(command.get());
    waiter.join();
    EXPECT_EQ(got->load(), command.get());
}

TEST(CommandPool, OnAReentrantQueueAWaiterLetsOtherBlocksRun) {
    const auto queue = make_queue(kIODispatchQueueReentrant);
    const OSSharedPtr<IOCommandPool> pool(IOCommandPool::withQueue(queue.get()), OSNoRetain);
    const auto command = make_command();
    __block IOCommand* got = nullptr;
    __block bool waiting = false;
    queue->DispatchAsync(^{
      waiting = true;
      got = pool->getCommand(true);
    });
    queue->DispatchSync(^{
      EXPECT_TRUE(waiting);  // it gave the queue up
      EXPECT_EQ(got, nullptr);
      pool->returnCommand(command.get());
    });
    IOCommand* result = nullptr;
    for (int i = 0; i < 3000 && result == nullptr; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
        IOCommand** const out = &result;
        queue->DispatchSync(^{
          *out = got;
        });
    }
    EXPECT_EQ(result, command.get());
}

TEST(CommandPool, OnAPlainQueueWaitingIsABug) {
    const auto queue = make_queue();
    const OSSharedPtr<IOCommandPool> pool(IOCommandPool::withQueue(queue.get()), OSNoRetain);
    testing::internal::CaptureStderr();
    queue->DispatchSync(^{
      EXPECT_EQ(pool->getCommand(true), nullptr);
    });
    EXPECT_NE(testing::internal::GetCapturedStderr().find("not reentrant"), std::string::npos);
}

TEST(CommandPool, AWaiterIsToldWhenTheQueueIsCancelled) {
    const auto queue = make_queue();
    const OSSharedPtr<IOCommandPool> pool(IOCommandPool::withQueue(queue.get()), OSNoRetain);
    const auto command = make_command();
    std::thread waiter([&] { EXPECT_EQ(pool->getCommand(true), nullptr); });
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    std::atomic<bool> cancelled = false;
    std::atomic<bool>* const flag = &cancelled;
    queue->Cancel(^{
      *flag = true;
    });
    while (!cancelled) std::this_thread::yield();
    testing::internal::CaptureStderr();
    pool->returnCommand(command.get());
    testing::internal::GetCapturedStderr();
    waiter.join();
}

TEST(CommandPool, ManyThreadsShareFewCommands) {
    const auto queue = make_queue();
    const OSSharedPtr<IOCommandPool> pool(IOCommandPool::withQueue(queue.get()), OSNoRetain);
    const auto first = make_command();
    const auto second = make_command();
    pool->returnCommand(first.get());
    pool->returnCommand(second.get());
    std::atomic<int> out = 0;
    std::atomic<bool> too_many = false;
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
            for (int n = 0; n < 100; ++n) {
                IOCommand* command = pool->getCommand(true);
                if (++out > 2) too_many = true;
                --out;
                pool->returnCommand(command);
            }
        });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_FALSE(too_many);
    EXPECT_NE(pool->getCommand(false), nullptr);
    EXPECT_NE(pool->getCommand(false), nullptr);
    EXPECT_EQ(pool->getCommand(false), nullptr);
}

}  // namespace
