// SPDX-License-Identifier: Apache-2.0
#include "runtime/family.h"

#include <DriverKit/IOService.h>

#include <cstdarg>
#include <cstdio>
#include <utility>

#include "runtime/dispatch/executor.h"
#include "runtime/dispatch/thread_pool.h"
#include "runtime/dma/address_space.h"
#include "runtime/log/log.h"
#include "runtime/memory/memory_ivars.h"
#include "runtime/messages/descriptor_object.h"
#include "runtime/messages/invoke.h"
#include "runtime/objects/class_registry.h"
#include "runtime/service/service_ivars.h"
#include "runtime/user_client/connection.h"

namespace opendext::family {

Result<UniqueFd> take_descriptor(OSObject* object) {
    runtime::DescriptorObject* descriptor = runtime::as_descriptor(object);
    if (descriptor == nullptr) return Error{Errc::invalid, 0, "the object is no file descriptor"};
    return descriptor->take();
}

OSObject* make_descriptor(UniqueFd fd) {
    return runtime::make_descriptor_object(std::move(fd));
}

Result<MemoryView> memory_of(IOMemoryDescriptor* memory) {
    if (memory == nullptr) return Error{Errc::invalid, 0, "there is no memory descriptor"};
    const auto piece = OD_TRY(runtime::single_piece(memory));
    return MemoryView{piece.backing->fd.get(), piece.offset, piece.length};
}

Result<IOBufferMemoryDescriptor*> wrap_memory(UniqueFd fd, uint64_t offset, uint64_t length,
                                              uint64_t direction) {
    return runtime::make_foreign_memory(std::move(fd), offset, length, direction);
}

Result<BusMemory> memory_at_bus_address(IOService* device, uint64_t address) {
    if (device == nullptr) return Error{Errc::invalid, 0, "there is no device"};
    const auto found =
        OD_TRY(runtime::IoAddressSpace::shared().find(runtime::entry_of(device), address));
    return BusMemory{found.piece.backing,
                     found.piece.backing->fd.get(),
                     found.piece.offset,
                     found.piece.length,
                     (found.direction & kIOMemoryDirectionOut) != 0,
                     (found.direction & kIOMemoryDirectionIn) != 0 && found.piece.writable};
}

namespace {
/// Retains `object` for as long as there is the task.
runtime::TaskPtr task_of(IOService* object, std::function<void()> work) {
    object->retain();
    const std::shared_ptr<IOService> kept(object, [](IOService* own) { own->release(); });
    return runtime::make_task([kept, work = std::move(work)] { work(); });
}

/// The same.
runtime::TaskPtr task_of(IOService* object, Queue::Work work, void* context) {
    class Call final : public runtime::Task {
      public:
        Call(IOService* object, Queue::Work work, void* context)
            : object_(object), work_(work), context_(context) {
            object_->retain();
        }
        ~Call() override { object_->release(); }
        Call(const Call&) = delete;
        Call& operator=(const Call&) = delete;
        void run() override { work_(context_); }

      private:
        IOService* const object_;
        const Queue::Work work_;
        void* const context_;
    };
    return std::make_unique<Call>(object, work, context);
}

template <typename Work>
bool run_now(const std::shared_ptr<runtime::Executor>& executor, const Work& work) {
    if (executor->on_queue()) {
        work();
        return true;
    }
    if (!executor->try_claim()) return false;
    const runtime::Executor::Claimed claimed(executor);
    work();
    return true;
}

/// Behind what runs on this thread, or in line.
Ran put_behind(runtime::Executor& executor, runtime::TaskPtr task) {
    if (executor.on_queue()) {
        executor.follow(std::move(task));
        return Ran::later;
    }
    return executor.async(std::move(task)) == runtime::Executor::Outcome::cancelled ? Ran::cancelled
                                                                                    : Ran::later;
}
}  // namespace

Ran run_on_queue(IOService* object, const char* queue, std::function<void()> work) {
    const auto executor = runtime::executor_of(object, queue == nullptr ? "" : queue);
    if (executor == nullptr) return Ran::cancelled;
    if (run_now(executor, work)) return Ran::at_once;
    return executor->async(task_of(object, std::move(work))) ==
                   runtime::Executor::Outcome::cancelled
               ? Ran::cancelled
               : Ran::later;
}

bool run_if_idle(IOService* object, const char* queue, const std::function<void()>& work) {
    const auto executor = runtime::executor_of(object, queue == nullptr ? "" : queue);
    return executor != nullptr && run_now(executor, work);
}

Unanswered::Unanswered() : outer_(std::exchange(runtime::t_unanswered, true)) {}
Unanswered::~Unanswered() {
    runtime::t_unanswered = outer_;
}

Ran run_after(IOService* object, const char* queue, std::function<void()> work) {
    const auto executor = runtime::executor_of(object, queue == nullptr ? "" : queue);
    if (executor == nullptr) return Ran::cancelled;
    return put_behind(*executor, task_of(object, std::move(work)));
}

Ran run_after(IOService* object, const char* queue, Queue::Work work, void* context) {
    const auto executor = runtime::executor_of(object, queue == nullptr ? "" : queue);
    if (executor == nullptr) return Ran::cancelled;
    return put_behind(*executor, task_of(object, work, context));
}

const std::shared_ptr<runtime::Executor>& Queue::executor() {
    const uint32_t changes = object_->IOService::ivars->queue_changes.load();
    if (changes_ != changes) {
        executor_ = runtime::executor_of(object_, name_ == nullptr ? "" : name_);
        changes_ = changes;
    }
    return executor_;
}

bool Queue::run_if_idle(Work work, void* context) {
    const auto& own = executor();
    return own != nullptr && run_now(own, [=] { work(context); });
}

Ran Queue::run_on_queue(Work work, void* context) {
    const auto& own = executor();
    if (own == nullptr) return Ran::cancelled;
    if (run_now(own, [=] { work(context); })) return Ran::at_once;
    return own->async(task_of(object_, work, context)) == runtime::Executor::Outcome::cancelled
               ? Ran::cancelled
               : Ran::later;
}

bool runs_on_default_queue(IOService* object, uint64_t msgid) {
    const runtime::MethodPlace* place = runtime::place_of(object->meta, msgid);
    return place != nullptr && place->queue.empty();
}

int32_t call_here(OSMetaClassBase* object, const IORPC rpc) {
    return object->Dispatch(rpc);
}

void run_at_once(const char* class_name, uint64_t msgid) {
    runtime::run_at_once(class_name, msgid);
}

void handle_proxies(const char* class_name, ProxyMethods methods) {
    runtime::set_proxy_methods(class_name, methods);
}

uint32_t client_cpu() {
    return runtime::ClientConnection::client_cpu();
}

void start_thread(const char* name, std::function<void()> work) {
    runtime::start_thread(name, runtime::make_task([work = std::move(work)] { work(); }));
}

void log(LogType type, const char* family, const char* format, ...) {
    va_list arguments;
    va_start(arguments, format);
    char text[1024];
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    runtime::log_line(static_cast<runtime::LogType>(type), "org.opendext.family", family, text);
}

}  // namespace opendext::family
