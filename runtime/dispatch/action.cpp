// SPDX-License-Identifier: Apache-2.0
#include <Block.h>
#include <DriverKit/IOService.h>
#include <DriverKit/OSAction.h>
#include <DriverKit/OSString.h>

#include <chrono>
#include <deque>

#include "rpc/protocol/driver.h"
#include "runtime/dispatch/action_ivars.h"
#include "runtime/dispatch/block.h"
#include "runtime/dispatch/blocking.h"
#include "runtime/dispatch/executor.h"
#include "runtime/dispatch/source_call.h"
#include "runtime/dispatch/thread_pool.h"
#include "runtime/dispatch/timer_clocks.h"
#include "runtime/log/log.h"
#include "runtime/messages/invoke.h"
#include "runtime/messages/wire.h"
#include "runtime/objects/class_registry.h"
#include "runtime/process/process.h"
#include "runtime/service/service_ivars.h"

using namespace opendext;
using namespace opendext::runtime;

/// Calls between WillWait and EndWait are kept for the thread that waits.
struct OSActionWaitToken {
    struct Call {
        std::shared_ptr<OwnedMessage> message;  // a one-way call
        SourceCallPtr source;                   // where it is a source's
        const IORPC* rpc = nullptr;             // a call whose caller waits
        kern_return_t result = kIOReturnAborted;
        bool done = false;
    };
    std::deque<Call*> calls;
};

namespace {

kern_return_t create(OSMetaClass* meta, OSObject* target, uint64_t target_msgid, uint64_t msgid,
                     size_t size, OSAction** action) {
    if (action == nullptr) return kIOReturnBadArgument;
    *action = nullptr;
    if (target == nullptr || size > 64 * 1024 * 1024) return kIOReturnBadArgument;
    auto* made = static_cast<OSAction*>(allocate_object(meta));
    if (made == nullptr) return kIOReturnNoMemory;
    made->OSAction::ivars = new OSAction_IVars;
    made->reserved |= kObjectIsAction;
    OSAction_IVars& own = *made->OSAction::ivars;
    target->retain();
    own.target = target;
    own.target_msgid = target_msgid;
    own.msgid = msgid;
    own.reference_size = size;
    if (size > 0) own.reference = std::make_unique<uint64_t[]>((size + 7) / 8);
    *action = made;
    return kIOReturnSuccess;
}

/// One call is over: the last one after Cancel runs the handlers.
void finish_call(OSAction* action) {
    OSAction_IVars& own = *action->OSAction::ivars;
    std::vector<OSActionCancelHandler> handlers;
    {
        const std::lock_guard lock(own.mutex);
        if (--own.in_flight == 0 && own.cancelled) handlers.swap(own.cancel_handlers);
    }
    for (OSActionCancelHandler handler : handlers) {
        handler();
        Block_release(handler);
    }
}

/// Puts the target in place of the action and runs the method. `message` is a copy that may be
/// changed.
kern_return_t deliver(OSAction* action, OSObject* target, OwnedMessage& message, const IORPC& rpc) {
    message.set_object(0, target);
    message.content()->msgid = action->OSAction::ivars->target_msgid;
    return target->Dispatch(rpc);
}

/// The copy of a call with the caller's room for the reply.
kern_return_t deliver_with_reply(OSAction* action, OSObject* target, const IORPC& rpc) {
    OwnedMessage copy = OwnedMessage::copy_of(rpc);
    const IORPC call{copy.rpc().message, rpc.reply, rpc.sendSize, rpc.replySize};
    return deliver(action, target, copy, call);
}

/// Asked when a call's turn has come: neither the action was cancelled meanwhile, nor the source
/// that made the call thinks otherwise.
bool may_start(OSAction* action, SourceCall* source) {
    {
        OSAction_IVars& own = *action->OSAction::ivars;
        const std::lock_guard lock(own.mutex);
        if (own.cancelled) return false;
    }
    return source == nullptr || source->start();
}

/// The action's target, retained, and the message that its method has; NULL after Cancel.
OSObject* copy_target(OSAction* action, uint64_t* target_msgid = nullptr) {
    OSAction_IVars& own = *action->OSAction::ivars;
    const std::lock_guard lock(own.mutex);
    if (target_msgid != nullptr) *target_msgid = own.target_msgid;
    if (own.target != nullptr) own.target->retain();
    return own.target;
}

std::shared_ptr<Executor> executor_of_method(OSObject* target, uint64_t msgid) {
    const auto queue = queue_name_of(target->meta, msgid);
    return queue ? executor_of(target, *queue) : nullptr;
}

/// Runs a one-way call later: on the queue of its method or, for a source whose target has no
/// queue, on some thread.
kern_return_t deliver_later(OSAction* action, OSObject* target, const IORPC& rpc,
                            const std::shared_ptr<Executor>& executor, SourceCallPtr source) {
    action->retain();
    target->retain();
    TaskPtr task = make_task(
        [action, target, copy = OwnedMessage::copy_of(rpc), source = std::move(source)]() mutable {
            if (may_start(action, source.get())) (void)deliver(action, target, copy, copy.rpc());
            source.reset();
            finish_call(action);
            target->release();
            action->release();
        });
    if (executor == nullptr) {
        ThreadPool::shared().submit(std::move(task));
        return kIOReturnSuccess;
    }
    if (executor->async_method(std::move(task)) != Executor::Outcome::cancelled)
        return kIOReturnSuccess;
    finish_call(action);
    target->release();
    action->release();
    return kIOReturnOffline;
}

}  // namespace

