// SPDX-License-Identifier: Apache-2.0
#include <DriverKit/IODispatchQueue.h>
#include <DriverKit/IOTimerDispatchSource.h>

#include <utility>

#include "runtime/dispatch/sources.h"
#include "runtime/dispatch/timer_clocks.h"
#include "runtime/dispatch/timer_service.h"
#include "runtime/objects/class_registry.h"

using namespace opendext::runtime;

/// The timer of a source: told by the timer thread, it calls the handler if the expiry is still the
/// wanted one.
struct IOTimerDispatchSource_IVars : TimerClient {
    explicit IOTimerDispatchSource_IVars(IOTimerDispatchSource* owner) : owner(owner) {}

    void expired(uint64_t expired_generation) override {
        OSAction* action = nullptr;
        IOTimerDispatchSource* source = nullptr;
        {
            const std::lock_guard lock(state.mutex);
            if (owner == nullptr || state.cancelled || expired_generation != generation) return;
            armed = false;
            if (!state.enabled) {
                missed = true;
                return;
            }
            action = handler;
            if (action == nullptr) return;
            action->retain();
            source = owner;
            source->retain();
        }
        source->TimerOccurred(action, now(TimerClock::uptime));
        action->release();
        source->release();
    }

    SourceState state;
    IOTimerDispatchSource* owner;  // cleared by free()
    OSAction* handler = nullptr;   // retained
    uint64_t generation = 0;
    bool armed = false;
    bool missed = false;  // expired while disabled: called when enabled again
};

// The object holds the timer by a shared pointer, since the timer thread may be about to call it.
struct IOTimerDispatchSource_LocalIVars {
    std::shared_ptr<IOTimerDispatchSource_IVars> timer;
};

kern_return_t IOTimerDispatchSource::Create_Impl(IODispatchQueue* queue,
                                                 IOTimerDispatchSource** source) {
    if (source == nullptr) return kIOReturnBadArgument;
    *source = nullptr;
    if (queue == nullptr) return kIOReturnBadArgument;
    OSObject* object = nullptr;
    const kern_return_t result = OSObjectAllocate(gIOTimerDispatchSourceMetaClass, &object);
    if (result != kIOReturnSuccess) return result;
    *source = static_cast<IOTimerDispatchSource*>(object);
    (*source)->lvars->timer->state.set_queue(queue);
    return kIOReturnSuccess;
}

bool IOTimerDispatchSource::init() {
    if (!super::init()) return false;
    lvars = new IOTimerDispatchSource_LocalIVars;
    lvars->timer = std::make_shared<IOTimerDispatchSource_IVars>(this);
    return true;
}

void IOTimerDispatchSource::free() {
    if (lvars != nullptr) {
        IOTimerDispatchSource_IVars& timer = *lvars->timer;
        TimerService::shared().disarm(&timer);
        OSAction* handler = nullptr;
        {
            const std::lock_guard lock(timer.state.mutex);
            timer.owner = nullptr;
            std::swap(handler, timer.handler);
        }
        OSSafeReleaseNULL(handler);
        delete lvars;
    }
    super::free();
}

kern_return_t IOTimerDispatchSource::SetHandler_Impl(OSAction* action) {
    IOTimerDispatchSource_IVars& timer = *lvars->timer;
    if (action != nullptr) action->retain();
    {
        const std::lock_guard lock(timer.state.mutex);
        std::swap(action, timer.handler);
    }
    OSSafeReleaseNULL(action);
    return kIOReturnSuccess;
}

kern_return_t IOTimerDispatchSource::WakeAtTime_Impl(uint64_t options, uint64_t deadline,
                                                     uint64_t) {
    const auto clock = clock_of(options);
    if (!clock) return kIOReturnBadArgument;
    IOTimerDispatchSource_IVars& timer = *lvars->timer;
    uint64_t generation = 0;
    {
        const std::lock_guard lock(timer.state.mutex);
        if (timer.state.cancelled) return kIOReturnAborted;
        generation = ++timer.generation;
        timer.armed = true;
        timer.missed = false;
    }
    TimerService::shared().arm(lvars->timer, *clock, deadline, generation);
    return kIOReturnSuccess;
}

kern_return_t IOTimerDispatchSource::Cancel_Impl(IODispatchSourceCancelHandler handler) {
    IOTimerDispatchSource_IVars& timer = *lvars->timer;
    TimerService::shared().disarm(&timer);
    OSAction* action = nullptr;
    {
        const std::lock_guard lock(timer.state.mutex);
        timer.state.cancelled = true;
        ++timer.generation;
        action = timer.handler;
        if (action != nullptr) action->retain();
    }
    if (action != nullptr)
        (void)action->Cancel(nullptr);  // calls that wait in the queue do not run either
    run_after_handlers(this, action, nullptr, handler);
    OSSafeReleaseNULL(action);
    return kIOReturnSuccess;
}

kern_return_t IOTimerDispatchSource::SetEnableWithCompletion_Impl(
    bool enable, IODispatchSourceCancelHandler handler) {
    IOTimerDispatchSource_IVars& timer = *lvars->timer;
    OSAction* action = nullptr;
    bool call_now = false;
    {
        const std::lock_guard lock(timer.state.mutex);
        if (timer.state.cancelled) return kIOReturnAborted;
        timer.state.enabled = enable;
        call_now = enable && std::exchange(timer.missed, false) && timer.handler != nullptr;
        action = timer.handler;
        if (action != nullptr) action->retain();
    }
    if (call_now) TimerOccurred(action, now(TimerClock::uptime));
    if (!enable && handler == nullptr) wait_for_handler(action);
    run_after_handlers(this, action, nullptr, handler);
    OSSafeReleaseNULL(action);
    return kIOReturnSuccess;
}

kern_return_t IOTimerDispatchSource::CheckForWork_Impl(bool) {
    return kIOReturnSuccess;
}
