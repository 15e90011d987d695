// SPDX-License-Identifier: Apache-2.0
// What opendextd asks of the driver process.
#include <DriverKit/IOService.h>
#include <DriverKit/IOUserClient.h>
#include <dlfcn.h>

#include <cstring>

#include "rpc/protocol/driver.h"
#include "runtime/dispatch/action_ivars.h"
#include "runtime/dispatch/executor.h"
#include "runtime/dispatch/thread_pool.h"
#include "runtime/messages/invoke.h"
#include "runtime/messages/wire.h"
#include "runtime/objects/class_registry.h"
#include "runtime/process/process.h"
#include "runtime/service/live_services.h"
#include "runtime/service/service_ivars.h"
#include "runtime/user_client/connections.h"

namespace opendext::runtime {
namespace driver = protocol::driver;

template <typename T>
Result<T> Process::parse(const Message& message) {
    auto content = decode<T>(message);
    if (!content)
        end(70, "malformed message of kind " + std::to_string(message.kind) + ": " +
                    content.error().text());
    return content;
}

void Process::load(const Message& message) {
    auto request = parse<driver::Load>(message);
    if (!request) return;
    driver::Loaded answer;
    if (loaded_) {
        answer.outcome = {kIOReturnBadArgument, "the process has loaded its bundle already"};
        post(encode(std::move(answer), message.serial));
        return;
    }
    loaded_ = true;
    if (!request->executable.empty()) {
        const bool absolute = request->executable.front() == '/';
        const std::string path =
            absolute ? request->executable : request->bundle_path + "/" + request->executable;
        // Never unloaded: classes, blocks and threads of it live as long as the process.
        if (dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL) == nullptr) {
            const char* reason = dlerror();
            answer.outcome = {kIOReturnRLDError, reason ? reason : "dlopen failed"};
        }
    }
    if (close_second_step_ != nullptr) {
        if (const int error = close_second_step_(step_context_); error != 0) {
            end(71,
                std::string("the second step of the sandbox does not close: ") + strerror(error));
            return;
        }
    }
    {
        const std::lock_guard lock(mutex_);
        if (!request->bundle_path.empty()) bundle_path_ = request->bundle_path;
        executable_there_ = true;
    }
    answer.classes = classes_to_tell();
    post(encode(std::move(answer), message.serial));
    // The next message makes an object, which may take as long as it likes: somebody has to lead
    // meanwhile. Here nobody waits for the thread.
    add_follower();
}

std::vector<driver::ClassInfo> Process::classes_to_tell() {
    std::vector<driver::ClassInfo> classes;
    for (ClassSummary& each : all_classes(classes_told_))
        classes.push_back({std::move(each.name), std::move(each.super_name), each.flags});
    classes_told_ += classes.size();
    return classes;
}

/// What no later message may overtake, and what runs no code of the driver. False if it is another
/// message.
bool Process::handle_at_once(const Message& message) {
    switch (static_cast<driver::Kind>(message.kind)) {
        case driver::Kind::load:
            // On this thread, with no other one beside it: the second step of the sandbox closes in
            // here.
            load(message);
            return true;
        case driver::Kind::bind:
            if (auto request = parse<driver::Bind>(message)) {
                objects_.set_classes(request->entry, std::move(request->classes));
            }
            return true;
        case driver::Kind::system_power:
            if (auto request = parse<driver::SystemPower>(message)) {
                connections_->set_asleep(request->asleep);
            }
            return true;
        case driver::Kind::instantiate: {
            used_ = true;
            // The runtime's own class: its init() waits for nobody.
            auto request = decode<driver::Instantiate>(message);
            if (!request || request->class_name != "IOUserServer") return false;
            instantiate(message);
            return true;
        }
        case driver::Kind::assign:
            if (auto request = parse<driver::Assign>(message); request && set_title_ != nullptr)
                set_title_(step_context_, request->title.c_str(), request->bundle_id.c_str());
            return true;
        case driver::Kind::resume:
            resume(message.serial);
            return true;
        case driver::Kind::repeat:
            repeat(message);
            return true;
        case driver::Kind::examine:
            examine(message.serial);
            return true;
        default:
            return false;
    }
}

/// Another opendextd leads from now on: it hears which requests wait for an answer.
void Process::resume(uint64_t serial) {
    driver::Resumed answer;
    {
        const std::lock_guard lock(mutex_);
        for (const auto& [number, pending] : pending_) {
            // One that is being sent right now reaches the new opendextd by itself.
            if (pending->sent && !pending->done) answer.waiting.push_back(number);
        }
    }
    post(encode(std::move(answer), serial));
}

void Process::repeat(const Message& message) {
    auto request = parse<driver::Repeat>(message);
    if (!request) return;
    const std::lock_guard lock(mutex_);
    for (const uint64_t serial : request->serials) {
        const auto found = pending_.find(serial);
        if (found != pending_.end() && !found->second->done) send(*found->second->request);
    }
}

