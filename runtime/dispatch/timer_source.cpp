// SPDX-License-Identifier: Apache-2.0
#include <DriverKit/IODispatchQueue.h>
#include <DriverKit/IOTimerDispatchSource.h>

#include <utility>

#include "runtime/dispatch/sources.h"
#include "runtime/dispatch/timer_clocks.h"
#include "runtime/dispatch/timer_service.h"
#include "runtime/objects/class_registry.h"
#include "runtime/objects/object_table.h"

using namespace opendext::runtime;

/// The timer of a source: told by the event thread, it calls the handler if the expiry is still the
/// wanted one.
struct IOTimerDispatchSource_IVars final : SourceState, TimerClient {
    explicit IOTimerDispatchSource_IVars(IOTimerDispatchSource* object) : owner(object) {}

    void expired(uint64_t expired_generation) override {
        std::unique_lock lock(mutex);
        if (owner == nullptr || cancelled || expired_generation != generation) return;
        if (enabled) {
            fire(lock);
        } else {
            missed = true;
        }
    }

    /// Calls the handler for the deadline of `generation`. Gives up the lock.
    void fire(std::unique_lock<std::mutex>& lock);

    IOTimerDispatchSource* owner;  // cleared by free()
    OSAction* handler = nullptr;   // retained
    uint64_t generation = 0;       // of the last WakeAtTime
    bool missed = false;           // expired while disabled: called when enabled again
};

// The object holds the timer by a shared pointer, since the event thread may be about to call it.
struct IOTimerDispatchSource_LocalIVars {
    std::shared_ptr<IOTimerDispatchSource_IVars> timer;
};

namespace {

/// A call that waits in a queue is void once WakeAtTime has given the timer another deadline.
class TimerCall final : public StateCall {
  public:
    explicit TimerCall(IOTimerDispatchSource_IVars& timer)
        : StateCall(timer), timer_(timer), generation_(timer.generation) {}

  private:
    bool wanted() const override { return generation_ == timer_.generation; }
    void held() override { timer_.missed = true; }

    IOTimerDispatchSource_IVars& timer_;
    const uint64_t generation_;
};

}  // namespace

void IOTimerDispatchSource_IVars::fire(std::unique_lock<std::mutex>& lock) {
    OSAction* action = handler;
    IOTimerDispatchSource* source = owner;
    // The last reference may just have gone: free() waits for the lock.
    if (action == nullptr || source == nullptr || !try_retain(source)) return;
    action->retain();
    auto call = std::make_unique<TimerCall>(*this);
    lock.unlock();
    {
        const SourceCallScope scope(std::move(call));
        source->TimerOccurred(action, now(TimerClock::uptime));
    }
    action->release();
    source->release();
}

kern_return_t IOTimerDispatchSource::Create_Impl(IODispatchQueue* queue,
                                                 IOTimerDispatchSource** source) {
    if (source == nullptr) return kIOReturnBadArgument;
    *source = nullptr;
    if (queue == nullptr) return kIOReturnBadArgument;
    OSObject* object = nullptr;
    const kern_return_t result = OSObjectAllocate(gIOTimerDispatchSourceMetaClass, &object);
    if (result != kIOReturnSuccess) return result;
    *source = static_cast<IOTimerDispatchSource*>(object);
    (*source)->lvars->timer->set_queue(queue);
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
            const std::lock_guard lock(timer.mutex);
            timer.owner = nullptr;
            std::swap(handler, timer.handler);
        }
        OSSafeReleaseNULL(handler);
        delete lvars;
    }
    super::free();
}

kern_return_t IOTimerDispatchSource::SetHandler_Impl(OSAction* action) {
    if (!action_fits(action, IOTimerDispatchSource_TimerOccurred_ID,
                     "IOTimerDispatchSource::SetHandler", "IOTimerDispatchSource::TimerOccurred")) {
        return kIOReturnBadArgument;
    }
    exchange_action(*lvars->timer, lvars->timer->handler, action);
    return kIOReturnSuccess;
}

kern_return_t IOTimerDispatchSource::WakeAtTime_Impl(uint64_t options, uint64_t deadline,
                                                     uint64_t) {
    const auto clock = clock_of(options);
    if (!clock) return kIOReturnBadArgument;
    IOTimerDispatchSource_IVars& timer = *lvars->timer;
    const std::lock_guard lock(timer.mutex);  // two callers arm in the order of their generations
    if (timer.cancelled) return kIOReturnAborted;
    timer.missed = false;
    TimerService::shared().arm(lvars->timer, *clock, deadline, ++timer.generation);
    return kIOReturnSuccess;
}

kern_return_t IOTimerDispatchSource::Cancel_Impl(IODispatchSourceCancelHandler handler) {
    IOTimerDispatchSource_IVars& timer = *lvars->timer;
    TimerService::shared().disarm(&timer);
    {
        const std::lock_guard lock(timer.mutex);
        timer.cancelled = true;  // calls that wait in the queue do not run either
        ++timer.generation;
    }
    OSAction* action = copy_action(timer, timer.handler);
    run_after_calls(this, timer, action, handler);
    OSSafeReleaseNULL(action);
    return kIOReturnSuccess;
}

kern_return_t IOTimerDispatchSource::SetEnableWithCompletion_Impl(
    bool enable, IODispatchSourceCancelHandler handler) {
    IOTimerDispatchSource_IVars& timer = *lvars->timer;
    {
        std::unique_lock lock(timer.mutex);
        if (timer.cancelled) return kIOReturnAborted;
        timer.enabled = enable;
        if (enable && std::exchange(timer.missed, false)) timer.fire(lock);
    }
    OSAction* action = copy_action(timer, timer.handler);
    if (!enable && handler == nullptr) wait_for_handlers(timer, action);
    run_after_calls(this, timer, action, handler);
    OSSafeReleaseNULL(action);
    return kIOReturnSuccess;
}

/// Nothing to do: the timer itself calls at the deadline.
kern_return_t IOTimerDispatchSource::CheckForWork_Impl(bool) {
    return kIOReturnSuccess;
}
