// SPDX-License-Identifier: Apache-2.0
#include "iokit/client/notification_port.h"

#include <opendext/client.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <utility>

#include "iokit/client/reason.h"
#include "iokit/corefoundation/run_loop.h"

namespace opendext::client {

Result<std::shared_ptr<Port>> Port::create() {
    UniqueFd event(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!event) return Error::system("cannot make a notification port");
    return std::make_shared<Port>(std::move(event));
}

Port::~Port() {
    if (source_ != nullptr) CFRelease(source_);
    if (queue_ != nullptr) dispatch_release(queue_);
}

void Port::schedule(CFRunLoopSourceRef& source_to_signal) {
    const uint64_t one = 1;
    (void)!::write(event_.get(), &one, sizeof one);  // full only if it is readable anyway
    if (source_ != nullptr) {
        source_to_signal = source_;
        CFRetain(source_to_signal);
    }
    if (queue_ != nullptr) {
        auto* self = new std::weak_ptr<Port>(weak_from_this());
        dispatch_async_f(queue_, self, [](void* context) {
            const std::unique_ptr<std::weak_ptr<Port>> own(
                static_cast<std::weak_ptr<Port>*>(context));
            if (const std::shared_ptr<Port> port = own->lock()) port->dispatch();
        });
    }
}

bool Port::post(std::function<void()> callback, size_t count) {
    CFRunLoopSourceRef source = nullptr;
    {
        const std::lock_guard lock(mutex_);
        if (closed_) return true;
        if (waiting_count_ >= kMaxWaiting) return false;
        waiting_.push_back({std::move(callback), count});
        waiting_count_ += count;
        schedule(source);
    }
    if (source == nullptr) return true;
    cf::signal_and_wake(source);
    CFRelease(source);
    return true;
}

void Port::dispatch() {
    uint64_t count = 0;
    (void)!::read(event_.get(), &count, sizeof count);
    for (;;) {
        std::function<void()> callback;
        {
            const std::lock_guard lock(mutex_);
            if (closed_ || waiting_.empty()) return;
            callback = std::move(waiting_.front().callback);
            waiting_count_ -= waiting_.front().count;
            waiting_.pop_front();
        }
        callback();
    }
}

void Port::close() {
    CFRunLoopSourceRef source = nullptr;
    std::deque<Waiting> dropped;
    {
        const std::lock_guard lock(mutex_);
        closed_ = true;
        dropped.swap(waiting_);
        waiting_count_ = 0;
        std::swap(source, source_);
    }
    if (source != nullptr) {
        CFRunLoopSourceInvalidate(source);
        CFRelease(source);
    }
}

CFRunLoopSourceRef Port::run_loop_source() {
    const std::lock_guard lock(mutex_);
    if (source_ == nullptr && !closed_) {
        CFRunLoopSourceContext context{};
        context.info = new std::weak_ptr<Port>(weak_from_this());
        context.release = [](const void* info) {
            delete static_cast<const std::weak_ptr<Port>*>(info);
        };
        context.perform = [](void* info) {
            if (const auto port = static_cast<std::weak_ptr<Port>*>(info)->lock()) port->dispatch();
        };
        source_ = CFRunLoopSourceCreate(nullptr, 0, &context);
        if (!waiting_.empty()) CFRunLoopSourceSignal(source_);  // came before anybody could run it
    }
    return source_;
}

void Port::set_queue(dispatch_queue_t queue) {
    CFRunLoopSourceRef source = nullptr;
    dispatch_queue_t old = nullptr;
    {
        const std::lock_guard lock(mutex_);
        if (queue != nullptr) dispatch_retain(queue);
        old = std::exchange(queue_, queue);
        if (queue_ != nullptr && !waiting_.empty()) schedule(source);
    }
    if (old != nullptr) dispatch_release(old);
    if (source != nullptr) CFRelease(source);
}

}  // namespace opendext::client

using namespace opendext::client;

IONotificationPortRef IONotificationPortCreate(mach_port_t) {
    auto port = Port::create();
    if (!port.ok()) {
        fail(port.error());
        return nullptr;
    }
    auto* made = new IONotificationPort{*port, IO_OBJECT_NULL};
    made->handle = HandleTable::instance().add(*port);
    return made;
}

void IONotificationPortDestroy(IONotificationPortRef notify) {
    if (notify == nullptr) return;
    notify->port->close();
    HandleTable::instance().remove(notify->handle);
    delete notify;
}

CFRunLoopSourceRef IONotificationPortGetRunLoopSource(IONotificationPortRef notify) {
    return notify->port->run_loop_source();
}

mach_port_t IONotificationPortGetMachPort(IONotificationPortRef notify) {
    return notify->handle;
}

void IONotificationPortSetDispatchQueue(IONotificationPortRef notify, dispatch_queue_t queue) {
    notify->port->set_queue(queue);
}

void IODispatchCalloutFromMessage(void*, mach_msg_header_t*, void* reference) {
    if (reference != nullptr)
        opendext_notification_port_dispatch(static_cast<IONotificationPortRef>(reference));
}

kern_return_t IONotificationPortSetImportanceReceiver(IONotificationPortRef) {
    return fail(kIOReturnUnsupported,
                "importance goes with Mach messages, which Linux does not have");
}

kern_return_t IOCreateReceivePort(uint32_t, mach_port_t* recvPort) {
    if (recvPort != nullptr) *recvPort = MACH_PORT_NULL;
    return fail(kIOReturnUnsupported,
                "Linux has no Mach ports to receive from; make an IONotificationPort and wait for "
                "opendext_notification_port_fd()");
}

int opendext_notification_port_fd(IONotificationPortRef port) {
    return port->port->fd();
}

void opendext_notification_port_dispatch(IONotificationPortRef port) {
    // The call-back may destroy the port.
    const std::shared_ptr<Port> own = port->port;
    own->dispatch();
}
