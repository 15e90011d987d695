/* SPDX-License-Identifier: Apache-2.0 */
#include "WaitsClient.h"
#include <DriverKit/IODispatchQueue.h>
#include <DriverKit/IOLib.h>
#include "WaitsBelow.h"
#include "WaitsProtocol.h"

/* A completion of one program, which another one has called. */
static OSAction* gKept;

static void SleepForEver(void) {
    for (;;) IOSleep(1000);
}

kern_return_t WaitsClient::Busy() {
    IODispatchQueue* worker = nullptr;
    kern_return_t ret = IODispatchQueue::Create("waits.worker", 0, 0, &worker);
    if (ret != kIOReturnSuccess) return ret;
    worker->DispatchAsync(^{
      SleepForEver();
    });
    worker->DispatchAsync(^{
    });
    worker->DispatchAsync(^{
    });
    return kIOReturnSuccess;
}

kern_return_t WaitsClient::Circle() {
    IODispatchQueue* left = nullptr;
    IODispatchQueue* right = nullptr;
    kern_return_t ret = IODispatchQueue::Create("waits.left", 0, 0, &left);
    if (ret == kIOReturnSuccess) ret = IODispatchQueue::Create("waits.right", 0, 0, &right);
    if (ret != kIOReturnSuccess) return ret;
    /* Each holds its queue before it asks for the other. */
    __block _Atomic(int) holding = 0;
    left->DispatchAsync(^{
      ++holding;
      while (holding < 2) IOSleep(1);
      right->DispatchSync(^{
      });
    });
    right->DispatchAsync(^{
      ++holding;
      while (holding < 2) IOSleep(1);
      left->DispatchSync(^{
      });
    });
    return kIOReturnSuccess;
}

kern_return_t WaitsClient::Flood(uint64_t count) {
    OSAction* completion = gKept;
    if (completion == nullptr) return kIOReturnNotReady;
    gKept = nullptr;
    IODispatchQueue* sender = nullptr;
    kern_return_t ret = IODispatchQueue::Create("waits.sender", 0, 0, &sender);
    if (ret != kIOReturnSuccess) return ret;
    sender->DispatchAsync(^{
      IOUserClientAsyncArgumentsArray words = {};
      for (uint64_t i = 0; i < count; ++i) AsyncCompletion(completion, kIOReturnSuccess, words, 16);
      completion->release();
    });
    return kIOReturnSuccess;
}

kern_return_t WaitsClient::ExternalMethod(uint64_t selector, IOUserClientMethodArguments* arguments,
                                          const IOUserClientMethodDispatch*, OSObject*, void*) {
    switch (selector) {
        case kWaitsReturn:
            return kIOReturnSuccess;
        case kWaitsHang:
            SleepForEver();
            return kIOReturnSuccess;
        case kWaitsBusy:
            return Busy();
        case kWaitsCircle:
            return Circle();
        case kWaitsKeep:
            if (arguments->completion == nullptr || gKept != nullptr) return kIOReturnBadArgument;
            gKept = arguments->completion;
            gKept->retain();
            return kIOReturnSuccess;
        case kWaitsFlood:
            if (arguments->scalarInputCount != 1) return kIOReturnBadArgument;
            return Flood(arguments->scalarInput[0]);
        case kWaitsAskBelow: {
            WaitsBelow* below = OSDynamicCast(WaitsBelow, GetProvider()->GetProvider());
            uint64_t answer = 0;
            return below == nullptr ? kIOReturnBadArgument : below->Answer(&answer);
        }
        default:
            return kIOReturnBadArgument;
    }
}
