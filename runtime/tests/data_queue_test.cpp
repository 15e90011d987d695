// SPDX-License-Identifier: Apache-2.0
// IODataQueueDispatchSource: layout and results of docs/facts/semantics.md section 11.
#include <atomic>
#include <cstring>
#include <thread>

#include "runtime/tests/sources_fixture.h"

namespace {

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

// Facts: IODataQueueDispatchSource.Create, IODataQueueDispatchSource.CopyMemory,
// Facts: IODataQueueDispatchSource.GetDataQueueEntryHeaderSize, IODataQueueDispatchSource.init
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
    // init() alone makes a source without a ring: every use of it says so.
    auto* bare = OSTypeAlloc(IODataQueueDispatchSource);
    ASSERT_NE(bare, nullptr);
    EXPECT_FALSE(bare->IsDataAvailable());
    EXPECT_EQ(bare->CanEnqueueData(4), kIOReturnNoMemory);
    EXPECT_EQ(bare->Enqueue(4,
                            ^(void*, size_t){
                            }),
              kIOReturnNoMemory);
    EXPECT_EQ(bare->Dequeue(^(const void*, size_t){
              }),
              kIOReturnNoMemory);
    EXPECT_EQ(bare->Peek(^(const void*, size_t){
              }),
              kIOReturnNoMemory);
    IOMemoryDescriptor* none = nullptr;
    EXPECT_EQ(bare->CopyMemory(&none), kIOReturnNoMemory);
    bare->release();
}

TEST_F(DataQueue, SizesThatAreNoMultipleOfFourAreRefused) {
    IODataQueueDispatchSource* source = nullptr;
    EXPECT_EQ(IODataQueueDispatchSource::Create(62, queue_, &source), kIOReturnBadArgument);
    EXPECT_EQ(source, nullptr);
}

// Facts: IODataQueueDispatchSource.CanEnqueueData, IODataQueueDispatchSource.Peek
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

// Facts: IODataQueueDispatchSource.SetDataAvailableHandler
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

// Facts: IODataQueueDispatchSource.SetDataServicedHandler
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

// Facts: IODataQueueDispatchSource.EnqueueWithCoalesce,
// Facts: IODataQueueDispatchSource.DequeueWithCoalesce,
// Facts: IODataQueueDispatchSource.SendDataAvailable
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
            } else if (ret == kIOReturnOverrun) {
                std::this_thread::yield();
            } else {
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
        if (ret == kIOReturnUnderrun) std::this_thread::yield();
        if (ret != kIOReturnSuccess && ret != kIOReturnUnderrun) wrong = true;
    }
    producer.join();
    EXPECT_FALSE(failed);
    EXPECT_FALSE(wrong);
    EXPECT_EQ(next, 20000u);
}

// Facts: IODataQueueDispatchSource.IsDataAvailable, IODataQueueDispatchSource.Peek
TEST_F(DataQueue, PeekLooksAndTakesNothing) {
    EXPECT_FALSE(source_->IsDataAvailable());
    ASSERT_EQ(put(8, 0x11), kIOReturnSuccess);
    for (int i = 0; i < 2; ++i) {
        __block size_t seen = 0;
        EXPECT_EQ(source_->Peek(^(const void* data, size_t size) {
          seen = size;
          EXPECT_EQ(*static_cast<const uint8_t*>(data), 0x11);
        }),
                  kIOReturnSuccess);
        EXPECT_EQ(seen, 8u);
        EXPECT_TRUE(source_->IsDataAvailable());
    }
    EXPECT_EQ(get(8, 0x11), kIOReturnSuccess);
}

TEST_F(DataQueue, NoBlockIsABadArgument) {
    ASSERT_EQ(put(4, 1), kIOReturnSuccess);
    EXPECT_EQ(source_->Enqueue(4, nullptr), kIOReturnBadArgument);
    EXPECT_EQ(source_->Dequeue(nullptr), kIOReturnBadArgument);
    EXPECT_EQ(source_->Peek(nullptr), kIOReturnBadArgument);
    EXPECT_EQ(get(4, 1), kIOReturnSuccess);
}

