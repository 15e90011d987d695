// SPDX-License-Identifier: Apache-2.0
#include "families/hid/client/transaction.h"

#include "iokit/client/reason.h"

namespace opendext::hid_client {

using opendext::client::fail;

const cf::Type Transaction::kType = cf::add_type("IOHIDTransaction");

Transaction::Transaction(Device& device, bool weak_device, IOHIDTransactionDirectionType direction,
                         std::shared_ptr<opendext::client::Port> port)
    : Object(kType),
      device_(device.weak()),
      kept_(weak_device ? cf::Owned<Device*>() : cf::Owned<Device*>::share(&device)),
      weak_(this),
      schedule_(std::move(port)),
      direction_(direction) {}

IOHIDTransactionDirectionType Transaction::direction() {
    const std::lock_guard lock(mutex_);
    return direction_;
}

void Transaction::set_direction(IOHIDTransactionDirectionType direction) {
    const std::lock_guard lock(mutex_);
    direction_ = direction;
}

void Transaction::add(Element& element) {
    const auto owner = element.device.lock();
    const auto own = device();
    if (!own || owner.get() != own.get()) return;
    const std::lock_guard lock(mutex_);
    items_.try_emplace(element.what.cookie, Item{cf::Owned<Element*>::share(&element), {}, {}});
}

void Transaction::remove(Element& element) {
    Item gone;  // released without the lock
    const std::lock_guard lock(mutex_);
    const auto found = items_.find(element.what.cookie);
    if (found == items_.end() || found->second.element.get() != &element) return;
    gone = std::move(found->second);
    items_.erase(found);
}

bool Transaction::contains(Element& element) {
    const std::lock_guard lock(mutex_);
    const auto found = items_.find(element.what.cookie);
    return found != items_.end() && found->second.element.get() == &element;
}

void Transaction::set_value(Element& element, cf::Owned<Value*> value, bool as_default) {
    const std::lock_guard lock(mutex_);
    const auto found = items_.find(element.what.cookie);
    if (found == items_.end() || found->second.element.get() != &element) return;
    std::swap(as_default ? found->second.otherwise : found->second.value, value);
}

Value* Transaction::value(Element& element, bool the_default) {
    const std::lock_guard lock(mutex_);
    const auto found = items_.find(element.what.cookie);
    if (found == items_.end() || found->second.element.get() != &element) return nullptr;
    return the_default ? found->second.otherwise.get() : found->second.value.get();
}

void Transaction::clear() {
    const std::lock_guard lock(mutex_);
    for (auto& [cookie, item] : items_) item.value = {};
}

/// What an output transaction sent is forgotten; an input one has the values now.
void Transaction::committed(IOReturn result) {
    if (result != kIOReturnSuccess) return;
    if (direction() == kIOHIDTransactionDirectionTypeOutput) {
        clear();
        return;
    }
    const auto device = this->device();
    if (!device) return;
    const std::lock_guard lock(mutex_);
    for (auto& [cookie, item] : items_) {
        item.value = cf::Owned<Value*>::share(&const_cast<Value&>(
            cf::to<Value>(device.get()->known_value(*item.element.get()), "IOHIDTransaction")));
    }
}

IOReturn Transaction::commit(CFTimeInterval timeout, IOHIDCallback callback, void* context) {
    const auto device = this->device();
    if (!device) return fail(kIOReturnNoDevice, "the transaction's device is gone");
    std::vector<Item> items;  // keeps what is sent
    IOHIDTransactionDirectionType direction{};
    {
        const std::lock_guard lock(mutex_);
        direction = direction_;
        for (const auto& [cookie, item] : items_) items.push_back(item);
    }
    Device::AllDone done;
    if (callback != nullptr) {
        done = [weak = weak_, callback, context](IOReturn result, std::string reason) {
            const auto transaction = weak.lock();
            if (!transaction) return;
            transaction.get()->committed(result);
            transaction.get()->schedule_.post([=] {
                const auto transaction = weak.lock();
                if (!transaction) return;
                if (result != kIOReturnSuccess)
                    fail(result, reason.empty() ? "the device refused a report" : reason);
                callback(context, result, cf::to_ref<IOHIDTransactionRef>(transaction.get()));
            });
        };
    }
    IOReturn result = kIOReturnSuccess;
    if (direction == kIOHIDTransactionDirectionTypeInput) {
        std::vector<Element*> elements;
        for (const Item& item : items) elements.push_back(item.element.get());
        result = device.get()->update_values(elements, kIOHIDDeviceGetValueWithUpdate, timeout,
                                             std::move(done));
    } else {
        std::vector<Device::ValueRequest> values;
        for (const Item& item : items) {
            const Value* value = item.value ? item.value.get() : item.otherwise.get();
            if (value != nullptr) values.push_back({item.element.get(), value});
        }
        result = device.get()->set_values(values, timeout, std::move(done));
    }
    if (callback == nullptr) committed(result);
    return result;
}

namespace {

Transaction& transaction_of(IOHIDTransactionRef ref, const char* function) {
    return const_cast<Transaction&>(cf::to<Transaction>(ref, function));
}

bool is_default(IOOptionBits options) {
    return (options & kIOHIDTransactionOptionDefaultOutputValue) != 0;
}

}  // namespace
}  // namespace opendext::hid_client

