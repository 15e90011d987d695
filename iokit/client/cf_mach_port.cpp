// SPDX-License-Identifier: Apache-2.0
#include <CoreFoundation/CFMachPort.h>
#include <IOKit/IOKitLib.h>
#include <mach/message.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <csignal>
#include <memory>
#include <mutex>
#include <thread>

#include "iokit/client/notification_port.h"
#include "iokit/corefoundation/run_loop.h"

namespace opendext::client {
namespace {

/// Watches a notification port's descriptor and has the call-back of a CFMachPort run on its loop:
/// at most one is on its way, so that a port that is not served costs nothing.
class Watcher {
  public:
    Watcher(std::shared_ptr<Port> port, CFRunLoopSourceRef source)
        : port_(std::move(port)), source_(source), event_(::eventfd(0, EFD_CLOEXEC)) {
        CFRetain(source_);
        sigset_t all;
        sigset_t old;
        ::sigfillset(&all);  // the program's signals are for its own threads
        ::pthread_sigmask(SIG_SETMASK, &all, &old);
        thread_ = std::thread(&Watcher::watch, this);
        ::pthread_sigmask(SIG_SETMASK, &old, nullptr);
    }
    ~Watcher() {
        over_.store(true);
        poke();
        thread_.join();
        CFRelease(source_);
    }
    /// The call-back has run: look at the port again.
    void done() { poke(); }

  private:
    void poke() const {
        const uint64_t one = 1;
        (void)!::write(event_.get(), &one, sizeof one);
    }
    void watch() {
        bool under_way = false;
        while (!over_.load()) {
            pollfd fds[] = {{event_.get(), POLLIN, 0}, {under_way ? -1 : port_->fd(), POLLIN, 0}};
            if (::poll(fds, 2, -1) < 0) continue;
            if (fds[0].revents != 0) {
                uint64_t count = 0;
                (void)!::read(event_.get(), &count, sizeof count);
                under_way = false;
            } else if (fds[1].revents != 0) {
                under_way = true;
                cf::signal_and_wake(source_);
            }
        }
    }

    const std::shared_ptr<Port> port_;
    const CFRunLoopSourceRef source_;
    const UniqueFd event_;
    std::atomic<bool> over_ = false;
    std::thread thread_;
};

class MachPort final : public cf::Object {
  public:
    static constexpr cf::Type kType = cf::Type::mach_port;
    MachPort(io_object_t handle, CFMachPortCallBack callout, const CFMachPortContext& context)
        : Object(kType), handle(handle), callout(callout), context(context) {
        if (context.retain != nullptr) context.retain(context.info);
    }
    ~MachPort() override {
        invalidate();
        if (context.release != nullptr) context.release(context.info);
        if (own != nullptr) IONotificationPortDestroy(own);
    }
    CFRunLoopSourceRef copy_source(CFIndex order);
    void invalidate();
    void perform();

    const io_object_t handle;
    const CFMachPortCallBack callout;
    const CFMachPortContext context;
    IONotificationPortRef own = nullptr;  ///< of CFMachPortCreate
    std::mutex mutex;
    bool valid = true;
    CFMachPortInvalidationCallBack on_invalidation = nullptr;