namespace opendext::runtime {

OSAction* make_receiver_action(OSMetaClass* meta, uint64_t msgid,
                               std::shared_ptr<ActionReceiver> receiver) {
    auto* action = static_cast<OSAction*>(allocate_object(meta));
    if (action == nullptr) return nullptr;
    action->OSAction::ivars = new OSAction_IVars;
    action->reserved |= kObjectIsAction;
    action->OSAction::ivars->msgid = msgid;
    action->OSAction::ivars->receiver = std::move(receiver);
    return action;
}

std::shared_ptr<Executor> executor_of_action(OSAction* action) {
    if (action->OSAction::ivars == nullptr) return nullptr;
    uint64_t msgid = 0;
    OSObject* target = copy_target(action, &msgid);
    if (target == nullptr) return nullptr;
    auto executor = executor_of_method(target, msgid);
    target->release();
    return executor;
}

kern_return_t invoke_action(OSAction* action, const IORPC& rpc) {
    SourceCallPtr source = SourceCallScope::take();
    OSAction_IVars& own = *action->OSAction::ivars;
    if (own.foreign || own.receiver) {
        if (source && !source->start()) return kIOReturnAborted;
        return own.foreign ? send_call(0, action, rpc) : own.receiver->receive(action, rpc);
    }
    const bool oneway =
        (IORPCMessageFromMach(rpc.message, false)->flags & kIORPCMessageOneway) != 0;
    std::unique_lock lock(own.mutex);
    if (own.cancelled || own.target == nullptr) return kIOReturnAborted;
    ++own.in_flight;
    if (own.token != nullptr) {  // somebody waits for it
        OSActionWaitToken* token = own.token;
        if (oneway) {
            auto* call = new OSActionWaitToken::Call;
            call->message = std::make_shared<OwnedMessage>(OwnedMessage::copy_of(rpc));
            call->source = std::move(source);
            token->calls.push_back(call);
            own.wait_changed.notify_all();
            return kIOReturnSuccess;
        }
        OSActionWaitToken::Call call;
        call.rpc = &rpc;
        token->calls.push_back(&call);
        own.wait_changed.notify_all();
        own.wait_changed.wait(lock, [&] { return call.done; });
        return call.result;
    }
    OSObject* target = own.target;
    const uint64_t target_msgid = own.target_msgid;
    target->retain();
    lock.unlock();

    kern_return_t result = kIOReturnSuccess;
    const auto executor = executor_of_method(target, target_msgid);
    if (oneway && (executor != nullptr || source != nullptr)) {
        result = deliver_later(action, target, rpc, executor, std::move(source));
    } else {
        const auto run = [&] {
            result = may_start(action, nullptr) ? deliver_with_reply(action, target, rpc)
                                                : kIOReturnAborted;
        };
        result = kIOReturnOffline;
        if (executor == nullptr) {
            run();
        } else {
            (void)executor->sync_method(run);
        }
        finish_call(action);
    }
    target->release();
    return result;
}

void action_aborted(OSAction* action) {
    OSAction_IVars& own = *action->OSAction::ivars;
    OSActionAbortedHandler handler = nullptr;
    {
        const std::lock_guard lock(own.mutex);
        own.aborted = true;
        std::swap(handler, own.aborted_handler);
    }
    if (handler == nullptr) return;
    handler();
    Block_release(handler);
}

}  // namespace opendext::runtime

kern_return_t OSAction::Create_Impl(OSObject* target, uint64_t targetmsgid, uint64_t msgid,
                                    size_t referenceSize, OSAction** action) {
    return create(gOSActionMetaClass, target, targetmsgid, msgid, referenceSize, action);
}

kern_return_t OSAction::CreateWithTypeName_Impl(OSObject* target, uint64_t targetmsgid,
                                                uint64_t msgid, size_t referenceSize,
                                                OSString* typeName, OSAction** action) {
    if (typeName == nullptr) return kIOReturnBadArgument;
    OSMetaClass* meta = find_class(typeName->getCStringNoCopy());
    if (meta == nullptr || !is_kind_of(meta, gOSActionMetaClass)) return kIOReturnUnsupported;
    return create(meta, target, targetmsgid, msgid, referenceSize, action);
}

void OSAction::free() {
    if (ivars != nullptr) {
        if (ivars->foreign) {
            if (const auto process = Process::current()) {
                process->objects().forget_action(ivars->number, this);
                process->post(encode(protocol::driver::Drop{ivars->number}));
            }
        }
        for (OSActionCancelHandler handler : ivars->cancel_handlers) Block_release(handler);
        if (ivars->aborted_handler != nullptr) Block_release(ivars->aborted_handler);
        OSSafeReleaseNULL(ivars->target);
        delete ivars;
    }
    super::free();
}

