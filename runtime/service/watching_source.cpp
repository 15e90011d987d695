// SPDX-License-Identifier: Apache-2.0
#include "runtime/service/watching_source.h"

#include <DriverKit/IODispatchQueue.h>
#include <DriverKit/OSAction.h>

#include <utility>

#include "runtime/log/log.h"
#include "runtime/process/process.h"

namespace opendext::runtime {

namespace driver = protocol::driver;

/// A call of the handler that waits in a queue. It is made again where the source is disabled
/// first.
class WatchingSource::Call final : public StateCall {
  public:
    using StateCall::StateCall;

  protected:
    void held() override { static_cast<State&>(*state_).pending = true; }
};

WatchingSource::State::~State() {
    OSSafeReleaseNULL(handler);
}

kern_return_t WatchingSource::begin(OSObject* source, IODispatchQueue* queue, driver::Watch watch,
                                    Watches::Ready ready) {
    const auto process = Process::current();
    if (process == nullptr) return kIOReturnNotReady;
    state_->set_queue(queue);
    number_ = process->watches().add(source, ready);
    watch.source = number_;
    auto reply = process->request(encode(std::move(watch)));
    if (!reply) return kIOReturnOffline;
    auto outcome = decode<driver::Reply>(*reply);
    if (!outcome) {
        process->end(70, "malformed answer from opendextd: " + outcome.error().text());
        return kIOReturnIPCError;
    }
    if (outcome->io_return != kIOReturnSuccess) {
        log(LogType::error, "%s::Create: %s", source->GetClassName(), outcome->reason.c_str());
    }
    return outcome->io_return;
}

void WatchingSource::end() {
    const uint64_t number = std::exchange(number_, 0);
    if (number == 0) return;
    if (const auto process = Process::current()) {
        process->watches().remove(number);
        process->post(encode(driver::Unwatch{number}));
    }
}

WatchingSource::~WatchingSource() {
    end();
}

bool WatchingSource::cancelled() const {
    const std::lock_guard lock(state_->mutex);
    return state_->cancelled;
}

void WatchingSource::set_handler(OSAction* action) {
    exchange_action(*state_, state_->handler, action);
}

SourceCallPtr WatchingSource::take_call(bool came, OSAction*& action) {
    const std::lock_guard lock(state_->mutex);
    if (state_->cancelled || (!came && !state_->pending)) return nullptr;
    if (!state_->enabled || state_->handler == nullptr) {
        state_->pending = true;
        return nullptr;
    }
    state_->pending = false;
    action = state_->handler;
    action->retain();
    return std::make_unique<Call>(*state_);
}

kern_return_t WatchingSource::cancel(OSObject* source, void (^handler)(void)) {
    {
        const std::lock_guard lock(state_->mutex);
        state_->cancelled = true;
    }
    if (const auto process = Process::current(); process != nullptr && number_ != 0) {
        process->post(encode(driver::Unwatch{number_}));
    }
    OSAction* action = copy_action(*state_, state_->handler);
    if (action != nullptr) (void)action->Cancel(nullptr);
    run_after_calls(source, *state_, action, handler);
    OSSafeReleaseNULL(action);
    return kIOReturnSuccess;
}

kern_return_t WatchingSource::set_enabled(OSObject* source, bool enable, void (^handler)(void)) {
    {
        const std::lock_guard lock(state_->mutex);
        if (state_->cancelled) return kIOReturnAborted;
        state_->enabled = enable;
    }
    OSAction* action = copy_action(*state_, state_->handler);
    if (!enable && handler == nullptr) wait_for_handlers(*state_, action);
    run_after_calls(source, *state_, action, handler);
    OSSafeReleaseNULL(action);
    return kIOReturnSuccess;
}

}  // namespace opendext::runtime
