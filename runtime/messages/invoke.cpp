// SPDX-License-Identifier: Apache-2.0
#include "runtime/messages/invoke.h"

#include <DriverKit/IOMemoryDescriptor.h>
#include <DriverKit/IOService.h>
#include <DriverKit/OSAction.h>
#include <DriverKit/OSMetaClass.h>

#include <string>
#include <utility>

#include "rpc/protocol/driver.h"
#include "runtime/dispatch/action_ivars.h"
#include "runtime/dispatch/executor.h"
#include "runtime/log/log.h"
#include "runtime/messages/system_side.h"
#include "runtime/objects/class_registry.h"
#include "runtime/process/process.h"
#include "runtime/service/service_ivars.h"
#include "runtime/service/start_trace.h"

namespace opendext::runtime {
namespace driver = protocol::driver;

namespace {
/// The object whose Start opendextd has called and this thread runs.
thread_local const OSMetaClassBase* t_starting = nullptr;

/// During Start opendextd only notes that the object registered, and carries it out when it has the
/// answer of Start, which goes the same way: nobody has to wait for that.
bool is_noted(const OSMetaClassBase* object, uint64_t msgid) {
    return object == t_starting && msgid == IOService_RegisterService_ID;
}
}  // namespace

kern_return_t send_call(uint64_t entry, OSMetaClassBase* self, const IORPC& rpc) {
    const auto process = Process::current();
    if (process == nullptr) return kIOReturnOffline;
    auto wire = to_invocation(process->objects(), entry, rpc, entry == 0);
    const uint64_t msgid = IORPCMessageFromMach(rpc.message, false)->msgid;
    if (!wire) {
        log_driver_bug("%s: %s", method_name(self->meta, msgid).c_str(),
                       wire.error().text().c_str());
        return kIOReturnBadArgument;
    }
    const bool noted = t_unanswered || is_noted(self, msgid);
    if (noted) wire->invocation.flags |= kIORPCMessageOneway;
    const bool oneway = (wire->invocation.flags & kIORPCMessageOneway) != 0 || rpc.reply == nullptr;
    Message message = encode(driver::Call{std::move(wire->invocation)});
    message.fds = std::move(wire->fds);
    if (oneway) {
        process->post(std::move(message));
        if (!noted) return kIOReturnSuccess;
        std::vector<UniqueFd> none;
        return store_reply(process->objects(), {}, none, rpc);
    }
    auto reply = process->request(std::move(message));
    if (!reply) return reply.error().code == Errc::peer_gone ? kIOReturnOffline : kIOReturnIPCError;
    auto result = decode<driver::CallResult>(*reply);
    if (!result) {
        process->end(70, "malformed answer from opendextd: " + result.error().text());
        return kIOReturnIPCError;
    }
    return store_reply(process->objects(), result->result, reply->fds, rpc);
}

kern_return_t invoke_local(OSObject* target, const IORPC& rpc) {
    const IORPCMessage* content = IORPCMessageFromMach(rpc.message, false);
    const MethodPlace* place = place_of(target->meta, content->msgid);
    if (place == nullptr && (content->msgid & kIORPCMessageIDKernel) != 0)
        return opendext_invoke_system(target, rpc);
    if (place == nullptr || place->at_once) return target->Dispatch(rpc);
    const auto executor = executor_of(target, place->queue);
    if (executor == nullptr) return target->Dispatch(rpc);

    if ((content->flags & kIORPCMessageOneway) != 0) {
        auto copy = std::make_shared<OwnedMessage>(OwnedMessage::copy_of(rpc));
        target->retain();
        TaskPtr task = make_task([copy, target] {
            (void)target->Dispatch(copy->rpc());
            target->release();
        });
        // From work of that queue, with nobody else in line: no other thread is needed.
        if (executor->on_queue() && !executor->wanted() && !executor->methods_parallel()) {
            executor->follow(std::move(task));
            return kIOReturnSuccess;
        }
        const auto outcome = executor->async_method(std::move(task));
        if (outcome == Executor::Outcome::cancelled) {
            target->release();
            return kIOReturnOffline;
        }
        return kIOReturnSuccess;
    }
    kern_return_t result = kIOReturnOffline;
    target->retain();
    (void)executor->sync_method([&] { result = target->Dispatch(rpc); });
    target->release();
    return result;
}

RemoteCall::RemoteCall(std::shared_ptr<Process> process, uint64_t serial)
    : process_(std::move(process)), serial_(serial) {}

RemoteCall::~RemoteCall() {
    OSSafeReleaseNULL(receiver_);
}

bool RemoteCall::prepare(const protocol::Invocation& invocation, std::vector<UniqueFd>& fds) {
    msgid_ = invocation.msgid;
    oneway_ = (invocation.flags & kIORPCMessageOneway) != 0;
    if (invocation.object != 0) {
        receiver_ = process_->objects().copy_own(invocation.object);
        if (receiver_ == nullptr) {
            refuse(kIOReturnNotReady, "the object has ended or was never made");
            return false;
        }
    }
    auto message = OwnedMessage::from(process_->objects(), invocation, fds, receiver_);
    if (!message) {
        process_->end(70, "malformed call from opendextd: " + message.error().text());
        return false;
    }
    message_.emplace(std::move(message).value());
    if (receiver_ == nullptr) {  // a call of an action: it is the first reference
        OSObject* first = message_->content()->objectRefs > 0 ? message_->object(0) : nullptr;
        if (OSDynamicCast(OSAction, first) == nullptr || first->IsRemote()) {
            process_->end(70, "call from opendextd without a receiver");
            return false;
        }
        first->retain();
        receiver_ = first;
        return true;
    }
    if ((msgid_ & kIORPCMessageIDKernel) != 0 && !queue_name_of(receiver_->meta, msgid_)) {
        // A method of opendextd's side that no class here overrides: asking back would ask the
        // asker.
        refuse(kIOReturnUnsupported, "no class of the driver implements the method");
        return false;
    }
    return true;
}

std::shared_ptr<Executor> RemoteCall::executor() {
    if (OSDynamicCast(OSAction, receiver_)) return nullptr;  // finds the queue of its target itself
    const auto queue = queue_name_of(receiver_->meta, msgid_);
    auto executor = queue ? executor_of(receiver_, *queue) : nullptr;
    if (executor != nullptr && executor->methods_parallel() && !executor->cancelled()) {
        beside_ = std::move(executor);
        return nullptr;
    }
    return executor;
}

void RemoteCall::run() {
    auto* action = OSDynamicCast(OSAction, receiver_);
    const IORPC rpc = message_->rpc();
    const bool starts = action == nullptr && msgid_ == IOService_Start_ID;
    const StartTrace trace(receiver_, starts ? message_->object(1) : nullptr);
    kern_return_t code = kIOReturnOffline;
    const auto dispatch = [&] {
        const auto* outer = std::exchange(t_starting, starts ? receiver_ : nullptr);
        code = action ? invoke_action(action, rpc) : receiver_->Dispatch(rpc);
        t_starting = outer;
    };
    if (beside_ != nullptr) {
        (void)beside_->sync_method(dispatch);
    } else {
        dispatch();
    }
    trace.ended(code);
    if (oneway_) return;
    std::vector<UniqueFd> fds;
    auto result = message_->result(process_->objects(), code, fds);
    if (!result) {
        const std::string name = method_name(receiver_->meta, msgid_);
        log_driver_bug("%s: %s", name.c_str(), result.error().text().c_str());
        refuse(kIOReturnIPCError, name);
        return;
    }
    answer(std::move(result).value(), std::move(fds));
}

void RemoteCall::refuse(kern_return_t code, const std::string& reason) {
    if (oneway_) {
        log(LogType::info, "call of 0x%llx dropped: %s", static_cast<unsigned long long>(msgid_),
            reason.c_str());
        return;
    }
    protocol::InvocationResult result;
    result.io_return = code;
    answer(std::move(result), {});
}

void RemoteCall::answer(protocol::InvocationResult result, std::vector<UniqueFd> fds) {
    Message message = encode(driver::CallResult{std::move(result)}, serial_);
    message.fds = std::move(fds);
    process_->post(std::move(message));
}

}  // namespace opendext::runtime

