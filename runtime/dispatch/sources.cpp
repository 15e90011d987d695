// SPDX-License-Identifier: Apache-2.0
#include "runtime/dispatch/sources.h"

#include <DriverKit/IODispatchQueue.h>
#include <DriverKit/IODispatchSource.h>
#include <DriverKit/IOService.h>

#include <algorithm>
#include <utility>

#include "runtime/dispatch/action_ivars.h"
#include "runtime/dispatch/block.h"
#include "runtime/dispatch/thread_pool.h"
#include "runtime/log/log.h"
#include "runtime/objects/class_registry.h"

namespace opendext::runtime {
namespace {

thread_local SourceCallScope* t_scope = nullptr;

/// The queue that calls of the action run on; nullptr if there is none.
std::shared_ptr<Executor> target_executor(OSAction* action) {
    return action == nullptr ? nullptr : executor_of_action(action);
}

}  // namespace

SourceCallScope::SourceCallScope(SourceCallPtr call) : call_(std::move(call)), previous_(t_scope) {
    t_scope = this;
}
SourceCallScope::~SourceCallScope() {
    t_scope = previous_;
}
SourceCallPtr SourceCallScope::take() {
    return t_scope == nullptr ? nullptr : std::move(t_scope->call_);
}

SourceState::~SourceState() {
    OSSafeReleaseNULL(queue);
}

void SourceState::set_queue(IODispatchQueue* wanted) {
    if (wanted != nullptr) wanted->retain();
    IODispatchQueue* old = std::exchange(queue, wanted);
    OSSafeReleaseNULL(old);
}

StateCall::StateCall(SourceState& state) : state_(state.shared_from_this()) {
    ++state.calls;
}

bool StateCall::start() {
    const std::lock_guard lock(state_->mutex);
    if (state_->cancelled || !wanted()) return false;
    if (!state_->enabled) {
        held();
        return false;
    }
    runner_ = thread_token();
    state_->runners.push_back(runner_);
    return true;
}

StateCall::~StateCall() {
    std::vector<TaskPtr> over;
    {
        const std::lock_guard lock(state_->mutex);
        if (runner_ != 0) {
            auto& runners = state_->runners;
            runners.erase(std::find(runners.begin(), runners.end(), runner_));
            state_->changed.notify_all();
        }
        if (--state_->calls == 0) over.swap(state_->when_over);
    }
    for (const TaskPtr& task : over) task->run();
}

bool action_fits(OSAction* action, uint64_t callback_id, const char* method, const char* callback) {
    if (action == nullptr) return true;
    const OSAction_IVars* own = action->OSAction::ivars;
    if (own == nullptr || own->msgid != callback_id) {
        log_driver_bug(
            "%s: wrong action type: the action is a %s, which is not made for %s; refused (make it "
            "with CreateAction… of a method with TYPE(%s))",
            method, action->GetClassName(), callback, callback);
        return false;
    }
    if (action->getMetaClass() == gOSActionMetaClass && own->receiver == nullptr && !own->foreign) {
        log_driver_bug(
            "%s: the action is a plain OSAction, without a type; calls of %s with it will be "
            "dropped (make it with CreateAction…)",
            method, callback);
    }
    return true;
}

void run_after_calls(OSObject* source, SourceState& state, OSAction* action,
                     void (^handler)(void)) {
    if (handler == nullptr) return;
    source->retain();
    auto finish = [source, block = VoidBlock(handler)]() mutable {
        block();
        block = VoidBlock();
        source->release();
    };
    // Never on this stack: a driver may hold a lock here that its handler takes.
    TaskPtr later = make_task(
        [executor = target_executor(action), task = make_task(std::move(finish))]() mutable {
            if (executor == nullptr ||
                executor->async(std::move(task)) == Executor::Outcome::cancelled) {
                ThreadPool::shared().submit(std::move(task));
            }
        });
    {
        const std::lock_guard lock(state.mutex);
        if (state.calls > 0) {
            state.when_over.push_back(std::move(later));
            return;
        }
    }
    later->run();
}

void wait_for_handlers(SourceState& state, OSAction* action) {
    const auto executor = target_executor(action);
    if (executor != nullptr && executor->on_queue()) return;
    std::unique_lock lock(state.mutex);
    state.changed.wait(lock, [&] {
        return std::all_of(state.runners.begin(), state.runners.end(),
                           [](uint64_t runner) { return runner == thread_token(); });
    });
}

void exchange_action(SourceState& state, OSAction*& place, OSAction* action) {
    if (action != nullptr) action->retain();
    {
        const std::lock_guard lock(state.mutex);
        std::swap(place, action);
    }
    OSSafeReleaseNULL(action);
}

OSAction* copy_action(const SourceState& state, OSAction* const& place) {
    const std::lock_guard lock(state.mutex);
    if (place != nullptr) place->retain();
    return place;
}

}  // namespace opendext::runtime

bool IODispatchSource::init() {
    return super::init();
}
void IODispatchSource::free() {
    super::free();
}

kern_return_t IODispatchSource::SetEnable_Impl(bool enable) {
    return SetEnableWithCompletion(enable, nullptr);
}
