// SPDX-License-Identifier: Apache-2.0
// Data queues in shared memory: docs/facts/iokit-client-api.csv, docs/facts/semantics.md
// section 11.
#include <IOKit/IODataQueueClient.h>
#include <gtest/gtest.h>
#include <mach/mach.h>
#include <opendext/client.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "iokit/client/driver_memory.h"

namespace opendext::client {
namespace {

using namespace std::chrono_literals;

/// A queue in memory of the program's own, with a canary behind it.
class OwnQueue : public ::testing::Test {
  protected:
    void make(uint32_t size) {
        bytes_.assign(DATA_QUEUE_MEMORY_HEADER_SIZE + size + sizeof kCanary, 0);
        queue = reinterpret_cast<IODataQueueMemory*>(bytes_.data());
        queue->queueSize = size;
        std::memcpy(bytes_.data() + bytes_.size() - sizeof kCanary, &kCanary, sizeof kCanary);
    }
    ~OwnQueue() override {
        uint64_t canary = 0;
        std::memcpy(&canary, bytes_.data() + bytes_.size() - sizeof kCanary, sizeof kCanary);
        EXPECT_EQ(kCanary, canary);
    }
    IOReturn put(const std::string& text) const {
        return IODataQueueEnqueue(queue, const_cast<char*>(text.data()),
                                  static_cast<uint32_t>(text.size()));
    }
    std::string get() const {
        char data[64];
        uint32_t size = sizeof data;
        const IOReturn result = IODataQueueDequeue(queue, data, &size);
        return result == kIOReturnSuccess ? std::string(data, size) : std::to_string(result);
    }
    static constexpr uint64_t kCanary = 0x0123456789abcdef;
    std::vector<uint8_t> bytes_;
    IODataQueueMemory* queue = nullptr;
};

// Facts: IODataQueueDequeue, IODataQueueEnqueue, IODataQueueDataAvailable, IODataQueuePeek
TEST_F(OwnQueue, EntriesComeOutAsTheyWentInAndLieAsTheFactsSay) {
    make(32);
    EXPECT_EQ(4U, DATA_QUEUE_ENTRY_HEADER_SIZE);
    EXPECT_EQ(12U, DATA_QUEUE_MEMORY_HEADER_SIZE);
    EXPECT_FALSE(IODataQueueDataAvailable(queue));
    EXPECT_EQ(nullptr, IODataQueuePeek(queue));
    uint32_t size = 0;
    EXPECT_EQ(kIOReturnUnderrun, IODataQueueDequeue(queue, nullptr, &size));
    ASSERT_EQ(kIOReturnSuccess, put("abcde"));
    EXPECT_EQ(9U, queue->tail);  // the size and five bytes, not padded
    EXPECT_EQ(5U, queue->queue[0].size);
    EXPECT_EQ('a', queue->queue[0].data[0]);
    EXPECT_TRUE(IODataQueueDataAvailable(queue));
    ASSERT_EQ(queue->queue, IODataQueuePeek(queue));
    EXPECT_TRUE(IODataQueueDataAvailable(queue));
    EXPECT_EQ("abcde", get());
    EXPECT_EQ(9U, queue->head);
    EXPECT_FALSE(IODataQueueDataAvailable(queue));
}

// Facts: IODataQueueDequeue, IODataQueueEnqueue
TEST_F(OwnQueue, RoundTheEndAndUpToTheLastByte) {
    make(32);
    ASSERT_EQ(kIOReturnSuccess, put(std::string(28, 'x')));  // all of it
    EXPECT_EQ(kIOReturnOverrun, put(""));
    EXPECT_EQ(std::string(28, 'x'), get());
    // Every size at every place, in and out.
    std::mt19937 random(1);
    std::vector<std::string> expected;
    size_t next = 0;
    for (int i = 0; i < 20000; ++i) {
        std::string text(random() % 12, static_cast<char>('a' + i % 26));
        if (put(text) == kIOReturnSuccess) expected.push_back(text);
        if (random() % 2 == 0 && next < expected.size()) {
            ASSERT_EQ(expected[next], get()) << next;
            ++next;
        }
    }
    while (next < expected.size()) ASSERT_EQ(expected[next++], get());
    EXPECT_FALSE(IODataQueueDataAvailable(queue));
}

// Facts: IODataQueueDequeue, IODataQueueEnqueue, IODataQueueWaitForAvailableData,
// Facts: IODataQueueSetNotificationPort, IODataQueueAllocateNotificationPort
TEST_F(OwnQueue, ArgumentsAreChecked) {
    make(32);
    ASSERT_EQ(kIOReturnSuccess, put("abcd"));
    char data[8] = {};
    uint32_t size = 3;
    EXPECT_EQ(kIOReturnNoSpace, IODataQueueDequeue(queue, data, &size));
    EXPECT_EQ(4U, size) << "the size that is needed";
    EXPECT_EQ(0, data[0]);
    EXPECT_EQ(kIOReturnBadArgument, IODataQueueDequeue(queue, data, nullptr));
    EXPECT_EQ(kIOReturnBadArgument, IODataQueueDequeue(nullptr, data, &size));
    EXPECT_EQ(kIOReturnBadArgument, IODataQueueEnqueue(nullptr, data, 1));
    EXPECT_EQ(kIOReturnBadArgument, IODataQueueEnqueue(queue, nullptr, 1));
    EXPECT_EQ(nullptr, IODataQueuePeek(nullptr));
    EXPECT_FALSE(IODataQueueDataAvailable(nullptr));
    EXPECT_EQ(kIOReturnBadArgument, IODataQueueWaitForAvailableData(queue, MACH_PORT_NULL));
    EXPECT_EQ(kIOReturnBadArgument, IODataQueueWaitForAvailableData(queue, 0x77777));
    EXPECT_STREQ("not a notification port", opendext_last_error_reason());
    const mach_port_t port = IODataQueueAllocateNotificationPort();
    ASSERT_NE(MACH_PORT_NULL, port);
    EXPECT_EQ(kIOReturnSuccess, IODataQueueSetNotificationPort(queue, port));
    EXPECT_EQ(kIOReturnSuccess, IODataQueueSetNotificationPort(queue, MACH_PORT_NULL));
    EXPECT_EQ(kIOReturnBadArgument, IODataQueueSetNotificationPort(queue, 0x77777));
    EXPECT_EQ(kIOReturnBadArgument, IODataQueueSetNotificationPort(nullptr, port));
    EXPECT_EQ(kIOReturnSuccess, IODataQueueWaitForAvailableData(queue, port));
    // Only taken out.
    EXPECT_EQ(kIOReturnSuccess, IODataQueueDequeue(queue, nullptr, &size));
    EXPECT_EQ(4U, size);
    EXPECT_FALSE(IODataQueueDataAvailable(queue));
    EXPECT_EQ(KERN_SUCCESS, mach_port_deallocate(mach_task_self(), port));
}

// Facts: IODataQueueDequeue, IODataQueueEnqueue, IODataQueuePeek
TEST_F(OwnQueue, WhatCannotBeIsAnErrorAndNoAccess) {
    make(32);
    char data[64];
    uint32_t size = sizeof data;
    for (const auto [head, tail] : {std::pair{33U, 0U}, {0U, 33U}, {0xffffffffU, 8U}}) {
        queue->head = head;
        queue->tail = tail;
        EXPECT_EQ(kIOReturnError, IODataQueueDequeue(queue, data, &size)) << head << " " << tail;
        EXPECT_EQ(nullptr, IODataQueuePeek(queue));
    }
    EXPECT_STREQ("the data queue is corrupt", opendext_last_error_reason());
    queue->head = 0;
    queue->tail = 8;
    for (const uint32_t wrong : {29U, 5U, 0xfffffffcU, 0xffffffffU}) {
        queue->queue[0].size = wrong;
        EXPECT_EQ(kIOReturnError, IODataQueueDequeue(queue, data, &size)) << wrong;
    }
    queue->tail = 40;
    EXPECT_EQ(kIOReturnError, IODataQueueEnqueue(queue, data, 4));
}

// Facts: IODataQueueWaitForAvailableData, IODataQueueAllocateNotificationPort
TEST_F(OwnQueue, ReleasingThePortEndsTheWait) {
    make(32);
    const mach_port_t port = IODataQueueAllocateNotificationPort();
    std::thread releaser([&] {
        std::this_thread::sleep_for(20ms);
        mach_port_deallocate(mach_task_self(), port);
    });
    EXPECT_EQ(kIOReturnAborted, IODataQueueWaitForAvailableData(queue, port));
    releaser.join();
}

/// Memory that a child process shares, which plays the driver.
class Shared : public ::testing::Test {
  protected:
    static constexpr uint32_t kRing = 64 * 1024;
    static constexpr uint32_t kCount = 100'000;

