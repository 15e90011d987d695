// SPDX-License-Identifier: Apache-2.0
#include "families/hid/client/schedule.h"

#include <Block.h>

#include <algorithm>

namespace opendext::hid_client {

Schedule::~Schedule() {
    port_->close();
    if (queue_ != nullptr) dispatch_release(queue_);
}

void Schedule::add(CFRunLoopRef loop, CFStringRef mode) {
    CFRunLoopSourceRef source = port_->run_loop_source();
    if (source == nullptr) return;  // cancelled
    {
        const std::lock_guard lock(mutex_);
        loops_.push_back(
            {cf::Owned<CFRunLoopRef>::share(loop), cf::Owned<CFStringRef>::share(mode)});
    }
    CFRunLoopAddSource(loop, source, mode);
}

void Schedule::remove(CFRunLoopRef loop, CFStringRef mode) {
    {
        const std::lock_guard lock(mutex_);
        std::erase_if(loops_, [&](const Loop& known) {
            return known.loop.get() == loop && cf::equal(known.mode.get(), mode);
        });
    }
    if (CFRunLoopSourceRef source = port_->run_loop_source())
        CFRunLoopRemoveSource(loop, source, mode);
}

void Schedule::set_queue(dispatch_queue_t queue) {
    bool active = false;
    {
        const std::lock_guard lock(mutex_);
        if (queue != nullptr) dispatch_retain(queue);
        std::swap(queue, queue_);
        active = active_;
    }
    if (queue != nullptr) dispatch_release(queue);
    if (active) activate();
}

void Schedule::activate() {
    const std::lock_guard lock(mutex_);
    active_ = true;
    port_->set_queue(queue_);
}

void Schedule::on_cancelled(std::function<void()> handler) {
    const std::lock_guard lock(mutex_);
    cancelled_ = std::move(handler);
}

void Schedule::cancel() {
    struct Rest {
        std::shared_ptr<opendext::client::Port> port;
        std::function<void()> handler;
    };
    auto* rest = new Rest{port_, nullptr};
    dispatch_queue_t queue = nullptr;
    {
        const std::lock_guard lock(mutex_);
        rest->handler = std::exchange(cancelled_, nullptr);
        if (active_) queue = queue_;
        if (queue != nullptr) dispatch_retain(queue);
    }
    const auto end = [](void* context) {
        const std::unique_ptr<Rest> own(static_cast<Rest*>(context));
        own->port->close();
        if (own->handler) own->handler();
    };
    if (queue == nullptr) {
        end(rest);
        return;
    }
    dispatch_async_f(queue, rest, end);
    dispatch_release(queue);
}

void Schedule::copy_to(Schedule& other) const {
    std::vector<Loop> loops;
    dispatch_queue_t queue = nullptr;
    bool active = false;
    {
        const std::lock_guard lock(mutex_);
        loops = loops_;
        queue = queue_;
        active = active_;
        if (queue != nullptr) dispatch_retain(queue);
    }
    for (const Loop& known : loops) other.add(known.loop.get(), known.mode.get());
    if (queue == nullptr) return;
    other.set_queue(queue);
    if (active) other.activate();
    dispatch_release(queue);
}

std::function<void()> function_of(dispatch_block_t block) {
    if (block == nullptr) return nullptr;
    const std::shared_ptr<void> kept(reinterpret_cast<void*>(Block_copy(block)),
                                     [](void* copy) { Block_release(copy); });
    return [kept] { reinterpret_cast<dispatch_block_t>(kept.get())(); };
}

}  // namespace opendext::hid_client
