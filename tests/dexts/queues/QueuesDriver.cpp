/* SPDX-License-Identifier: Apache-2.0 */
#include <DriverKit/IODispatchQueue.h>
#include <DriverKit/IOLib.h>
#include <DriverKit/OSAction.h>
#include <mach/mach_time.h>

#include "Check.h"
#include "QueuesDriver.h"

struct QueuesDriver_IVars {
    IODispatchQueue* ticks;
    IOTimerDispatchSource* timer;
    OSAction* tick;
    OSAction* done;
    OSAction* other;
    OSAction* question;
    QueuesWorker* worker;
    uint32_t tickCount;
    uint32_t doneCount;
    uint32_t lastResult;
    Checks checks;
};

bool QueuesDriver::init() {
    if (!super::init()) return false;
    ivars = IONewZero(QueuesDriver_IVars, 1);
    if (ivars) ivars->checks.name = "queues";
    return ivars != nullptr;
}

void QueuesDriver::free() {
    if (ivars) {
        OSSafeReleaseNULL(ivars->ticks);
        OSSafeReleaseNULL(ivars->timer);
        OSSafeReleaseNULL(ivars->tick);
        OSSafeReleaseNULL(ivars->done);
        OSSafeReleaseNULL(ivars->other);
        OSSafeReleaseNULL(ivars->question);
        OSSafeReleaseNULL(ivars->worker);
    }
    IOSafeDeleteNULL(ivars, QueuesDriver_IVars, 1);
    super::free();
}

static uint64_t in(uint64_t milliseconds) {
    return clock_gettime_nsec_np(CLOCK_UPTIME_RAW) + milliseconds * NSEC_PER_MSEC;
}

// Facts: OSAction.GetReference, OSAction.Create, IOTimerDispatchSource.Create
// Facts: IOTimerDispatchSource.SetHandler, IOTimerDispatchSource.WakeAtTime
// Facts: IODispatchSource.SetEnable, OSTypeAlloc, OSDynamicCast
kern_return_t IMPL(QueuesDriver, Start) {
    kern_return_t ret = Start(provider, SUPERDISPATCH);
    if (ret != kIOReturnSuccess) return ret;
    Checks* checks = &ivars->checks;

    ivars->worker = OSTypeAlloc(QueuesWorker);
    CHECK(checks, ivars->worker != nullptr);
    CHECK(checks, CreateActionWorkDone(sizeof(uint64_t), &ivars->done) == kIOReturnSuccess);
    CHECK(checks, CreateActionOtherDone(0, &ivars->other) == kIOReturnSuccess);
    CHECK(checks, CreateActionAsked(0, &ivars->question) == kIOReturnSuccess);
    CHECK(checks, strcmp(ivars->done->GetClassName(), "OSAction_QueuesDriver_WorkDone") == 0);
    CHECK(checks, OSDynamicCast(OSAction, ivars->done) == ivars->done);

    uint64_t* reference = static_cast<uint64_t*>(ivars->done->GetReference());
    CHECK(checks, reference != nullptr && *reference == 0);
    *reference = 77;

    /* The worker is on no queue: its callback runs on ours, which is this one. */
    CHECK(checks, ivars->worker->Work(6, 7, ivars->done) == kIOReturnSuccess);
    CHECK(checks, ivars->worker->Work(6, 7, nullptr) == kIOReturnBadArgument);
    uint32_t answer = 1;
    CHECK(checks,
          ivars->worker->AskBack(ivars->question, 5, &answer) == kIOReturnSuccess && answer == 6);
    CHECK(checks,
          ivars->worker->AskBack(ivars->question, 0, &answer) == kIOReturnNotFound && answer == 6);

    /* An action of another type: the call is dropped, and the log says so. */
    OSAction* wrong = nullptr;
    CHECK(checks, OSAction::Create(this, QueuesDriver_WorkDone_ID, QueuesWorker_Done_ID, 0,
                                   &wrong) == kIOReturnSuccess);
    CHECK(checks, ivars->worker->Work(100, 100, wrong) == kIOReturnSuccess);
    OSSafeReleaseNULL(wrong);

    ret = IODispatchQueue::Create("queues.ticks", 0, 0, &ivars->ticks);
    if (ret == kIOReturnSuccess) ret = SetDispatchQueue("Ticks", ivars->ticks);
    if (ret == kIOReturnSuccess) ret = IOTimerDispatchSource::Create(ivars->ticks, &ivars->timer);
    if (ret == kIOReturnSuccess) ret = CreateActionTick(0, &ivars->tick);
    if (ret == kIOReturnSuccess) ret = ivars->timer->SetHandler(ivars->tick);
    if (ret == kIOReturnSuccess) ret = ivars->timer->SetEnable(true);
    if (ret == kIOReturnSuccess) ret = ivars->timer->WakeAtTime(kIOTimerClockUptimeRaw, in(5), 0);
    CHECK(checks, ret == kIOReturnSuccess);
    return ret == kIOReturnSuccess ? RegisterService() : ret;
}

void IMPL(QueuesDriver, WorkDone) {
    ++ivars->doneCount;
    ivars->lastResult = result;
    const uint64_t* reference = static_cast<const uint64_t*>(action->GetReference());
    os_log(OS_LOG_DEFAULT, "queues: %s says %u, reference %llu", name, result, *reference);
}

void IMPL(QueuesDriver, OtherDone) {
    os_log(OS_LOG_DEFAULT, "queues: the other one has %u of %s by %p", result, name, action);
}

kern_return_t IMPL(QueuesDriver, Asked) {
    CHECK(&ivars->checks, action == ivars->question);
    if (value == 0) return kIOReturnNotFound;
    *answer += value;
    return kIOReturnSuccess;
}

void IMPL(QueuesDriver, Tick) {
    Checks* checks = &ivars->checks;
    CHECK(checks, ivars->ticks->OnQueue() && action == ivars->tick && time != 0);
    if (++ivars->tickCount < 3) {
        CHECK(checks,
              ivars->timer->WakeAtTime(kIOTimerClockUptimeRaw, in(2), 0) == kIOReturnSuccess);
        return;
    }
    /* Calls of Start's queue are over by now: a synchronous call to it from here waits for that. */
    CHECK(checks, ivars->worker->Work(2, 3, ivars->other) == kIOReturnSuccess);
    CHECK(checks, ivars->doneCount == 1 && ivars->lastResult == 42);
    check_done(checks);
}

// Facts: IOTimerDispatchSource.Cancel, OSAction.Cancel, IOService.Stop
kern_return_t IMPL(QueuesDriver, Stop) {
    os_log(OS_LOG_DEFAULT, "queues: stopping");
    retain();
    provider->retain();
    return ivars->timer->Cancel(^{
      ivars->tick->Cancel(^{
        os_log(OS_LOG_DEFAULT, "queues: cancelled");
        Stop(provider, SUPERDISPATCH);
        provider->release();
        release();
      });
    });
}
