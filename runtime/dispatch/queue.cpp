// SPDX-License-Identifier: Apache-2.0
#include <DriverKit/IODispatchQueue.h>

#include <cstring>
#include <mutex>

#include "runtime/containers/retained.h"
#include "runtime/dispatch/block.h"
#include "runtime/dispatch/queue_ivars.h"
#include "runtime/dispatch/timer_clocks.h"
#include "runtime/dispatch/timer_service.h"
#include "runtime/log/log.h"
#include "runtime/objects/class_registry.h"

using namespace opendext::runtime;

namespace {

/// Work of a queue keeps the queue's object alive, as a block in flight does on the original. What
/// it holds is released when it has run, or when it is dropped.
TaskPtr block_task(IODispatchQueue* queue, IODispatchBlock block) {
    return make_task([keep = Retained(queue), copy = VoidBlock(block)] { copy(); });
}

TaskPtr function_task(IODispatchQueue* queue, void* context, IODispatchFunction function) {
    return make_task([keep = Retained(queue), context, function] { function(context); });
}

void report_if_cancelled(const char* call, const Executor& executor, Executor::Outcome outcome) {
    if (outcome == Executor::Outcome::cancelled) {
        log(LogType::info, "%s on queue \"%s\" after Cancel: the work is dropped", call,
            executor.name().c_str());
    }
}

void sync(IODispatchQueue* queue, const char* call, const std::function<void()>& work) {
    const auto executor = queue->ivars->executor;
    const auto outcome = executor->sync(work);
    if (outcome == Executor::Outcome::reentered) {
        log_driver_bug(
            "%s onto the queue \"%s\" from a block of that queue can never end; the block was run "
            "at once",
            call, executor->name().c_str());
    }
    report_if_cancelled(call, *executor, outcome);
}

}  // namespace

kern_return_t IODispatchQueue::Create_Impl(const IODispatchQueueName name, uint64_t options,
                                           uint64_t, IODispatchQueue** queue) {
    if (queue == nullptr) return kIOReturnBadArgument;
    *queue = nullptr;
    if ((options & ~uint64_t{kIODispatchQueueReentrant | kIODispatchQueueMethodsNotSynchronized}) !=
        0) {
        return kIOReturnBadArgument;
    }
    OSObject* object = nullptr;
    const kern_return_t result = OSObjectAllocate(gIODispatchQueueMetaClass, &object);
    if (result != kIOReturnSuccess) return result;
    auto* made = static_cast<IODispatchQueue*>(object);
    made->ivars->executor =
        std::make_shared<Executor>(std::string(name, strnlen(name, sizeof(IODispatchQueueName))),
                                   (options & kIODispatchQueueReentrant) != 0,
                                   (options & kIODispatchQueueMethodsNotSynchronized) != 0);
    *queue = made;
    return kIOReturnSuccess;
}

bool IODispatchQueue::init() {
    if (!super::init()) return false;
    ivars = new IODispatchQueue_IVars;
    ivars->executor = std::make_shared<Executor>("");
    return true;
}

void IODispatchQueue::free() {
    delete ivars;
    super::free();
}

const char* IODispatchQueue::GetName() {
    return ivars->executor->name().c_str();
}
bool IODispatchQueue::OnQueue() {
    return ivars->executor->on_queue();
}

void IODispatchQueue::Log(const char* message, IODispatchLogFunction output) {
    if (output == nullptr) return;
    const Executor* executor = current_executor();
    output("%s: queue \"%s\", thread %llu\n", message == nullptr ? "" : message,
           executor == nullptr ? "none" : executor->name().c_str(),
           static_cast<unsigned long long>(thread_token()));
}