  private:
    CFRunLoopSourceRef source_ = nullptr;
    std::shared_ptr<Watcher> watcher_;
};

CFRunLoopSourceRef MachPort::copy_source(CFIndex order) {
    const std::lock_guard lock(mutex);
    if (!valid) return nullptr;
    if (source_ == nullptr) {
        const auto port = HandleTable::instance().find_as<Port>(handle);
        if (port == nullptr) return nullptr;
        // Source and port keep each other until the port is invalidated.
        CFRunLoopSourceContext source{};
        source.info = this;
        source.retain = CFRetain;
        source.release = CFRelease;
        source.perform = [](void* info) { static_cast<MachPort*>(info)->perform(); };
        source_ = CFRunLoopSourceCreate(nullptr, order, &source);
        watcher_ = std::make_shared<Watcher>(port, source_);
    }
    CFRetain(source_);
    return source_;
}

void MachPort::perform() {
    std::shared_ptr<Watcher> watcher;
    {
        const std::lock_guard lock(mutex);
        if (!valid) return;
        watcher = watcher_;
    }
    retain();  // the call-back may release the port
    mach_msg_header_t message{};
    if (callout != nullptr)
        callout(cf::to_ref<CFMachPortRef>(this), &message, sizeof message, context.info);
    watcher->done();
    watcher.reset();
    release();
}

void MachPort::invalidate() {
    CFRunLoopSourceRef source = nullptr;
    std::shared_ptr<Watcher> watcher;
    CFMachPortInvalidationCallBack tell = nullptr;
    {
        const std::lock_guard lock(mutex);
        if (!valid) return;
        valid = false;
        std::swap(source, source_);
        std::swap(watcher, watcher_);
        std::swap(tell, on_invalidation);
    }
    if (source != nullptr) {
        CFRunLoopSourceInvalidate(source);
        CFRelease(source);
    }
    if (tell != nullptr) tell(cf::to_ref<CFMachPortRef>(this), context.info);
}

MachPort& port_of(CFMachPortRef ref, const char* function) {
    return const_cast<MachPort&>(cf::to<MachPort>(ref, function));
}

}  // namespace
}  // namespace opendext::client

using namespace opendext::client;
namespace cf = opendext::cf;

CFTypeID CFMachPortGetTypeID(void) {
    return static_cast<CFTypeID>(cf::Type::mach_port);
}

CFMachPortRef CFMachPortCreate(CFAllocatorRef allocator, CFMachPortCallBack callout,
                               CFMachPortContext* context, Boolean* shouldFreeInfo) {
    IONotificationPortRef own = IONotificationPortCreate(MACH_PORT_NULL);
    if (own == nullptr) return nullptr;
    CFMachPortRef made = CFMachPortCreateWithPort(allocator, IONotificationPortGetMachPort(own),
                                                  callout, context, shouldFreeInfo);
    port_of(made, "CFMachPortCreate").own = own;
    return made;
}

CFMachPortRef CFMachPortCreateWithPort(CFAllocatorRef, mach_port_t portNum,
                                       CFMachPortCallBack callout, CFMachPortContext* context,
                                       Boolean* shouldFreeInfo) {
    if (shouldFreeInfo != nullptr) *shouldFreeInfo = FALSE;
    if (HandleTable::instance().find_as<Port>(portNum) == nullptr) return nullptr;
    return cf::to_ref<CFMachPortRef>(
        new MachPort(portNum, callout, context != nullptr ? *context : CFMachPortContext{}));
}

mach_port_t CFMachPortGetPort(CFMachPortRef port) {
    return port_of(port, "CFMachPortGetPort").handle;
}

void CFMachPortGetContext(CFMachPortRef port, CFMachPortContext* context) {
    *context = port_of(port, "CFMachPortGetContext").context;
}

void CFMachPortInvalidate(CFMachPortRef port) {
    port_of(port, "CFMachPortInvalidate").invalidate();
}

Boolean CFMachPortIsValid(CFMachPortRef ref) {
    MachPort& port = port_of(ref, "CFMachPortIsValid");
    const std::lock_guard lock(port.mutex);
    return port.valid;
}

CFMachPortInvalidationCallBack CFMachPortGetInvalidationCallBack(CFMachPortRef ref) {
    MachPort& port = port_of(ref, "CFMachPortGetInvalidationCallBack");
    const std::lock_guard lock(port.mutex);
    return port.on_invalidation;
}

void CFMachPortSetInvalidationCallBack(CFMachPortRef ref, CFMachPortInvalidationCallBack callout) {
    MachPort& port = port_of(ref, "CFMachPortSetInvalidationCallBack");
    {
        const std::lock_guard lock(port.mutex);
        if (port.valid) {
            port.on_invalidation = callout;
            return;
        }
    }
    if (callout != nullptr) callout(ref, port.context.info);
}

CFRunLoopSourceRef CFMachPortCreateRunLoopSource(CFAllocatorRef, CFMachPortRef port,
                                                 CFIndex order) {
    return port_of(port, "CFMachPortCreateRunLoopSource").copy_source(order);
}
