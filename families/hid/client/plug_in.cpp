// SPDX-License-Identifier: Apache-2.0
// The interfaces of <IOKit/hid/IOHIDDevicePlugIn.h>: the objects of the functions, behind tables of
// functions. `sender` of call-backs is the object that the functions have, too.
#include "iokit/client/plug_in.h"

#include <IOKit/hid/IOHIDDevicePlugIn.h>
#include <IOKit/hid/IOHIDQueue.h>

#include <algorithm>
#include <atomic>
#include <cstring>

#include "families/hid/client/device.h"
#include "families/hid/client/queue.h"
#include "families/hid/client/requests.h"
#include "families/hid/client/transaction.h"
#include "iokit/client/reason.h"

namespace opendext::hid_client {
namespace {

using opendext::client::fail;

/// What a program holds: a pointer to this. One face of an object; all faces share its count.
struct Face {
    const void* functions;
    class Object* object;
};

class Object {
  public:
    Object() = default;
    Object(const Object&) = delete;
    Object& operator=(const Object&) = delete;
    virtual ~Object() = default;
    /// The face for an interface, without a reference; or a new object's, with its only one
    /// (`fresh`). nullptr: there is none.
    virtual Face* find(CFUUIDRef interface, bool& fresh) = 0;
    ULONG retain() { return ++count_; }
    ULONG release() {
        const ULONG left = --count_;
        if (left == 0) delete this;
        return left;
    }

