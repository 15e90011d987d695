// SPDX-License-Identifier: Apache-2.0
#include "tests/together/interrupt_driver.h"

#include <DriverKit/DriverKit.h>

#include "RuntimeTestDriver.h"
#include "rpc/driver_start.h"
#include "runtime/tests/events.h"

extern "C" int opendext_driver_main(const opendext_driver_start* start);

namespace {

RuntimeTestDriver* driver() {
    return static_cast<RuntimeTestDriver*>(Hooks::shared().started);
}
IOInterruptDispatchSource* g_source = nullptr;

}  // namespace

int32_t attach_source(uint32_t index) {
    IODispatchQueue* queue = nullptr;
    IODispatchQueueName name = kIOServiceDefaultQueueName;
    kern_return_t ret = driver()->CopyDispatchQueue(name, &queue);
    if (ret != kIOReturnSuccess) return ret;
    ret = IOInterruptDispatchSource::Create(driver()->GetProvider(), index, queue, &g_source);
    queue->release();
    if (ret != kIOReturnSuccess) return ret;
    OSAction* action = nullptr;
    ret = driver()->CreateActionInterrupted(0, &action);
    if (ret != kIOReturnSuccess) return ret;
    ret = g_source->SetHandler(action);
    action->release();
    return ret == kIOReturnSuccess ? g_source->SetEnable(true) : ret;
}

int32_t interrupt_type(uint32_t index, uint64_t* type) {
    return IOInterruptDispatchSource::GetInterruptType(driver()->GetProvider(), index, type);
}

void cancel_source() {
    g_source->Cancel(^{
      Events::shared().add("source cancelled");
    });
    OSSafeReleaseNULL(g_source);
}

int run_driver(int control_fd, uint64_t token) {
    opendext_driver_start start{};
    start.size = sizeof start;
    start.control_fd = control_fd;
    start.token = token;
    start.bundle_path = "/";
    start.bundle_id = "com.example.widget";
    start.sandbox = "none (test)";
    start.close_second_step = [](void*) { return 0; };
    return opendext_driver_main(&start);
}
