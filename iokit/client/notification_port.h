// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CoreFoundation/CFRunLoop.h>
#include <dispatch/dispatch.h>

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>

#include "iokit/client/handles.h"
#include "rpc/fd.h"

namespace opendext::client {

/// Where call-backs wait until the program runs them: on a run loop, on a queue, or by itself.
class Port final : public HandleObject, public std::enable_shared_from_this<Port> {
  public:
    static constexpr Kind kKind = Kind::port;
    static Result<std::shared_ptr<Port>> create();
    explicit Port(UniqueFd event) : HandleObject(kKind), event_(std::move(event)) {}
    ~Port() override;

    /// So many call-backs may wait; a program that lets more pile up does not run its port.
    static constexpr size_t kMaxWaiting = 256 * 1024;
    /// Queues something that makes `count` call-backs; any thread. Dropped once the port is
    /// destroyed. False if too many wait.
    bool post(std::function<void()> callback, size_t count = 1);
    /// Runs what waits, on the calling thread.
    void dispatch();
    /// No call-back starts after this, but on a thread that is within dispatch().
    void close();
    [[nodiscard]] bool closed() const { return closed_.load(std::memory_order_acquire); }

    CFRunLoopSourceRef run_loop_source();
    void set_queue(dispatch_queue_t queue);
    [[nodiscard]] int fd() const { return event_.get(); }

  private:
    /// Has dispatch() called where the port is attached to; under the lock.
    void schedule(CFRunLoopSourceRef& source_to_signal);

    const UniqueFd event_;
    std::mutex mutex_;
    struct Waiting {
        std::function<void()> callback;
        size_t count = 0;
    };
    std::deque<Waiting> waiting_;
    size_t waiting_count_ = 0;  // of call-backs
    CFRunLoopSourceRef source_ = nullptr;
    dispatch_queue_t queue_ = nullptr;
    std::atomic<bool> closed_ = false;
};

}  // namespace opendext::client

/// What an IONotificationPortRef points to: the program's one reference.
struct IONotificationPort {
    std::shared_ptr<opendext::client::Port> port;
    io_object_t handle = IO_OBJECT_NULL;
};