  private:
    std::atomic<ULONG> count_ = 1;
};

HRESULT query(void* self, REFIID bytes, LPVOID* result) {
    if (result == nullptr) return E_POINTER;
    *result = nullptr;
    CFUUIDRef interface = CFUUIDCreateFromUUIDBytes(nullptr, bytes);
    bool fresh = false;
    Object* object = static_cast<Face*>(self)->object;
    Face* found = object->find(interface, fresh);
    CFRelease(interface);
    if (found == nullptr) return E_NOINTERFACE;
    if (!fresh) found->object->retain();
    *result = found;
    return S_OK;
}
ULONG add_reference(void* self) {
    return static_cast<Face*>(self)->object->retain();
}
ULONG drop_reference(void* self) {
    return static_cast<Face*>(self)->object->release();
}

double seconds(uint32_t milliseconds) {
    return milliseconds / 1000.0;
}

IOReturn no_place(const char* what) {
    return fail(kIOReturnBadArgument, std::string("no place for the ") + what);
}

// Queues.
// -------------------------------------------------------------------------------------------------

/// Values that a queue of the plug-in keeps before anybody says another number.
constexpr CFIndex kQueueDepth = 20;

class QueueObject final : public Object {
  public:
    explicit QueueObject(IOHIDQueueRef queue) : queue(queue) {}
    Face* find(CFUUIDRef interface, bool&) override {
        return CFEqual(interface, kIOHIDDeviceQueueInterfaceID) || CFEqual(interface, IUnknownUUID)
                   ? &face
                   : nullptr;
    }
    static const IOHIDDeviceQueueInterface functions;
    const cf::Owned<IOHIDQueueRef> queue;
    Face face{&functions, this};
};

IOHIDQueueRef queue_of(void* self) {
    return static_cast<QueueObject*>(static_cast<Face*>(self)->object)->queue.get();
}

const IOHIDDeviceQueueInterface QueueObject::functions = {
    nullptr,
    query,
    add_reference,
    drop_reference,
    // getAsyncEventSource
    [](void* self, CFTypeRef* source) -> IOReturn {
        if (source == nullptr) return no_place("source");
        *source = const_cast<Queue&>(cf::to<Queue>(queue_of(self), "getAsyncEventSource"))
                      .schedule()
                      .port()
                      .run_loop_source();
        return kIOReturnSuccess;
    },
    // setDepth
    [](void* self, uint32_t depth, IOOptionBits) -> IOReturn {
        IOHIDQueueSetDepth(queue_of(self), depth);
        return kIOReturnSuccess;
    },
    // getDepth
    [](void* self, uint32_t* depth) -> IOReturn {
        if (depth == nullptr) return no_place("depth");
        *depth = static_cast<uint32_t>(IOHIDQueueGetDepth(queue_of(self)));
        return kIOReturnSuccess;
    },
    // addElement
    [](void* self, IOHIDElementRef element, IOOptionBits) -> IOReturn {
        IOHIDQueueAddElement(queue_of(self), element);
        return IOHIDQueueContainsElement(queue_of(self), element)
                   ? kIOReturnSuccess
                   : fail(kIOReturnBadArgument, "the element is not one of the queue's device");
    },
    // removeElement
    [](void* self, IOHIDElementRef element, IOOptionBits) -> IOReturn {
        IOHIDQueueRemoveElement(queue_of(self), element);
        return kIOReturnSuccess;
    },
    // containsElement
    [](void* self, IOHIDElementRef element, Boolean* value, IOOptionBits) -> IOReturn {
        if (value == nullptr) return no_place("answer");
        *value = IOHIDQueueContainsElement(queue_of(self), element);
        return kIOReturnSuccess;
    },
    // start
    [](void* self, IOOptionBits) -> IOReturn {
        IOHIDQueueStart(queue_of(self));
        return kIOReturnSuccess;
    },
    // stop
    [](void* self, IOOptionBits) -> IOReturn {
        IOHIDQueueStop(queue_of(self));
        return kIOReturnSuccess;
    },
    // setValueAvailableCallback
    [](void* self, IOHIDCallback callback, void* context) -> IOReturn {
        IOHIDQueueRegisterValueAvailableCallback(queue_of(self), callback, context);
        return kIOReturnSuccess;
    },
    // copyNextValue
    [](void* self, IOHIDValueRef* value, uint32_t timeout, IOOptionBits) -> IOReturn {
        if (value == nullptr) return no_place("value");
        *value = IOHIDQueueCopyNextValueWithTimeout(queue_of(self), seconds(timeout));
        return *value != nullptr ? kIOReturnSuccess : kIOReturnUnderrun;
    },
};

// Transactions.
// -------------------------------------------------------------------------------------------------

class TransactionObject final : public Object {
  public:
    explicit TransactionObject(IOHIDTransactionRef transaction) : transaction(transaction) {}
    Face* find(CFUUIDRef interface, bool&) override {
        return CFEqual(interface, kIOHIDDeviceTransactionInterfaceID) ||
                       CFEqual(interface, IUnknownUUID)
                   ? &face
                   : nullptr;
    }
    static const IOHIDDeviceTransactionInterface functions;
    const cf::Owned<IOHIDTransactionRef> transaction;
    Face face{&functions, this};
};

IOHIDTransactionRef transaction_of(void* self) {
    return static_cast<TransactionObject*>(static_cast<Face*>(self)->object)->transaction.get();
}

const IOHIDDeviceTransactionInterface TransactionObject::functions = {
    nullptr,
    query,
    add_reference,
    drop_reference,
    // getAsyncEventSource
    [](void* self, CFTypeRef* source) -> IOReturn {
        if (source == nullptr) return no_place("source");
        *source = const_cast<Transaction&>(
                      cf::to<Transaction>(transaction_of(self), "getAsyncEventSource"))
                      .schedule()
                      .port()
                      .run_loop_source();
        return kIOReturnSuccess;
    },
    // setDirection
    [](void* self, IOHIDTransactionDirectionType direction, IOOptionBits) -> IOReturn {
        IOHIDTransactionSetDirection(transaction_of(self), direction);
        return kIOReturnSuccess;
    },
    // getDirection
    [](void* self, IOHIDTransactionDirectionType* direction) -> IOReturn {
        if (direction == nullptr) return no_place("direction");
        *direction = IOHIDTransactionGetDirection(transaction_of(self));
        return kIOReturnSuccess;
    },
    // addElement
    [](void* self, IOHIDElementRef element, IOOptionBits) -> IOReturn {
        IOHIDTransactionAddElement(transaction_of(self), element);
        return IOHIDTransactionContainsElement(transaction_of(self), element)
                   ? kIOReturnSuccess
                   : fail(kIOReturnBadArgument,
                          "the element is not one of the transaction's device");
    },
    // removeElement
    [](void* self, IOHIDElementRef element, IOOptionBits) -> IOReturn {
        IOHIDTransactionRemoveElement(transaction_of(self), element);
        return kIOReturnSuccess;
    },
    // containsElement
    [](void* self, IOHIDElementRef element, Boolean* value, IOOptionBits) -> IOReturn {
        if (value == nullptr) return no_place("answer");
        *value = IOHIDTransactionContainsElement(transaction_of(self), element);
        return kIOReturnSuccess;
    },
    // setValue
    [](void* self, IOHIDElementRef element, IOHIDValueRef value, IOOptionBits options) -> IOReturn {
        IOHIDTransactionSetValue(transaction_of(self), element, value, options);
        return kIOReturnSuccess;
    },
    // getValue
    [](void* self, IOHIDElementRef element, IOHIDValueRef* value,
       IOOptionBits options) -> IOReturn {
        if (value == nullptr) return no_place("value");
        *value = IOHIDTransactionGetValue(transaction_of(self), element, options);
        return *value != nullptr ? kIOReturnSuccess : kIOReturnNotFound;
    },
    // commit
    [](void* self, uint32_t timeout, IOHIDCallback callback, void* context,
       IOOptionBits) -> IOReturn {
        return IOHIDTransactionCommitWithCallback(transaction_of(self), seconds(timeout), callback,
                                                  context);
    },
    // clear
    [](void* self, IOOptionBits) -> IOReturn {
        IOHIDTransactionClear(transaction_of(self));
        return kIOReturnSuccess;
    },
};

// Devices.
// -------------------------------------------------------------------------------------------------

class DeviceObject final : public Object {
  public:
    explicit DeviceObject(cf::Owned<Device*> device) : device(std::move(device)) {}
    Face* find(CFUUIDRef interface, bool& fresh) override;
    static const IOCFPlugInInterface plug_in;
    static const IOHIDDeviceTimeStampedDeviceInterface functions;
    const cf::Owned<Device*> device;
    Face plug_in_face{&plug_in, this};
    Face face{&functions, this};
};

Face* DeviceObject::find(CFUUIDRef interface, bool& fresh) {
    if (CFEqual(interface, kIOCFPlugInInterfaceID) || CFEqual(interface, IUnknownUUID))
        return &plug_in_face;
    // The second form has the first one's functions where they are there.
    if (CFEqual(interface, kIOHIDDeviceDeviceInterfaceID) ||
        CFEqual(interface, kIOHIDDeviceDeviceInterfaceID2))
        return &face;
    fresh = true;
    if (CFEqual(interface, kIOHIDDeviceQueueInterfaceID)) {
        IOHIDQueueRef queue = IOHIDQueueCreate(nullptr, ref_of(device.get()), kQueueDepth, 0);
        return queue == nullptr ? nullptr : &(new QueueObject(queue))->face;
    }
    if (CFEqual(interface, kIOHIDDeviceTransactionInterfaceID)) {
        IOHIDTransactionRef transaction = IOHIDTransactionCreate(
            nullptr, ref_of(device.get()), kIOHIDTransactionDirectionTypeInput, 0);
        return transaction == nullptr ? nullptr : &(new TransactionObject(transaction))->face;
    }
    return nullptr;
}

const IOCFPlugInInterface DeviceObject::plug_in = {
    nullptr,
    query,
    add_reference,
    drop_reference,
    1,  // version
    0,  // revision
    // Probe
    [](void*, CFDictionaryRef, io_service_t, SInt32*) -> IOReturn { return kIOReturnSuccess; },
    // Start
    [](void*, CFDictionaryRef, io_service_t) -> IOReturn { return kIOReturnSuccess; },
    // Stop
    [](void*) -> IOReturn { return kIOReturnSuccess; },
};

Device& device_of_face(void* self) {
    return *static_cast<DeviceObject*>(static_cast<Face*>(self)->object)->device.get();
}

std::optional<ValueCompletion> completion(IOHIDValueCallback callback, void* context) {
    if (callback == nullptr) return std::nullopt;
    return ValueCompletion{callback, context};
}

const IOHIDDeviceTimeStampedDeviceInterface DeviceObject::functions = {
    nullptr,
    query,
    add_reference,
    drop_reference,
    // open
    [](void* self, IOOptionBits options) -> IOReturn { return device_of_face(self).open(options); },
    // close
    [](void* self, IOOptionBits) -> IOReturn { return device_of_face(self).close(); },
    // getProperty
    [](void* self, CFStringRef key, CFTypeRef* property) -> IOReturn {
        if (property == nullptr) return no_place("property");
        *property = device_of_face(self).property(key);
        return kIOReturnSuccess;
    },
    // setProperty
    [](void* self, CFStringRef key, CFTypeRef property) -> IOReturn {
        return device_of_face(self).set_property(key, property) ? kIOReturnSuccess : kIOReturnError;
    },
    // getAsyncEventSource
    [](void* self, CFTypeRef* source) -> IOReturn {
        if (source == nullptr) return no_place("source");
        *source = device_of_face(self).schedule().port().run_loop_source();
        return kIOReturnSuccess;
    },
    // copyMatchingElements
    [](void* self, CFDictionaryRef matching, CFArrayRef* elements, IOOptionBits) -> IOReturn {
        if (elements == nullptr) return no_place("elements");
        *elements = device_of_face(self).copy_elements(matching);
        return *elements != nullptr ? kIOReturnSuccess : kIOReturnUnsupported;
    },
    // setValue
    [](void* self, IOHIDElementRef element, IOHIDValueRef value, uint32_t timeout,
       IOHIDValueCallback callback, void* context, IOOptionBits) -> IOReturn {
        return set_value(device_of_face(self), element, value, seconds(timeout),
                         completion(callback, context));
    },
    // getValue
    [](void* self, IOHIDElementRef element, IOHIDValueRef* value, uint32_t timeout,
       IOHIDValueCallback callback, void* context, IOOptionBits options) -> IOReturn {
        return get_value(device_of_face(self), element, value, options, seconds(timeout),
                         completion(callback, context));
    },
    // setInputReportCallback
    [](void* self, uint8_t* report, CFIndex length, IOHIDReportCallback callback, void* context,
       IOOptionBits) -> IOReturn {
        IOHIDDeviceRegisterInputReportCallback(ref_of(&device_of_face(self)), report, length,
                                               callback, context);
        return kIOReturnSuccess;
    },
    // setReport
    [](void* self, IOHIDReportType type, uint32_t id, const uint8_t* report, CFIndex length,
       uint32_t timeout, IOHIDReportCallback callback, void* context, IOOptionBits) -> IOReturn {
        const ReportArguments arguments{type, id, report, length};
        if (callback == nullptr)
            return set_report(device_of_face(self), arguments, seconds(timeout));
        return send_report(device_of_face(self), arguments, nullptr, seconds(timeout), callback,
                           context);
    },
    // getReport
    [](void* self, IOHIDReportType type, uint32_t id, uint8_t* report, CFIndex* length,
       uint32_t timeout, IOHIDReportCallback callback, void* context, IOOptionBits) -> IOReturn {
        if (length == nullptr) return no_place("report's length");
        const ReportArguments arguments{type, id, report, *length};
        if (callback == nullptr)
            return get_report(device_of_face(self), arguments, length, seconds(timeout));
        return send_report(device_of_face(self), arguments, length, seconds(timeout), callback,
                           context);
    },
    // setInputReportWithTimeStampCallback
    [](void* self, uint8_t* report, CFIndex length, IOHIDReportWithTimeStampCallback callback,
       void* context, IOOptionBits) -> IOReturn {
        IOHIDDeviceRegisterInputReportWithTimeStampCallback(ref_of(&device_of_face(self)), report,
                                                            length, callback, context);
        return kIOReturnSuccess;
    },
};

IUnknownVTbl** make(io_service_t service) {
    cf::Owned<Device*> device = Device::create(service);
    if (!device) return nullptr;
    auto* object = new DeviceObject(std::move(device));
    return reinterpret_cast<IUnknownVTbl**>(&object->plug_in_face);
}

const opendext::client::PlugInRegistration registration(kIOHIDDeviceTypeID, make);

}  // namespace
}  // namespace opendext::hid_client