void* OSAction::GetReference() {
    return ivars == nullptr || ivars->foreign ? nullptr
                                              : static_cast<void*>(ivars->reference.get());
}

kern_return_t OSAction::Cancel(OSActionCancelHandler handler) {
    OSObject* target = nullptr;
    bool idle = false;
    {
        const std::lock_guard lock(ivars->mutex);
        ivars->cancelled = true;
        ivars->wait_changed.notify_all();
        idle = ivars->in_flight == 0;
        if (!idle && handler != nullptr) ivars->cancel_handlers.push_back(Block_copy(handler));
        std::swap(target, ivars->target);
    }
    if (idle && handler != nullptr) {
        // Never on the caller's stack: a driver may hold a lock here that its handler takes.
        retain();
        ThreadPool::shared().submit(make_task([this, copy = VoidBlock(handler)]() mutable {
            copy();
            copy = VoidBlock();
            release();
        }));
    }
    OSSafeReleaseNULL(target);
    return kIOReturnSuccess;
}

kern_return_t OSAction::SetAbortedHandler(OSActionAbortedHandler handler) {
    OSActionAbortedHandler copy = handler == nullptr ? handler : Block_copy(handler);
    bool call_now = false;
    {
        const std::lock_guard lock(ivars->mutex);
        call_now = ivars->aborted && copy != nullptr;
        if (!call_now) std::swap(copy, ivars->aborted_handler);
    }
    if (call_now) copy();
    if (copy != nullptr) Block_release(copy);
    return kIOReturnSuccess;
}

void OSAction::Aborted_Impl() {
    action_aborted(this);
}

kern_return_t OSAction::WillWait(OSActionWaitToken** token) {
    if (token == nullptr) return kIOReturnBadArgument;
    const std::lock_guard lock(ivars->mutex);
    if (ivars->token != nullptr) return kIOReturnBusy;
    if (ivars->foreign) return kIOReturnUnsupported;
    *token = ivars->token = new OSActionWaitToken;
    return kIOReturnSuccess;
}

kern_return_t OSAction::Wait(OSActionWaitToken* token, uint64_t options, uint64_t deadline) {
    const auto clock = clock_of(options);
    if (!clock) return kIOReturnBadArgument;
    std::unique_lock lock(ivars->mutex);
    if (token == nullptr || token != ivars->token) return kIOReturnBadArgument;
    about_to_block();
    const auto called = [&] { return !token->calls.empty() || ivars->cancelled; };
    if (deadline == 0) {
        ivars->wait_changed.wait(lock, called);
    } else {
        const uint64_t uptime = on_uptime_clock(*clock, deadline);
        const std::chrono::steady_clock::time_point until{std::chrono::nanoseconds(uptime)};
        if (!ivars->wait_changed.wait_until(lock, until, called)) return kIOReturnTimeout;
    }
    if (token->calls.empty()) return kIOReturnAborted;
    OSActionWaitToken::Call* call = token->calls.front();
    token->calls.pop_front();
    lock.unlock();
    uint64_t msgid = 0;
    OSObject* target = copy_target(this, &msgid);
    kern_return_t result = kIOReturnAborted;
    if (target != nullptr) {
        const auto run = [&] {
            if (!may_start(this, call->source.get())) return;
            result = call->message ? deliver(this, target, *call->message, call->message->rpc())
                                   : deliver_with_reply(this, target, *call->rpc);
        };
        // On this thread in any case; on the method's queue, which the waiter mostly is on already.
        const auto executor = executor_of_method(target, msgid);
        if (executor == nullptr || executor->on_queue()) {
            run();
        } else {
            (void)executor->sync_method(run);
        }
        target->release();
    }
    lock.lock();
    const SourceCallPtr source = std::move(call->source);
    if (call->message) {
        delete call;
    } else {
        call->result = result;
        call->done = true;
        ivars->wait_changed.notify_all();
    }
    lock.unlock();
    finish_call(this);
    return kIOReturnSuccess;
}

kern_return_t OSAction::EndWait(OSActionWaitToken* token) {
    std::unique_lock lock(ivars->mutex);
    if (token == nullptr || token != ivars->token) return kIOReturnBadArgument;
    ivars->token = nullptr;
    // Calls that nobody waited for take the usual way.
    std::deque<OSActionWaitToken::Call*> rest;
    rest.swap(token->calls);
    for (OSActionWaitToken::Call* call : rest) {
        if (!call->message) call->done = true;  // its caller gets kIOReturnAborted
    }
    ivars->wait_changed.notify_all();
    const size_t count = rest.size();
    std::erase_if(rest,
                  [](const OSActionWaitToken::Call* call) { return call->message == nullptr; });
    lock.unlock();
    for (OSActionWaitToken::Call* call : rest) {
        const SourceCallScope scope(std::move(call->source));
        (void)invoke_action(this, call->message->rpc());
        delete call;
    }
    for (size_t i = 0; i < count; ++i) finish_call(this);
    delete token;
    return kIOReturnSuccess;
}