    Shared() : event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
        auto file = make_sealed_memory("queue", kSize);
        EXPECT_TRUE(file.ok());
        file_ = std::move(file).value();
        port_ = IODataQueueAllocateNotificationPort();
    }
    ~Shared() override {
        if (memory_ != nullptr) DriverMemories::instance().remove(memory_->address());
        mach_port_deallocate(mach_task_self(), port_);
        if (child_ > 0) {
            int status = 0;
            EXPECT_EQ(child_, ::waitpid(child_, &status, 0));
            EXPECT_EQ(0, status);
        }
    }
    IODataQueueMemory* map(bool with_bell, bool writable = true) {
        memory_ = std::make_shared<DriverMemory>();
        const MemorySpan span{file_.get(), 0, kSize, writable};
        memory_->range = std::move(MappedRange::map({&span, 1}, {})).value();
        memory_->length = kSize;
        memory_->writable = writable;
        if (with_bell) memory_->bell = std::move(event_.duplicate()).value();
        DriverMemories::instance().add(memory_);
        return reinterpret_cast<IODataQueueMemory*>(memory_->address());
    }
    /// Runs `driver` in a process of its own; it gives 0 if all is well.
    template <typename Driver>
    void fork_driver(Driver driver) {
        child_ = ::fork();
        ASSERT_GE(child_, 0);
        if (child_ != 0) return;
        ::alarm(100);
        const MemorySpan span{file_.get(), 0, kSize, true};
        auto range = std::move(MappedRange::map({&span, 1}, {})).value();
        ::_exit(driver(range.data()));
    }
    static constexpr size_t kSize = DataQueueRing::kHeaderSize + kRing;

