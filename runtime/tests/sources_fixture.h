// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <DriverKit/DriverKit.h>
#include <gtest/gtest.h>

#include <string>

#include "RuntimeTestDriver.h"
#include "runtime/tests/events.h"

inline constexpr uint64_t kMillisecond = 1000000;

inline uint64_t uptime() {
    return clock_gettime_nsec_np(CLOCK_UPTIME_RAW);
}

/// A driver object that no opendextd knows, and its default queue. At the end nobody may retain the
/// driver any more.
class Sources : public testing::Test {
  protected:
    Sources() {
        Events::shared().clear();
        Hooks::shared() = {};
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
    /// What `work` logs to standard error.
    template <typename Work>
    static std::string log_of(Work work) {
        testing::internal::CaptureStderr();
        work();
        return testing::internal::GetCapturedStderr();
    }

    RuntimeTestDriver* driver_ = nullptr;
    IODispatchQueue* queue_ = nullptr;
};

/// A queue of this name that the caller releases.
inline OSSharedPtr<IODispatchQueue> make_queue(const char* name, uint64_t options = 0) {
    IODispatchQueueName text = {};
    strlcpy(text, name, sizeof text);
    IODispatchQueue* queue = nullptr;
    EXPECT_EQ(IODispatchQueue::Create(text, options, 0, &queue), kIOReturnSuccess);
    return OSSharedPtr<IODispatchQueue>(queue, OSNoRetain);
}