void IODispatchQueue::DispatchAsync(IODispatchBlock block) {
    report_if_cancelled("DispatchAsync", *ivars->executor,
                        ivars->executor->async(block_task(this, block)));
}
void IODispatchQueue::DispatchAsync_f(void* context, IODispatchFunction function) {
    report_if_cancelled("DispatchAsync_f", *ivars->executor,
                        ivars->executor->async(function_task(this, context, function)));
}
void IODispatchQueue::DispatchSync(IODispatchBlock block) {
    sync(this, "DispatchSync", [&] { block(); });
}
void IODispatchQueue::DispatchSync_f(void* context, IODispatchFunction function) {
    sync(this, "DispatchSync_f", [&] { function(context); });
}
void IODispatchQueue::DispatchConcurrent(IODispatchBlock block) {
    if (!ivars->executor->reentrant()) {
        log_driver_bug(
            "DispatchConcurrent on queue \"%s\", which is not reentrant; the block runs in its "
            "turn",
            GetName());
        DispatchAsync(block);
        return;
    }
    report_if_cancelled("DispatchConcurrent", *ivars->executor,
                        ivars->executor->concurrent(block_task(this, block)));
}
void IODispatchQueue::DispatchConcurrent_f(void* context, IODispatchFunction function) {
    DispatchConcurrent(^{
      function(context);
    });
}

kern_return_t IODispatchQueue::RunAction(IODispatchAction action) {
    kern_return_t result = kIOReturnOffline;
    (void)ivars->executor->sync([&] { result = action(); });
    return result;
}

namespace {

kern_return_t sleep_until(IODispatchQueue* queue, void* event, uint64_t monotonic_deadline) {
    const auto executor = queue->ivars->executor;
    if (!executor->reentrant()) {
        log_driver_bug("Sleep on queue \"%s\", which is not reentrant", executor->name().c_str());
        return kIOReturnUnsupported;
    }
    switch (executor->sleep(event, monotonic_deadline)) {
        case Executor::Wake::woken:
            return kIOReturnSuccess;
        case Executor::Wake::timed_out:
            return kIOReturnTimeout;
        case Executor::Wake::not_on_queue:
            break;
    }
    log_driver_bug("Sleep on queue \"%s\" from elsewhere", executor->name().c_str());
    return kIOReturnNotPermitted;
}

}  // namespace

kern_return_t IODispatchQueue::Sleep(void* event, uint64_t timeout) {
    return SleepWithTimeout(event, timeout);
}

kern_return_t IODispatchQueue::SleepWithTimeout(void* event, uint64_t timeout) {
    if (timeout == 0) return sleep_until(this, event, 0);
    const uint64_t start = now(TimerClock::uptime);
    const uint64_t deadline = start + timeout < start ? UINT64_MAX / 2 : start + timeout;
    return sleep_until(this, event, deadline);
}

kern_return_t IODispatchQueue::SleepWithDeadline(void* event, uint64_t options, uint64_t deadline) {
    if (deadline == 0) return sleep_until(this, event, 0);
    const auto clock = clock_of(options & ~uint64_t{kIODispatchQueueSleepReuseEvent});
    if (!clock) return kIOReturnBadArgument;
    return sleep_until(this, event, on_uptime_clock(*clock, deadline));
}

kern_return_t IODispatchQueue::Wakeup(void* event) {
    return WakeupWithOptions(event, 0);
}

kern_return_t IODispatchQueue::WakeupWithOptions(void* event, uint64_t options) {
    const bool all = (options & kIODispatchQueueWakeupAll) != 0;
    return ivars->executor->wakeup(event, all) > 0 ? kIOReturnSuccess : kIOReturnNotFound;
}

kern_return_t IODispatchQueue::SetPort_Impl(mach_port_t) {
    static std::once_flag said;
    std::call_once(said, [] {
        log(LogType::info,
            "IODispatchQueue::SetPort is not supported: there are no Mach ports here");
    });
    return kIOReturnUnsupported;
}

kern_return_t IODispatchQueue::Cancel(IODispatchQueueCancelHandler handler) {
    ivars->executor->cancel(block_task(this, handler));
    return kIOReturnSuccess;
}