    UniqueFd file_;
    UniqueFd event_;
    mach_port_t port_ = MACH_PORT_NULL;
    std::shared_ptr<DriverMemory> memory_;
    pid_t child_ = 0;
};

/// Puts numbers; waits for room by yielding.
int produce(const DataQueueRing& ring, uint32_t count, bool wake) {
    for (uint32_t i = 0; i < count; ++i) {
        const uint32_t size = 4 + i % 60;
        DataQueueRing::Place place = ring.reserve(size);
        while (place.status == DataQueueRing::Status::full) {
            ::sched_yield();
            place = ring.reserve(size);
        }
        if (place.status != DataQueueRing::Status::ok) return 1;
        std::memcpy(place.data, &i, sizeof i);
        if (ring.publish(place) && wake) ring.wake_consumer();
    }
    return 0;
}

void take_all(IODataQueueMemory* queue, mach_port_t port, uint32_t count) {
    uint8_t data[64];
    for (uint32_t i = 0; i < count;) {
        ASSERT_EQ(kIOReturnSuccess, IODataQueueWaitForAvailableData(queue, port))
            << opendext_last_error_reason();
        uint32_t size = sizeof data;
        IOReturn result = kIOReturnSuccess;
        while ((result = IODataQueueDequeue(queue, data, &size)) == kIOReturnSuccess) {
            uint32_t number = 0;
            std::memcpy(&number, data, sizeof number);
            ASSERT_EQ(i, number);
            ASSERT_EQ(4 + i % 60, size);
            size = sizeof data;
            ++i;
        }
        ASSERT_EQ(kIOReturnUnderrun, result);
    }
}

// Facts: IODataQueueWaitForAvailableData, IODataQueueDequeue
TEST_F(Shared, TakesWhatAnotherProcessPutsIntoASourcesQueue) {
    fork_driver([](void* memory) { return produce({memory, kSize}, kCount, true); });
    take_all(map(true), port_, kCount);
}

// Facts: IODataQueueWaitForAvailableData, IODataQueueDequeue
TEST_F(Shared, TakesWhatADriverThatRingsNobodyPutsIntoAPlainQueue) {
    IODataQueueMemory* queue = map(false);
    queue->queueSize = kRing;
    fork_driver([](void* memory) {
        auto* own = static_cast<IODataQueueMemory*>(memory);
        const auto ring = DataQueueRing::unpadded(const_cast<UInt32*>(&own->head),
                                                  const_cast<UInt32*>(&own->tail),
                                                  static_cast<std::byte*>(memory) + 12, kRing);
        return produce(ring, kCount, false);
    });
    take_all(queue, port_, kCount);
}

// Facts: IODataQueueEnqueue
TEST_F(Shared, WakesADriverOnceForManyEntries) {
    const int event = event_.get();
    fork_driver([event](void* memory) {
        const DataQueueRing ring(memory, kSize);
        uint32_t expected = 0;
        uint64_t rung = 0;
        while (expected < kCount) {
            pollfd bell{event, POLLIN, 0};
            if (::poll(&bell, 1, 60'000) != 1) return 1;
            uint64_t count = 0;
            if (::read(event, &count, sizeof count) != sizeof count) return 2;
            ++rung;
            const uint32_t bits = ring.take_bell();
            if (bits != DataQueueRing::kDataAvailable) return 3;
            for (auto place = ring.first(); place.status == DataQueueRing::Status::ok;
                 place = ring.first()) {
                uint32_t number = 0;
                std::memcpy(&number, place.data, sizeof number);
                if (number != expected++) return 4;
                ring.consume(place);
            }
        }
        return rung <= kCount ? 0 : 5;
    });
    IODataQueueMemory* queue = map(true);
    uint8_t data[64] = {};
    for (uint32_t i = 0; i < kCount; ++i) {
        std::memcpy(data, &i, sizeof i);
        IOReturn result = kIOReturnOverrun;
        while ((result = IODataQueueEnqueue(queue, data, 4 + i % 60)) == kIOReturnOverrun)
            ::sched_yield();
        ASSERT_EQ(kIOReturnSuccess, result);
    }
}

// Facts: IODataQueueEnqueue, IODataQueueDequeue
TEST_F(Shared, TheBellIsRungOncePerLookAndForRoomThatWasWantedToo) {
    IODataQueueMemory* queue = map(true);
    const DataQueueRing ring(memory_->range.data(), kSize);
    const auto rung = [&] {
        uint64_t count = 0;
        return ::read(event_.get(), &count, sizeof count) == sizeof count ? count : 0;
    };
    uint32_t word = 1;
    ASSERT_EQ(kIOReturnSuccess, IODataQueueEnqueue(queue, &word, sizeof word));
    ASSERT_EQ(kIOReturnSuccess, IODataQueueEnqueue(queue, &word, sizeof word));
    EXPECT_EQ(1U, rung());
    EXPECT_EQ(DataQueueRing::kDataAvailable, ring.take_bell());
    // The driver wants to know when there is room.
    ring.want_serviced();
    uint32_t size = sizeof word;
    ASSERT_EQ(kIOReturnSuccess, IODataQueueDequeue(queue, &word, &size));
    EXPECT_EQ(1U, rung());
    EXPECT_EQ(DataQueueRing::kDataServiced, ring.take_bell());
    ASSERT_EQ(kIOReturnSuccess, IODataQueueDequeue(queue, &word, &size));
    EXPECT_EQ(0U, rung()) << "it is told once";
    // A full queue tells the driver too, and that we want to know.
    std::vector<uint8_t> large(kRing - 8);
    ASSERT_EQ(kIOReturnSuccess, IODataQueueEnqueue(queue, large.data(), kRing - 100));
    EXPECT_EQ(kIOReturnOverrun, IODataQueueEnqueue(queue, large.data(), 200));
    EXPECT_EQ(DataQueueRing::kDataAvailable, ring.take_bell());
    EXPECT_TRUE(ring.take_want_serviced());
}

// Facts: IODataQueueWaitForAvailableData
TEST_F(Shared, TheEndOfTheDriverEndsTheWaitAfterWhatIsLeft) {
    IODataQueueMemory* queue = map(true);
    uint32_t word = 1;
    ASSERT_EQ(kIOReturnSuccess, IODataQueueEnqueue(queue, &word, sizeof word));
    memory_->end(OPENDEXT_ORIGIN_DRIVER_DIED);
    EXPECT_EQ(kIOReturnSuccess, IODataQueueWaitForAvailableData(queue, port_));
    uint32_t size = sizeof word;
    ASSERT_EQ(kIOReturnSuccess, IODataQueueDequeue(queue, &word, &size));
    EXPECT_EQ(kIOReturnNotResponding, IODataQueueWaitForAvailableData(queue, port_));
    memory_->ended = OPENDEXT_ORIGIN_NONE;
    std::thread ender([&] {
        std::this_thread::sleep_for(20ms);
        memory_->end(OPENDEXT_ORIGIN_TERMINATED);
    });
    EXPECT_EQ(kIOReturnNotResponding, IODataQueueWaitForAvailableData(queue, port_));
    EXPECT_EQ(OPENDEXT_ORIGIN_TERMINATED, opendext_last_error_origin());
    EXPECT_STREQ("the driver of the data queue ended", opendext_last_error_reason());
    ender.join();
}

// Facts: IODataQueueDequeue, IODataQueueEnqueue, IODataQueuePeek, IODataQueueDataAvailable
TEST_F(Shared, AReadOnlyQueueIsLookedAtAndNotChanged) {
    IODataQueueMemory* queue = map(true, false);
    const MemorySpan span{file_.get(), 0, kSize, true};
    const auto writable = std::move(MappedRange::map({&span, 1}, {})).value();
    ASSERT_EQ(0, produce({writable.data(), kSize}, 1, true));
    EXPECT_TRUE(IODataQueueDataAvailable(queue));
    ASSERT_NE(nullptr, IODataQueuePeek(queue));
    EXPECT_EQ(4U, IODataQueuePeek(queue)->size);
    uint32_t word = 0;
    uint32_t size = sizeof word;
    EXPECT_EQ(kIOReturnNotWritable, IODataQueueDequeue(queue, &word, &size));
    EXPECT_EQ(kIOReturnNotWritable, IODataQueueEnqueue(queue, &word, sizeof word));
    EXPECT_STREQ("the memory of the data queue is mapped read-only", opendext_last_error_reason());
}

// Facts: IODataQueueDequeue
TEST_F(Shared, AQueueCannotSayThatItIsLargerThanItsMapping) {
    IODataQueueMemory* queue = map(false);
    uint32_t size = 0;
    for (const uint32_t wrong : {static_cast<uint32_t>(kSize) - 11, 0xffffffffU}) {
        queue->queueSize = wrong;
        queue->tail = 4;
        EXPECT_EQ(kIOReturnError, IODataQueueDequeue(queue, nullptr, &size));
        EXPECT_STREQ("the queue is larger than the memory it lies in",
                     opendext_last_error_reason());
    }
    queue->queueSize = static_cast<uint32_t>(kSize) - 12;
    EXPECT_EQ(kIOReturnSuccess, IODataQueueDequeue(queue, nullptr, &size));
    // Near the end of the mapping, and not aligned.
    auto* last = reinterpret_cast<IODataQueueMemory*>(memory_->address() + kSize - 8);
    EXPECT_EQ(kIOReturnError, IODataQueueDequeue(last, nullptr, &size));
    auto* odd = reinterpret_cast<IODataQueueMemory*>(memory_->address() + 2);
    EXPECT_EQ(kIOReturnBadArgument, IODataQueueDequeue(odd, nullptr, &size));
}

}  // namespace
}  // namespace opendext::client
