// SPDX-License-Identifier: Apache-2.0
// Interrupts of a provider: opendextd hands over an eventfd that counts them, and for
// level-triggered ones a second that unmasks (rpc/protocol/driver.h, AttachInterrupt). From then on
// they come here without opendextd.
#include <DriverKit/IODispatchQueue.h>
#include <DriverKit/IOInterruptDispatchSource.h>
#include <DriverKit/IOService.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "rpc/protocol/driver.h"
#include "runtime/dispatch/sources.h"
#include "runtime/dispatch/timer_service.h"
#include "runtime/dispatch/watcher.h"
#include "runtime/log/log.h"
#include "runtime/objects/class_registry.h"
#include "runtime/objects/object_table.h"
#include "runtime/process/process.h"
#include "runtime/service/service_ivars.h"

using namespace opendext;
using namespace opendext::runtime;

namespace {

/// The interrupt of a source. At most one call of the handler is under way; what comes meanwhile is
/// counted and told by the next one.
struct InterruptLine final : SourceState, WatchClient {
    ~InterruptLine() override { detach(); }

    void readable() override;
    /// Calls the handler if there is something to tell. Gives up the lock.
    void deliver(std::unique_lock<std::mutex>& lock);
    /// The call that `deliver` made is over; `ran` if the method ran.
    void handled(bool ran);
    /// A level-triggered interrupt that was masked when it fired may come again.
    void rearm();
    /// No further interrupts. Not under the mutex.
    void detach();

    // Set before the line is watched:
    UniqueFd events;
    UniqueFd unmask;  // of level-triggered ones
    uint64_t handle = 0;
    TimerClock clock = TimerClock::uptime;

    // Under the mutex:
    IOInterruptDispatchSource* owner = nullptr;  // cleared by free()
    OSAction* handler = nullptr;                 // retained
    uint64_t total = 0;                          // since Create
    uint64_t pending = 0;                        // not told yet
    uint64_t last_time = 0;
    bool handling = false;
    bool masked = false;  // level-triggered, since it fired
    bool attached = true;
};

class InterruptCall final : public StateCall {
  public:
    InterruptCall(InterruptLine& line, uint64_t count)
        : StateCall(line), line_(line), count_(count) {}
    ~InterruptCall() override { line_.handled(started()); }

  private:
    void held() override { line_.pending += count_; }