// Facts: IODataQueueDispatchSource.CopyDataAvailableHandler,
// Facts: IODataQueueDispatchSource.CopyDataServicedHandler
TEST_F(DataQueue, GivesItsHandlersBack) {
    OSAction* copy = nullptr;
    EXPECT_EQ(source_->CopyDataAvailableHandler(&copy), kIOReturnNotFound);
    EXPECT_EQ(source_->CopyDataServicedHandler(&copy), kIOReturnNotFound);
    OSAction* available = set_handlers();
    EXPECT_EQ(source_->CopyDataAvailableHandler(&copy), kIOReturnSuccess);
    EXPECT_EQ(copy, available);
    OSSafeReleaseNULL(copy);
    EXPECT_EQ(source_->CopyDataServicedHandler(&copy), kIOReturnSuccess);
    EXPECT_NE(copy, available);
    EXPECT_STREQ(copy->GetClassName(), "OSAction_RuntimeTestDriver_RoomMade");
    OSSafeReleaseNULL(copy);
}

// Facts: IODataQueueDispatchSource.SetDataAvailableHandler,
// Facts: IODataQueueDispatchSource.SetDataServicedHandler
TEST_F(DataQueue, EachHandlerTakesOnlyItsOwnType) {
    OSAction* available = nullptr;
    OSAction* serviced = nullptr;
    ASSERT_EQ(driver_->CreateActionDataReady(0, &available), kIOReturnSuccess);
    ASSERT_EQ(driver_->CreateActionRoomMade(0, &serviced), kIOReturnSuccess);
    const std::string log = log_of([&] {
        EXPECT_EQ(source_->SetDataAvailableHandler(serviced), kIOReturnBadArgument);
        EXPECT_EQ(source_->SetDataServicedHandler(available), kIOReturnBadArgument);
    });
    EXPECT_NE(log.find("SetDataAvailableHandler: wrong action type"), std::string::npos) << log;
    EXPECT_NE(log.find("SetDataServicedHandler: wrong action type"), std::string::npos) << log;
    OSAction* copy = nullptr;
    EXPECT_EQ(source_->CopyDataAvailableHandler(&copy), kIOReturnNotFound);
    EXPECT_EQ(source_->CopyDataServicedHandler(&copy), kIOReturnNotFound);
    available->release();
    serviced->release();
}

// Facts: IODataQueueDispatchSource.SendDataAvailable, IODataQueueDispatchSource.SendDataServiced,
// Facts: IODataQueueDispatchSource.DataAvailable, IODataQueueDispatchSource.DataServiced
TEST_F(DataQueue, NotificationsMayBeSentByHand) {
    source_->SendDataAvailable();  // nobody to tell yet
    source_->SendDataServiced();
    set_handlers();
    source_->SendDataAvailable();
    EXPECT_TRUE(Events::shared().wait_for("data available"));
    source_->SendDataServiced();
    EXPECT_TRUE(Events::shared().wait_for("data serviced"));
    OSAction* available = nullptr;
    OSAction* serviced = nullptr;
    ASSERT_EQ(source_->CopyDataAvailableHandler(&available), kIOReturnSuccess);
    ASSERT_EQ(source_->CopyDataServicedHandler(&serviced), kIOReturnSuccess);
    source_->DataAvailable(available);
    source_->DataServiced(serviced);
    EXPECT_TRUE(Events::shared().wait_for("data available", 2));
    EXPECT_TRUE(Events::shared().wait_for("data serviced", 2));
    available->release();
    serviced->release();
}

// Facts: IODataQueueDispatchSource.CheckForWork
TEST_F(DataQueue, CheckForWorkTellsOfDataThatIsThere) {
    set_handlers();
    EXPECT_EQ(source_->CheckForWork(false), kIOReturnSuccess);
    settle();
    EXPECT_EQ(count("data available"), 0u);
    bool due = false;
    ASSERT_EQ(source_->EnqueueWithCoalesce(4, &due,
                                           ^(void*, size_t){
                                           }),
              kIOReturnSuccess);
    EXPECT_EQ(source_->CheckForWork(true), kIOReturnSuccess);
    EXPECT_TRUE(Events::shared().wait_for("data available"));
}

