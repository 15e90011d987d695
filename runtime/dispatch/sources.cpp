// SPDX-License-Identifier: Apache-2.0
#include "runtime/dispatch/sources.h"

#include <DriverKit/IODispatchQueue.h>
#include <DriverKit/IODispatchSource.h>
#include <DriverKit/IOService.h>

#include "runtime/dispatch/action_ivars.h"
#include "runtime/dispatch/thread_pool.h"
#include "runtime/objects/class_registry.h"
#include "runtime/service/service_ivars.h"

namespace opendext::runtime {
namespace {

/// The queue that calls of the action run on; nullptr if there is none.
std::shared_ptr<Executor> target_executor(OSAction* action) {
    if (action == nullptr || action->OSAction::ivars == nullptr) return nullptr;
    OSAction_IVars& own = *action->OSAction::ivars;
    OSObject* target = nullptr;
    uint64_t msgid = 0;
    {
        const std::lock_guard lock(own.mutex);
        target = own.target;
        msgid = own.target_msgid;
        if (target == nullptr) return nullptr;
        target->retain();
    }
    const auto queue = queue_name_of(target->meta, msgid);
    auto executor = queue ? executor_of(target, *queue) : nullptr;
    target->release();
    return executor;
}

}  // namespace

SourceState::~SourceState() {
    OSSafeReleaseNULL(queue);
}

void SourceState::set_queue(IODispatchQueue* wanted) {
    if (wanted != nullptr) wanted->retain();
    IODispatchQueue* old = queue;
    queue = wanted;
    OSSafeReleaseNULL(old);
}

void run_after_handlers(OSObject* source, OSAction* action, OSAction* second,
                        void (^handler)(void)) {
    if (handler == nullptr) return;
    source->retain();
    auto copy = std::make_shared<VoidBlock>(handler);
    const auto finish = [source, copy] {
        (*copy)();
        *copy = VoidBlock();
        source->release();
    };
    const auto first_executor = target_executor(action);
    const auto second_executor = target_executor(second);
    const auto last = [finish, second_executor] {
        if (second_executor == nullptr ||
            second_executor->async(make_task(finish)) == Executor::Outcome::cancelled) {
            finish();
        }
    };
    if (first_executor != nullptr && first_executor != second_executor) {
        if (first_executor->async(make_task(last)) == Executor::Outcome::done) return;
    }
    if (second_executor != nullptr || first_executor != nullptr) {
        last();
        return;
    }
    ThreadPool::shared().submit(make_task(finish));
}

void wait_for_handler(OSAction* action) {
    const auto executor = target_executor(action);
    if (executor == nullptr || executor->on_queue()) return;
    (void)executor->sync([] {});
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
