// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CoreFoundation/CoreFoundation.h>
#include <dispatch/dispatch.h>

#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "iokit/client/notification_port.h"
#include "iokit/corefoundation/object.h"

namespace opendext::hid_client {

/// Where an object's call-backs run: what scheduling, queues and cancelling are for all objects of
/// HID. Any thread.
class Schedule {
  public:
    explicit Schedule(std::shared_ptr<opendext::client::Port> port) : port_(std::move(port)) {}
    Schedule(const Schedule&) = delete;
    Schedule& operator=(const Schedule&) = delete;
    /// No call-back begins after this, but on a thread that is within one.
    ~Schedule();

    void add(CFRunLoopRef loop, CFStringRef mode);
    void remove(CFRunLoopRef loop, CFStringRef mode);
    /// Used from activate() on.
    void set_queue(dispatch_queue_t queue);
    void activate();
    /// Runs on the queue once nothing else of the object does, after cancel().
    void on_cancelled(std::function<void()> handler);
    void cancel();

    /// Runs `callback` where the object is scheduled; dropped after cancel().
    void post(std::function<void()> callback) { (void)port_->post(std::move(callback)); }
    [[nodiscard]] opendext::client::Port& port() { return *port_; }
    /// Does to another object what was done to this one.
    void copy_to(Schedule& other) const;

  private:
    struct Loop {
        cf::Owned<CFRunLoopRef> loop;
        cf::Owned<CFStringRef> mode;
    };

    const std::shared_ptr<opendext::client::Port> port_;
    mutable std::mutex mutex_;
    std::vector<Loop> loops_;
    dispatch_queue_t queue_ = nullptr;
    bool active_ = false;
    std::function<void()> cancelled_;
};

/// A dispatch_block_t as a function that keeps it.
std::function<void()> function_of(dispatch_block_t block);

}  // namespace opendext::hid_client
