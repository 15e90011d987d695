// SPDX-License-Identifier: Apache-2.0
#ifndef OPENDEXT_CLIENT_NOTIFICATIONS_HPP_
#define OPENDEXT_CLIENT_NOTIFICATIONS_HPP_

#include <opendext/client/registry.hpp>

#include <concepts>
#include <functional>
#include <memory>
#include <mutex>
#include <unordered_map>

namespace opendext::iokit {

/// Where call-backs come: exactly one of run_on_loop(), run_on_queue(), run_on_thread(), or the
/// program's own loop with descriptor() and dispatch(). Call-backs must not throw.
class NotificationPort {
  public:
    static Result<NotificationPort> create() {
        IONotificationPortRef port = IONotificationPortCreate(kIOMainPortDefault);
        if (port == nullptr) return last_error(kIOReturnNoResources);
        return NotificationPort(port);
    }
    NotificationPort(NotificationPort&& other) noexcept
        : port_(std::exchange(other.port_, nullptr)),
          own_queue_(std::exchange(other.own_queue_, nullptr)) {}
    NotificationPort& operator=(NotificationPort&& other) noexcept {
        std::swap(port_, other.port_);
        std::swap(own_queue_, other.own_queue_);
        return *this;
    }
    /// No call-back runs after it. With run_on_thread() it waits for the one that runs just now,
    /// and so must not be used by a call-back itself.
    ~NotificationPort() {
        if (port_ == nullptr) return;
        IONotificationPortDestroy(port_);
        if (own_queue_ != nullptr) {
            dispatch_sync_f(own_queue_, nullptr, [](void*) {});
            dispatch_release(own_queue_);
        }
    }

    void run_on_loop(CFRunLoopRef loop = CFRunLoopGetCurrent(),
                     CFRunLoopMode mode = kCFRunLoopDefaultMode) {
        CFRunLoopAddSource(loop, IONotificationPortGetRunLoopSource(port_), mode);
    }
    void run_on_queue(dispatch_queue_t queue) { IONotificationPortSetDispatchQueue(port_, queue); }
    /// A thread of the port's own.
    void run_on_thread() {
        if (own_queue_ != nullptr) return;
        own_queue_ = dispatch_queue_create("opendext.notifications", DISPATCH_QUEUE_SERIAL);
        IONotificationPortSetDispatchQueue(port_, own_queue_);
    }
    /// Readable while call-backs wait; the port's.
    [[nodiscard]] int descriptor() const { return opendext_notification_port_fd(port_); }
    /// Runs what waits, on this thread.
    void dispatch() { opendext_notification_port_dispatch(port_); }

    [[nodiscard]] IONotificationPortRef get() const { return port_; }

  private:
    explicit NotificationPort(IONotificationPortRef port) : port_(port) {}
    IONotificationPortRef port_ = nullptr;
    dispatch_queue_t own_queue_ = nullptr;
};

namespace detail {

/// Functions that notifications call, by number: a number that is no longer there is not called,
/// and a function that is taken away while it runs on another thread lives until it returns.
template <typename Signature>
class Functions;
template <typename... Arguments>
class Functions<void(Arguments...)> {
  public:
    using Function = std::function<void(Arguments...)>;
    static uintptr_t add(Function function) {
        const std::lock_guard lock(state().mutex);
        state().functions.emplace(++state().last, std::make_shared<Function>(std::move(function)));
        return state().last;
    }
    static void remove(uintptr_t number) {
        const std::lock_guard lock(state().mutex);
        state().functions.erase(number);
    }
    static void call(uintptr_t number, Arguments... arguments) {
        std::shared_ptr<Function> function;
        {
            const std::lock_guard lock(state().mutex);
            const auto found = state().functions.find(number);
            if (found == state().functions.end()) return;
            function = found->second;
        }
        (*function)(arguments...);
    }

  private:
    struct State {
        std::mutex mutex;
        std::unordered_map<uintptr_t, std::shared_ptr<Function>> functions;
        uintptr_t last = 0;
    };
    static State& state() {
        static State& state = *new State;  // outlives call-backs at the end of the program
        return state;
    }
};

}  // namespace detail

/// A request to be told; the destructor withdraws it.
template <typename Signature>
class Notification {
  public:
    Notification(Object object, uintptr_t function)
        : object_(std::move(object)), function_(function) {}
    Notification(Notification&& other) noexcept
        : object_(std::move(other.object_)), function_(std::exchange(other.function_, 0)) {}
    Notification& operator=(Notification&& other) noexcept {
        std::swap(object_, other.object_);
        std::swap(function_, other.function_);
        return *this;
    }
    ~Notification() {
        if (function_ != 0) detail::Functions<Signature>::remove(function_);
    }
    [[nodiscard]] io_object_t get() const { return object_.get(); }

  private:
    Object object_;
    uintptr_t function_ = 0;
};

using MatchingNotification = Notification<void(io_iterator_t)>;
using InterestNotification = Notification<void(io_service_t, uint32_t, void*)>;

/// Calls `function(Service)` for each service that matches now, on this thread before it returns,
/// and for each that comes later, on the port; the function may be move-only. `type`:
/// kIOPublishNotification, kIOFirstMatchNotification, kIOMatchedNotification,
/// kIOTerminatedNotification.
template <std::invocable<Service> Function>
Result<MatchingNotification> notify_matching(NotificationPort& port, const char* type,
                                             const Matching& matching, Function function) {
    auto shared = std::make_shared<Function>(std::move(function));
    const auto drain = [shared](io_iterator_t iterator) {
        while (const io_object_t service = IOIteratorNext(iterator)) {
            (*shared)(Service(Object::adopt(service)));
        }
    };
    const uintptr_t number = detail::Functions<void(io_iterator_t)>::add(drain);
    io_iterator_t iterator = IO_OBJECT_NULL;
    const kern_return_t code = IOServiceAddMatchingNotification(
        port.get(), type, matching.copy(),
        [](void* refcon, io_iterator_t found) {
            detail::Functions<void(io_iterator_t)>::call(reinterpret_cast<uintptr_t>(refcon),
                                                         found);
        },
        reinterpret_cast<void*>(number), &iterator);
    MatchingNotification notification(Object::adopt(iterator), number);
    if (code != KERN_SUCCESS) return last_error(code);
    drain(iterator);
    return notification;
}

/// Calls `function(type, argument)` for each message about a service: kIOMessageServiceIsTerminated
/// and so on. `interest`: kIOGeneralInterest or kIOBusyInterest.
template <std::invocable<uint32_t, void*> Function>
Result<InterestNotification> notify_interest(NotificationPort& port, const Service& service,
                                             Function function,
                                             const char* interest = kIOGeneralInterest) {
    using Functions = detail::Functions<void(io_service_t, uint32_t, void*)>;
    const uintptr_t number = Functions::add(
        [shared = std::make_shared<Function>(std::move(function))](
            io_service_t, uint32_t type, void* argument) { (*shared)(type, argument); });
    io_object_t object = IO_OBJECT_NULL;
    const kern_return_t code = IOServiceAddInterestNotification(
        port.get(), service.get(), interest,
        [](void* refcon, io_service_t from, uint32_t type, void* argument) {
            Functions::call(reinterpret_cast<uintptr_t>(refcon), from, type, argument);
        },
        reinterpret_cast<void*>(number), &object);
    InterestNotification notification(Object::adopt(object), number);
    if (code != KERN_SUCCESS) return last_error(code);
    return notification;
}

}  // namespace opendext::iokit

#endif
