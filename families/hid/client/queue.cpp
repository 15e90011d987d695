// SPDX-License-Identifier: Apache-2.0
#include "families/hid/client/queue.h"

#include <algorithm>

#include "families/hid/client/times.h"
#include "iokit/client/reason.h"

namespace opendext::hid_client {

const cf::Type Queue::kType = cf::add_type("IOHIDQueue");

Queue::Queue(cf::Owned<Device*> device, size_t depth, bool everything,
             std::shared_ptr<opendext::client::Port> port)
    : Object(kType),
      device(std::move(device)),
      weak_(this),
      everything_(everything),
      schedule_(std::move(port)),
      depth_(depth) {}

void Queue::offer(Value& value, bool changed) {
    const std::lock_guard lock(mutex_);
    if (!started_ || !(changed || everything_) ||
        !cookies_.contains(value.element.get()->what.cookie))
        return;
    announce_ = announce_ || values_.empty();
    values_.push_back(cf::Owned<Value*>::share(&value));
    while (values_.size() > depth_) values_.pop_front();
}

void Queue::offered() {
    {
        const std::lock_guard lock(mutex_);
        if (!std::exchange(announce_, false) || values_.empty()) return;
        came_.notify_all();
    }
    schedule_.post([weak = weak_] {
        const auto queue = weak.lock();
        if (!queue) return;
        IOHIDCallback callback = nullptr;
        void* context = nullptr;
        {
            const std::lock_guard lock(queue.get()->mutex_);
            callback = queue.get()->callback_;
            context = queue.get()->context_;
        }
        if (callback != nullptr)
            callback(context, kIOReturnSuccess, cf::to_ref<IOHIDQueueRef>(queue.get()));
    });
}

void Queue::set_depth(size_t depth) {
    const std::lock_guard lock(mutex_);
    depth_ = depth;
    while (values_.size() > depth_) values_.pop_front();
}

size_t Queue::depth() {
    const std::lock_guard lock(mutex_);
    return depth_;
}

void Queue::add(Element& element) {
    const std::lock_guard lock(mutex_);
    cookies_.insert(element.what.cookie);
}

void Queue::remove(Element& element) {
    const std::lock_guard lock(mutex_);
    cookies_.erase(element.what.cookie);
}

bool Queue::contains(Element& element) {
    const std::lock_guard lock(mutex_);
    return cookies_.contains(element.what.cookie);
}

void Queue::start(bool on) {
    const std::lock_guard lock(mutex_);
    started_ = on;
}

void Queue::on_value(IOHIDCallback callback, void* context) {
    const std::lock_guard lock(mutex_);
    callback_ = callback;
    context_ = context;
}

Value* Queue::copy_next(std::chrono::nanoseconds timeout) {
    std::unique_lock lock(mutex_);
    if (timeout.count() > 0) came_.wait_for(lock, timeout, [&] { return !values_.empty(); });
    if (values_.empty()) return nullptr;
    Value* value = values_.front().release();
    values_.pop_front();
    return value;
}

namespace {

Queue& queue_of(IOHIDQueueRef ref, const char* function) {
    return const_cast<Queue&>(cf::to<Queue>(ref, function));
}

/// The element of this queue's device; others would never have a value in it.
Element* own_element(Queue& queue, IOHIDElementRef ref, const char* function) {
    Element& element = element_of(ref, function);
    const auto device = element.device.lock();
    return device.get() == queue.device.get() ? &element : nullptr;
}

}  // namespace
}  // namespace opendext::hid_client

using namespace opendext;
using namespace opendext::hid_client;

CFTypeID IOHIDQueueGetTypeID(void) {
    return static_cast<CFTypeID>(Queue::kType);
}

IOHIDQueueRef IOHIDQueueCreate(CFAllocatorRef, IOHIDDeviceRef ref, CFIndex depth,
                               IOOptionBits options) {
    Device& device = device_of(ref, "IOHIDQueueCreate");
    auto port = opendext::client::Port::create();
    if (!port.ok() || depth <= 0) {
        if (port.ok()) {
            opendext::client::fail(kIOReturnBadArgument, "a queue has a depth of 1 at least");
        } else {
            opendext::client::fail(port.error());
        }
        return nullptr;
    }
    auto* queue =
        new Queue(cf::Owned<Device*>::share(&device), static_cast<size_t>(depth),
                  (options & kIOHIDQueueOptionsTypeEnqueueAll) != 0, std::move(port).value());
    device.add_queue(*queue);
    return cf::to_ref<IOHIDQueueRef>(queue);
}