using namespace opendext::runtime;

namespace {

kern_return_t wrong_action(OSAction* action, uint64_t msgid) {
    log_driver_bug(
        "wrong action type: a callback with message id 0x%llx was called with a %s, which is made "
        "for another one; the call is dropped",
        static_cast<unsigned long long>(msgid), action->GetClassName());
    return kIOReturnBadArgument;
}

}  // namespace

kern_return_t OSMetaClassBase::Invoke(const IORPC rpc) {
    if (reserved & kObjectIsClass) return Dispatch(rpc);
    auto* object = static_cast<OSObject*>(this);
    const uint64_t msgid = IORPCMessageFromMach(rpc.message, false)->msgid;
    if ((reserved & kObjectIsAction) != 0) {
        auto* action = static_cast<OSAction*>(object);
        if (msgid == action->OSAction::ivars->msgid) return invoke_action(action, rpc);
        const kern_return_t result = Dispatch(rpc);  // methods of OSAction itself
        return result == kIOReturnUnsupported ? wrong_action(action, msgid) : result;
    }
    if (reserved & kObjectIsRemote) {
        if (const auto answered = answer_for_proxy(object, rpc)) return *answered;
        return send_call(entry_of(static_cast<IOService*>(object)), this, rpc);
    }
    return invoke_local(object, rpc);
}

extern "C" kern_return_t opendext_invoke_system(OSMetaClassBase* self, const IORPC rpc) {
    auto* object = static_cast<OSObject*>(self);
    if (const auto handled = system_method_here(object, rpc)) return *handled;
    auto* service = OSDynamicCast(IOService, object);
    const uint64_t entry = service == nullptr ? 0 : entry_of(service);
    if (entry == 0) return kIOReturnUnsupported;
    return send_call(entry, self, rpc);
}