// Facts: IODataQueueDispatchSource.SetEnableWithCompletion
TEST_F(DataQueue, DisabledItHoldsNotificationsUntilItIsEnabled) {
    set_handlers();
    ASSERT_EQ(source_->SetEnableWithCompletion(false,
                                               ^{
                                                 Events::shared().add("disabled");
                                               }),
              kIOReturnSuccess);
    ASSERT_TRUE(Events::shared().wait_for("disabled"));
    ASSERT_EQ(put(60, 1), kIOReturnSuccess);
    ASSERT_EQ(put(4, 1), kIOReturnOverrun);
    ASSERT_EQ(get(60, 1), kIOReturnSuccess);  // DataServiced is due
    ASSERT_EQ(put(4, 1), kIOReturnSuccess);   // DataAvailable is due
    settle();
    EXPECT_EQ(count("data available"), 0u);
    EXPECT_EQ(count("data serviced"), 0u);
    ASSERT_EQ(source_->SetEnable(true), kIOReturnSuccess);
    EXPECT_TRUE(Events::shared().wait_for("data available"));
    EXPECT_TRUE(Events::shared().wait_for("data serviced"));
}

// Facts: IODataQueueDispatchSource.Cancel
TEST_F(DataQueue, AfterCancelNobodyIsToldAndTheRingStillWorks) {
    set_handlers();
    IODataQueueDispatchSource* source = source_;
    queue_->DispatchSync(^{
      source->SendDataAvailable();  // waits behind this block
      EXPECT_EQ(source->Cancel(^{
        Events::shared().add("cancelled");
      }),
                kIOReturnSuccess);
    });
    ASSERT_TRUE(Events::shared().wait_for("cancelled"));
    ASSERT_EQ(put(4, 1), kIOReturnSuccess);
    settle();
    EXPECT_EQ(count("data available"), 0u);
    EXPECT_EQ(get(4, 1), kIOReturnSuccess);
    EXPECT_EQ(source_->SetEnable(true), kIOReturnAborted);
    EXPECT_EQ(count("cancelled"), 1u);
}

// Facts: IODataQueueDispatchSource.free
TEST_F(DataQueue, FreeReleasesHandlersAndMemory) {
    IODataQueueDispatchSource* source = nullptr;
    ASSERT_EQ(IODataQueueDispatchSource::Create(64, queue_, &source), kIOReturnSuccess);
    OSAction* action = nullptr;
    ASSERT_EQ(driver_->CreateActionDataReady(0, &action), kIOReturnSuccess);
    ASSERT_EQ(source->SetDataAvailableHandler(action), kIOReturnSuccess);
    IOMemoryDescriptor* memory = nullptr;
    ASSERT_EQ(source->CopyMemory(&memory), kIOReturnSuccess);
    EXPECT_EQ(memory->getRetainCount(), 2u);
    source->release();
    EXPECT_EQ(memory->getRetainCount(), 1u);
    EXPECT_EQ(action->getRetainCount(), 1u);
    memory->release();
    action->release();
}

/// The two ends wait for each other with nothing but the notifications of the facts.
// Facts: IODataQueueDispatchSource.Enqueue, IODataQueueDispatchSource.Dequeue
TEST_F(DataQueue, NotificationsAloneKeepProducerAndConsumerGoing) {
    constexpr uint32_t kEntries = 3000;
    struct Ends {
        IODataQueueDispatchSource* source;
        uint32_t produced = 0;
        uint32_t consumed = 0;
        void produce() {
            while (produced < kEntries) {
                const uint32_t number = produced;
                const kern_return_t ret = source->Enqueue(12, ^(void* data, size_t) {
                  memcpy(data, &number, sizeof number);
                });
                if (ret == kIOReturnOverrun) return;  // DataServiced will come
                ASSERT_EQ(ret, kIOReturnSuccess);
                ++produced;
            }
        }
        void consume() {
            for (;;) {
                __block uint32_t number = 0;
                const kern_return_t ret = source->Dequeue(^(const void* data, size_t) {
                  memcpy(&number, data, sizeof number);
                });
                if (ret == kIOReturnUnderrun) return;  // DataAvailable will come
                ASSERT_EQ(ret, kIOReturnSuccess);
                ASSERT_EQ(number, consumed);
                if (++consumed == kEntries) Events::shared().add("all consumed");
            }
        }
    };
    auto ends = std::make_shared<Ends>();
    ends->source = source_;
    Hooks::shared().data_available = [ends] { ends->consume(); };
    Hooks::shared().data_serviced = [ends] { ends->produce(); };
    set_handlers();
    queue_->DispatchAsync(^{
      ends->produce();
    });
    EXPECT_TRUE(Events::shared().wait_for("all consumed"));
    settle();
}

}  // namespace