IOHIDDeviceRef IOHIDQueueGetDevice(IOHIDQueueRef queue) {
    return ref_of(queue_of(queue, "IOHIDQueueGetDevice").device.get());
}
CFIndex IOHIDQueueGetDepth(IOHIDQueueRef queue) {
    return static_cast<CFIndex>(queue_of(queue, "IOHIDQueueGetDepth").depth());
}
void IOHIDQueueSetDepth(IOHIDQueueRef queue, CFIndex depth) {
    queue_of(queue, "IOHIDQueueSetDepth")
        .set_depth(static_cast<size_t>(std::max<CFIndex>(depth, 1)));
}

void IOHIDQueueAddElement(IOHIDQueueRef ref, IOHIDElementRef element) {
    Queue& queue = queue_of(ref, "IOHIDQueueAddElement");
    if (Element* own = own_element(queue, element, "IOHIDQueueAddElement")) queue.add(*own);
}
void IOHIDQueueRemoveElement(IOHIDQueueRef ref, IOHIDElementRef element) {
    Queue& queue = queue_of(ref, "IOHIDQueueRemoveElement");
    if (Element* own = own_element(queue, element, "IOHIDQueueRemoveElement")) queue.remove(*own);
}
Boolean IOHIDQueueContainsElement(IOHIDQueueRef ref, IOHIDElementRef element) {
    Queue& queue = queue_of(ref, "IOHIDQueueContainsElement");
    Element* own = own_element(queue, element, "IOHIDQueueContainsElement");
    return own != nullptr && queue.contains(*own);
}

void IOHIDQueueStart(IOHIDQueueRef queue) {
    queue_of(queue, "IOHIDQueueStart").start(true);
}
void IOHIDQueueStop(IOHIDQueueRef queue) {
    queue_of(queue, "IOHIDQueueStop").start(false);
}

void IOHIDQueueScheduleWithRunLoop(IOHIDQueueRef queue, CFRunLoopRef runLoop,
                                   CFStringRef runLoopMode) {
    queue_of(queue, "IOHIDQueueScheduleWithRunLoop").schedule().add(runLoop, runLoopMode);
}
void IOHIDQueueUnscheduleFromRunLoop(IOHIDQueueRef queue, CFRunLoopRef runLoop,
                                     CFStringRef runLoopMode) {
    queue_of(queue, "IOHIDQueueUnscheduleFromRunLoop").schedule().remove(runLoop, runLoopMode);
}
void IOHIDQueueSetDispatchQueue(IOHIDQueueRef queue, dispatch_queue_t dispatchQueue) {
    queue_of(queue, "IOHIDQueueSetDispatchQueue").schedule().set_queue(dispatchQueue);
}
void IOHIDQueueSetCancelHandler(IOHIDQueueRef queue, dispatch_block_t handler) {
    queue_of(queue, "IOHIDQueueSetCancelHandler").schedule().on_cancelled(function_of(handler));
}
void IOHIDQueueActivate(IOHIDQueueRef queue) {
    queue_of(queue, "IOHIDQueueActivate").schedule().activate();
}
void IOHIDQueueCancel(IOHIDQueueRef queue) {
    queue_of(queue, "IOHIDQueueCancel").schedule().cancel();
}

void IOHIDQueueRegisterValueAvailableCallback(IOHIDQueueRef queue, IOHIDCallback callback,
                                              void* context) {
    queue_of(queue, "IOHIDQueueRegisterValueAvailableCallback").on_value(callback, context);
}

IOHIDValueRef IOHIDQueueCopyNextValue(IOHIDQueueRef queue) {
    return ref_of(queue_of(queue, "IOHIDQueueCopyNextValue").copy_next({}));
}
IOHIDValueRef IOHIDQueueCopyNextValueWithTimeout(IOHIDQueueRef queue, CFTimeInterval timeout) {
    return ref_of(
        queue_of(queue, "IOHIDQueueCopyNextValueWithTimeout").copy_next(nanoseconds_of(timeout)));
}