    InterruptLine& line_;  // held by StateCall::state_
    const uint64_t count_;
};

void InterruptLine::readable() {
    uint64_t count = 0;
    if (read(events.get(), &count, sizeof count) != sizeof count) {
        if (errno == EAGAIN || errno == EINTR) return;
        log(LogType::error, "interrupt: %s", strerror(errno));
        Watcher::shared().remove(events.get());
        return;
    }
    std::unique_lock lock(mutex);
    if (cancelled) return;
    last_time = now(clock);
    total += count;
    pending += count;
    masked = unmask.valid();
    deliver(lock);
}

void InterruptLine::deliver(std::unique_lock<std::mutex>& lock) {
    if (!enabled || cancelled || handling || pending == 0 || handler == nullptr || owner == nullptr)
        return;
    IOInterruptDispatchSource* source = owner;
    if (!try_retain(source)) return;  // the last reference has just gone: free() waits for the lock
    handling = true;
    const uint64_t count = std::exchange(pending, 0);
    const uint64_t time = last_time;
    OSAction* action = handler;
    action->retain();
    auto call = std::make_unique<InterruptCall>(*this, count);
    lock.unlock();
    {
        const SourceCallScope scope(std::move(call));
        source->InterruptOccurred(action, count, time);
    }
    action->release();
    source->release();
}

void InterruptLine::handled(bool ran) {
    std::unique_lock lock(mutex);
    handling = false;
    // Where the handler did not run the cause of the interrupt is still there.
    if (ran) rearm();
    deliver(lock);
}

void InterruptLine::rearm() {
    if (cancelled || !std::exchange(masked, false)) return;
    const uint64_t one = 1;
    if (write(unmask.get(), &one, sizeof one) != sizeof one)
        log(LogType::error, "cannot unmask an interrupt: %s", strerror(errno));
}

void InterruptLine::detach() {
    {
        const std::lock_guard lock(mutex);
        if (!std::exchange(attached, false)) return;
    }
    if (!events) return;
    Watcher::shared().remove(events.get());
    if (const auto process = Process::current())
        process->post(encode(protocol::driver::DetachInterrupt{handle}));
}

struct Attached {
    uint64_t type = 0;
    uint64_t handle = 0;
    std::vector<UniqueFd> fds;
};

/// Asks opendextd for the interrupt, or with `attach` false only for its type.
kern_return_t ask(IOService* provider, uint32_t index, bool attach, Attached& out) {
    const uint64_t entry = entry_of(provider);
    const auto process = Process::current();
    if (entry == 0 || process == nullptr) return kIOReturnNoInterrupt;
    auto reply = process->request(encode(protocol::driver::AttachInterrupt{entry, index, attach}));
    if (!reply) return reply.error().code == Errc::peer_gone ? kIOReturnOffline : kIOReturnIPCError;
    auto answer = decode<protocol::driver::Interrupt>(*reply);
    const bool right = answer.ok() && (answer->outcome.io_return != kIOReturnSuccess || !attach ||
                                       (!reply->fds.empty() && reply->fds.size() <= 2));
    if (!right) {
        process->end(70, "malformed answer from opendextd to a request for an interrupt");
        return kIOReturnIPCError;
    }
    if (answer->outcome.io_return != kIOReturnSuccess) {
        log(LogType::info, "interrupt %u of %s: %s", index, provider->GetClassName(),
            answer->outcome.reason.c_str());
        return answer->outcome.io_return;
    }
    out = {answer->type, answer->handle, std::move(reply->fds)};
    return kIOReturnSuccess;
}

bool set_nonblocking(const UniqueFd& fd) {
    const int flags = fcntl(fd.get(), F_GETFL);
    return flags >= 0 && fcntl(fd.get(), F_SETFL, flags | O_NONBLOCK) == 0;
}

}  // namespace

struct IOInterruptDispatchSource_IVars {
    std::shared_ptr<InterruptLine> line;
};

kern_return_t IOInterruptDispatchSource::Create_Impl(IOService* provider, uint32_t index,
                                                     IODispatchQueue* queue,
                                                     IOInterruptDispatchSource** source) {
    if (source == nullptr) return kIOReturnBadArgument;
    *source = nullptr;
    constexpr uint32_t kKnown = kIOInterruptSourceIndexMask | kIOInterruptSourceContinuousTime;
    if (provider == nullptr || queue == nullptr || (index & ~kKnown) != 0)
        return kIOReturnBadArgument;
    OSObject* object = nullptr;
    kern_return_t result = OSObjectAllocate(gIOInterruptDispatchSourceMetaClass, &object);
    if (result != kIOReturnSuccess) return result;
    auto* made = static_cast<IOInterruptDispatchSource*>(object);
    InterruptLine& line = *made->ivars->line;
    Attached attached;
    result = ask(provider, index & kIOInterruptSourceIndexMask, true, attached);
    if (result != kIOReturnSuccess) {
        made->release();
        return result;
    }
    line.set_queue(queue);
    line.handle = attached.handle;
    line.events = std::move(attached.fds[0]);
    if (attached.fds.size() == 2) line.unmask = std::move(attached.fds[1]);
    if ((index & kIOInterruptSourceContinuousTime) != 0) line.clock = TimerClock::continuous;
    if (!set_nonblocking(line.events) || (line.unmask && !set_nonblocking(line.unmask)) ||
        !Watcher::shared().add(line.events.get(), made->ivars->line)) {
        log(LogType::error, "cannot wait for an interrupt: %s", strerror(errno));
        made->release();
        return kIOReturnNoResources;
    }
    *source = made;
    return kIOReturnSuccess;
}