void Process::handle_call(Message message, bool may_run_here) {
    auto request = parse<driver::Call>(message);
    if (!request) {
        stop_leading();
        return;
    }
    auto call = std::make_shared<RemoteCall>(shared_from_this(), message.serial);
    if (!call->prepare(request->invocation, message.fds)) {
        const std::lock_guard lock(mutex_);
        leader_present_ = false;
        return;
    }
    const auto executor = call->executor();
    auto task = make_task([call] { call->run(); });
    if (executor == nullptr) {
        stop_leading();
        if (may_run_here) {
            task->run();
        } else {
            ThreadPool::shared().submit(std::move(task));
        }
        return;
    }
    // Claimed before another thread may receive the next message, so the order of messages is kept.
    if (may_run_here && executor->try_claim()) {
        stop_leading();
        executor->run_claimed(std::move(task));
        return;
    }
    if (executor->async(std::move(task)) == Executor::Outcome::cancelled) {
        call->refuse(kIOReturnOffline, "the queue of the method is cancelled");
    }
    const std::lock_guard lock(mutex_);
    leader_present_ = false;
}

void Process::handle_other(Message message) {
    switch (static_cast<driver::Kind>(message.kind)) {
        case driver::Kind::instantiate:
            instantiate(message);
            return;
        case driver::Kind::drop:
            drop(message);
            return;
        case driver::Kind::attach_client:
            attach_client(std::move(message));
            return;
        case driver::Kind::detach_client:
            if (auto request = parse<driver::DetachClient>(message)) {
                connections_->close(request->connection, "the client closed the connection");
            }
            return;
        case driver::Kind::source_ready:
            if (auto request = parse<driver::SourceReady>(message)) watches_.ready(request->source);
            return;
        case driver::Kind::exit:
            if (auto request = parse<driver::Exit>(message)) {
                LiveServices::shared().report();
                end(0, request->reason);
            }
            return;
        default:
            end(70, "unknown message kind " + std::to_string(message.kind) + " from opendextd");
    }
}

void Process::instantiate(const Message& message) {
    auto request = parse<driver::Instantiate>(message);
    if (!request) return;
    OSMetaClass* meta = find_class(request->class_name);
    if (meta == nullptr) {
        reply(message.serial, kIOReturnUnsupported, "no user class found: " + request->class_name);
        return;
    }
    if (!is_kind_of(meta, gIOServiceMetaClass)) {
        reply(message.serial, kIOReturnUnsupported, request->class_name + " is not an IOService");
        return;
    }
    OSObject* object = nullptr;
    set_pending_entry(request->entry);
    const kern_return_t result = OSObjectAllocate(meta, &object);
    set_pending_entry(0);
    if (result != kIOReturnSuccess) {
        reply(message.serial, result, "init of " + request->class_name + " failed");
        return;
    }
    set_entry(static_cast<IOService*>(object), request->entry);
    const bool bound = objects_.bind(request->entry, object);
    object->release();
    if (!bound) {
        reply(message.serial, kIOReturnBadArgument, "the registry entry has an object already");
        return;
    }
    if (request->start_serial == 0) return reply(message.serial, kIOReturnSuccess);
    {
        // An opendextd that adopts the process may not know that it was sent along.
        const std::lock_guard lock(mutex_);
        named_serials_.insert(request->start_serial);
    }
    reply(message.serial, kIOReturnSuccess);
    call_now(request->start, request->start_serial);
}

/// Runs a call on this thread, or on the queue of the method.
void Process::call_now(const protocol::Invocation& invocation, uint64_t serial) {
    auto call = std::make_shared<RemoteCall>(shared_from_this(), serial);
    std::vector<UniqueFd> none;
    if (!call->prepare(invocation, none)) return;
    const auto executor = call->executor();
    auto task = make_task([call] { call->run(); });
    if (executor == nullptr) {
        task->run();
    } else if (executor->try_claim()) {
        executor->run_claimed(std::move(task));
    } else if (executor->async(std::move(task)) == Executor::Outcome::cancelled) {
        call->refuse(kIOReturnOffline, "the queue of the method is cancelled");
    }
}

void Process::drop(const Message& message) {
    auto request = parse<driver::Drop>(message);
    if (!request) return;
    if ((request->entry & kDriverActionBit) != 0) {
        if (OSAction* action = objects_.take_action(request->entry)) {
            action_aborted(action);
            action->release();
        }
        return;
    }
    {
        const std::lock_guard lock(mutex_);
        for (const auto name :
             {driver::Named::instantiate, driver::Named::start, driver::Named::stop})
            named_serials_.erase(driver::named_serial(name, request->entry));
    }
    OSObject* object = objects_.take(request->entry);
    if (object == nullptr) return;
    connections_->close_of(object);
    object->release();
}

void Process::attach_client(Message message) {
    auto request = parse<driver::AttachClient>(message);
    if (!request) return;
    if (message.fds.size() != 2) {  // the system had none left for this process
        return reply(message.serial, kIOReturnNoResources,
                     "the driver process has too many descriptors for another connection");
    }
    OSObject* object = objects_.copy_own(request->entry);
    auto* client = OSDynamicCast(IOUserClient, object);
    if (client == nullptr) {
        reply(message.serial, kIOReturnBadArgument, "the entry is no user client of this process");
    } else if (auto attached = connections_->attach(client, *request, std::move(message.fds[0]),
                                                    Socket(std::move(message.fds[1])));
               !attached) {
        reply(message.serial, kIOReturnNoResources, attached.error().text());
    } else if (OSObject* bound = objects_.copy_own(request->entry); bound == nullptr) {
        // Dropped meanwhile, when there was no connection to close yet.
        connections_->close_of(object);
        reply(message.serial, kIOReturnBadArgument, "the user client was dropped");
    } else {
        bound->release();
        reply(message.serial, kIOReturnSuccess);
    }
    OSSafeReleaseNULL(object);
}

}  // namespace opendext::runtime