using namespace opendext;
using namespace opendext::hid_client;

CFTypeID IOHIDTransactionGetTypeID(void) {
    return static_cast<CFTypeID>(Transaction::kType);
}

IOHIDTransactionRef IOHIDTransactionCreate(CFAllocatorRef, IOHIDDeviceRef device,
                                           IOHIDTransactionDirectionType direction,
                                           IOOptionBits options) {
    auto port = opendext::client::Port::create();
    if (!port.ok()) {
        opendext::client::fail(port.error());
        return nullptr;
    }
    return cf::to_ref<IOHIDTransactionRef>(new Transaction(
        device_of(device, "IOHIDTransactionCreate"),
        (options & kIOHIDTransactionOptionsWeakDevice) != 0, direction, std::move(port).value()));
}

IOHIDDeviceRef IOHIDTransactionGetDevice(IOHIDTransactionRef transaction) {
    return ref_of(transaction_of(transaction, "IOHIDTransactionGetDevice").device().get());
}
IOHIDTransactionDirectionType IOHIDTransactionGetDirection(IOHIDTransactionRef transaction) {
    return transaction_of(transaction, "IOHIDTransactionGetDirection").direction();
}
void IOHIDTransactionSetDirection(IOHIDTransactionRef transaction,
                                  IOHIDTransactionDirectionType direction) {
    transaction_of(transaction, "IOHIDTransactionSetDirection").set_direction(direction);
}
void IOHIDTransactionAddElement(IOHIDTransactionRef transaction, IOHIDElementRef element) {
    transaction_of(transaction, "IOHIDTransactionAddElement")
        .add(element_of(element, "IOHIDTransactionAddElement"));
}
void IOHIDTransactionRemoveElement(IOHIDTransactionRef transaction, IOHIDElementRef element) {
    transaction_of(transaction, "IOHIDTransactionRemoveElement")
        .remove(element_of(element, "IOHIDTransactionRemoveElement"));
}
Boolean IOHIDTransactionContainsElement(IOHIDTransactionRef transaction, IOHIDElementRef element) {
    return transaction_of(transaction, "IOHIDTransactionContainsElement")
        .contains(element_of(element, "IOHIDTransactionContainsElement"));
}
void IOHIDTransactionScheduleWithRunLoop(IOHIDTransactionRef transaction, CFRunLoopRef runLoop,
                                         CFStringRef runLoopMode) {
    transaction_of(transaction, "IOHIDTransactionScheduleWithRunLoop")
        .schedule()
        .add(runLoop, runLoopMode);
}
void IOHIDTransactionUnscheduleFromRunLoop(IOHIDTransactionRef transaction, CFRunLoopRef runLoop,
                                           CFStringRef runLoopMode) {
    transaction_of(transaction, "IOHIDTransactionUnscheduleFromRunLoop")
        .schedule()
        .remove(runLoop, runLoopMode);
}
void IOHIDTransactionSetValue(IOHIDTransactionRef transaction, IOHIDElementRef element,
                              IOHIDValueRef value, IOOptionBits options) {
    cf::Owned<hid_client::Value*> kept;
    if (value != nullptr)
        kept = cf::Owned<hid_client::Value*>::share(&const_cast<hid_client::Value&>(
            cf::to<hid_client::Value>(value, "IOHIDTransactionSetValue")));
    transaction_of(transaction, "IOHIDTransactionSetValue")
        .set_value(element_of(element, "IOHIDTransactionSetValue"), std::move(kept),
                   is_default(options));
}
IOHIDValueRef IOHIDTransactionGetValue(IOHIDTransactionRef transaction, IOHIDElementRef element,
                                       IOOptionBits options) {
    return ref_of(transaction_of(transaction, "IOHIDTransactionGetValue")
                      .value(element_of(element, "IOHIDTransactionGetValue"), is_default(options)));
}
IOReturn IOHIDTransactionCommit(IOHIDTransactionRef transaction) {
    return transaction_of(transaction, "IOHIDTransactionCommit").commit(0, nullptr, nullptr);
}
IOReturn IOHIDTransactionCommitWithCallback(IOHIDTransactionRef transaction, CFTimeInterval timeout,
                                            IOHIDCallback callback, void* context) {
    return transaction_of(transaction, "IOHIDTransactionCommitWithCallback")
        .commit(timeout, callback, context);
}
void IOHIDTransactionClear(IOHIDTransactionRef transaction) {
    transaction_of(transaction, "IOHIDTransactionClear").clear();
}
