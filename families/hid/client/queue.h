// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <IOKit/hid/IOHIDQueue.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <set>

#include "families/hid/client/device.h"
#include "families/hid/client/schedule.h"

namespace opendext::hid_client {

/// An IOHIDQueue.
class Queue final : public cf::Object {
  public:
    static const cf::Type kType;
    Queue(cf::Owned<Device*> device, size_t depth, bool everything,
          std::shared_ptr<opendext::client::Port> port);
    ~Queue() override { weak_.forget(); }

    /// From the device, for each value of a report; then once that they are all there.
    void offer(Value& value, bool changed);
    void offered();
    [[nodiscard]] bool wants_unchanged() const { return everything_; }

    void set_depth(size_t depth);
    [[nodiscard]] size_t depth();
    void add(Element& element);
    void remove(Element& element);
    [[nodiscard]] bool contains(Element& element);
    void start(bool on);
    void on_value(IOHIDCallback callback, void* context);
    /// nullptr if none came within that time.
    Value* copy_next(std::chrono::nanoseconds timeout);

    [[nodiscard]] const cf::Weak<Queue>& weak() const { return weak_; }
    [[nodiscard]] Schedule& schedule() { return schedule_; }
    const cf::Owned<Device*> device;

  private:
    cf::Weak<Queue> weak_;
    const bool everything_;
    Schedule schedule_;
    std::mutex mutex_;
    std::condition_variable came_;
    size_t depth_;
    bool started_ = false;
    bool announce_ = false;  ///< values came into the empty queue
    std::set<hid::Cookie> cookies_;
    std::deque<cf::Owned<Value*>> values_;
    IOHIDCallback callback_ = nullptr;
    void* context_ = nullptr;
};

}  // namespace opendext::hid_client
