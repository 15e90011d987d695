// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <IOKit/hid/IOHIDTransaction.h>

#include <map>
#include <mutex>

#include "families/hid/client/device.h"
#include "families/hid/client/schedule.h"

namespace opendext::hid_client {

/// An IOHIDTransaction.
class Transaction final : public cf::Object {
  public:
    static const cf::Type kType;
    Transaction(Device& device, bool weak_device, IOHIDTransactionDirectionType direction,
                std::shared_ptr<opendext::client::Port> port);
    ~Transaction() override { weak_.forget(); }

    [[nodiscard]] cf::Owned<Device*> device() const { return device_.lock(); }
    [[nodiscard]] IOHIDTransactionDirectionType direction();
    void set_direction(IOHIDTransactionDirectionType direction);
    void add(Element& element);
    void remove(Element& element);
    [[nodiscard]] bool contains(Element& element);
    /// `value` empty takes it back.
    void set_value(Element& element, cf::Owned<Value*> value, bool as_default);
    /// Stays the transaction's.
    [[nodiscard]] Value* value(Element& element, bool the_default);
    void clear();
    /// `callback` nullptr: waits.
    IOReturn commit(CFTimeInterval timeout, IOHIDCallback callback, void* context);
    [[nodiscard]] Schedule& schedule() { return schedule_; }

  private:
    struct Item {
        cf::Owned<Element*> element;
        cf::Owned<Value*> value;
        cf::Owned<Value*> otherwise;
    };
    void committed(IOReturn result);

    const cf::Weak<Device> device_;
    const cf::Owned<Device*> kept_;
    cf::Weak<Transaction> weak_;
    Schedule schedule_;
    std::mutex mutex_;
    IOHIDTransactionDirectionType direction_;
    std::map<hid::Cookie, Item> items_;
};

}  // namespace opendext::hid_client
