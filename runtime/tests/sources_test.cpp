// SPDX-License-Identifier: Apache-2.0
// The queues of an IOService.
#include <thread>

#include "runtime/tests/sources_fixture.h"

namespace {

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