kern_return_t IOInterruptDispatchSource::GetInterruptType_Impl(IOService* provider, uint32_t index,
                                                               uint64_t* interruptType) {
    if (provider == nullptr || interruptType == nullptr) return kIOReturnBadArgument;
    Attached asked;
    const kern_return_t result = ask(provider, index & kIOInterruptSourceIndexMask, false, asked);
    *interruptType = asked.type;
    return result;
}

bool IOInterruptDispatchSource::init() {
    if (!super::init()) return false;
    ivars = new IOInterruptDispatchSource_IVars;
    ivars->line = std::make_shared<InterruptLine>();
    ivars->line->owner = this;
    // Drivers set a handler, make ready what it needs, and then call SetEnable(true).
    ivars->line->enabled = false;
    return true;
}

void IOInterruptDispatchSource::free() {
    if (ivars != nullptr) {
        InterruptLine& line = *ivars->line;
        line.detach();
        OSAction* handler = nullptr;
        {
            const std::lock_guard lock(line.mutex);
            line.owner = nullptr;
            std::swap(handler, line.handler);
        }
        OSSafeReleaseNULL(handler);
        delete ivars;
    }
    super::free();
}

kern_return_t IOInterruptDispatchSource::SetHandler_Impl(OSAction* action) {
    if (!action_fits(action, IOInterruptDispatchSource_InterruptOccurred_ID,
                     "IOInterruptDispatchSource::SetHandler",
                     "IOInterruptDispatchSource::InterruptOccurred")) {
        return kIOReturnBadArgument;
    }
    InterruptLine& line = *ivars->line;
    exchange_action(line, line.handler, action);
    std::unique_lock lock(line.mutex);
    // What the last handler was not told, having been cancelled perhaps, is lost with it.
    if (action != nullptr && !line.handling && line.pending == 0) line.rearm();
    line.deliver(lock);  // what came before there was a handler
    return kIOReturnSuccess;
}

kern_return_t IOInterruptDispatchSource::GetLastInterrupt_Impl(uint64_t* count, uint64_t* time) {
    InterruptLine& line = *ivars->line;
    const std::lock_guard lock(line.mutex);
    if (count != nullptr) *count = line.total;
    if (time != nullptr) *time = line.last_time;
    return kIOReturnSuccess;
}

kern_return_t IOInterruptDispatchSource::Cancel_Impl(IODispatchSourceCancelHandler handler) {
    InterruptLine& line = *ivars->line;
    {
        const std::lock_guard lock(line.mutex);
        line.cancelled = true;  // a call that waits in the queue does not run either
    }
    line.detach();
    OSAction* action = copy_action(line, line.handler);
    run_after_calls(this, line, action, handler);
    OSSafeReleaseNULL(action);
    return kIOReturnSuccess;
}

kern_return_t IOInterruptDispatchSource::SetEnableWithCompletion_Impl(
    bool enable, IODispatchSourceCancelHandler handler) {
    InterruptLine& line = *ivars->line;
    {
        std::unique_lock lock(line.mutex);
        if (line.cancelled) return kIOReturnAborted;
        line.enabled = enable;
        line.deliver(lock);
    }
    OSAction* action = copy_action(line, line.handler);
    if (!enable && handler == nullptr) wait_for_handlers(line, action);
    run_after_calls(this, line, action, handler);
    OSSafeReleaseNULL(action);
    return kIOReturnSuccess;
}

/// Looks for interrupts at once instead of when the event thread gets to it.
kern_return_t IOInterruptDispatchSource::CheckForWork_Impl(bool) {
    InterruptLine& line = *ivars->line;
    if (line.events) line.readable();
    return kIOReturnSuccess;
}
