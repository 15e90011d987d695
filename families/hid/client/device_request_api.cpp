// SPDX-License-Identifier: Apache-2.0
// The functions of <IOKit/hid/IOHIDDevice.h> for reports and values.
#include <algorithm>
#include <cstring>

#include "families/hid/client/device.h"
#include "families/hid/client/requests.h"
#include "families/hid/link/wire.h"
#include "iokit/client/reason.h"
#include "iokit/corefoundation/collections.h"

namespace opendext::hid_client {

using opendext::client::fail;

std::optional<Element*> own_element(Device& device, IOHIDElementRef ref, const char* function) {
    Element& element = element_of(ref, function);
    const auto owner = element.device.lock();
    if (owner.get() == &device) return &element;
    fail(kIOReturnBadArgument, "the element is not one of " + device.name());
    return std::nullopt;
}

namespace {

/// nullopt, with the reason kept, for what no report can be.
std::optional<Device::Request> checked(Device& device, bool set, ReportArguments arguments) {
    const auto type = static_cast<uint32_t>(arguments.type);
    if (type >= kIOHIDReportTypeCount) {
        fail(kIOReturnBadArgument, "there is no report type " + std::to_string(type));
        return std::nullopt;
    }
    if (arguments.id < 0 || arguments.id > 255) {
        fail(kIOReturnBadArgument,
             "the report id " + std::to_string(arguments.id) + " is not in 0 to 255");
        return std::nullopt;
    }
    if (arguments.length <= 0 || arguments.length > static_cast<CFIndex>(hid::kMaxReport) ||
        arguments.bytes == nullptr) {
        fail(kIOReturnBadArgument,
             "a report has 1 to " + std::to_string(hid::kMaxReport) + " bytes, not " +
                 std::to_string(arguments.bytes == nullptr ? 0 : arguments.length));
        return std::nullopt;
    }
    Device::Request request;
    request.set = set;
    request.type = static_cast<ReportType>(type);
    request.id = static_cast<uint32_t>(arguments.id);
    if (!set) {
        request.room = static_cast<uint32_t>(arguments.length);
        return request;
    }
    if (device.descriptor().uses_report_ids && arguments.bytes[0] != arguments.id) {
        fail(kIOReturnBadArgument, device.name() + " uses report ids: the first byte of report " +
                                       std::to_string(arguments.id) + " has to be its id, not " +
                                       std::to_string(arguments.bytes[0]));
        return std::nullopt;
    }
    request.report.assign(arguments.bytes, arguments.bytes + arguments.length);
    return request;
}

constexpr IOReturn kRefused = kIOReturnBadArgument;  // what checked() and own_element() mean

}  // namespace

IOReturn set_report(Device& device, ReportArguments arguments, CFTimeInterval timeout) {
    const auto request = checked(device, true, arguments);
    if (!request) return kRefused;
    Answer answer;
    return device.request(*request, answer, timeout);
}

IOReturn get_report(Device& device, ReportArguments arguments, CFIndex* length,
                    CFTimeInterval timeout) {
    const auto request = checked(device, false, arguments);
    if (!request) return kRefused;
    Answer answer;
    const IOReturn result = device.request(*request, answer, timeout);
    if (result != kIOReturnSuccess) return result;
    const size_t count = std::min(answer.bytes.size(), static_cast<size_t>(arguments.length));
    if (count > 0) std::memcpy(const_cast<uint8_t*>(arguments.bytes), answer.bytes.data(), count);
    *length = static_cast<CFIndex>(count);
    return kIOReturnSuccess;
}

IOReturn send_report(Device& device, ReportArguments arguments, CFIndex* length,
                     CFTimeInterval timeout, IOHIDReportCallback callback, void* context) {
    const bool set = length == nullptr;
    const auto request = checked(device, set, arguments);
    if (!request) return kRefused;
    return device.request(
        *request, timeout,
        [weak = device.weak(), request = *request, arguments, length, callback,
         context](Answer answer) {
            const auto device = weak.lock();
            if (!device) return;
            device.get()->schedule().post([=, answer = std::move(answer)] {
                const auto device = weak.lock();
                if (!device) return;
                const IOReturn result = device.get()->finish(request, answer);
                CFIndex count = arguments.length;
                if (length != nullptr) {
                    count = static_cast<CFIndex>(
                        std::min(answer.bytes.size(), static_cast<size_t>(arguments.length)));
                    if (count > 0) {
                        std::memcpy(const_cast<uint8_t*>(arguments.bytes), answer.bytes.data(),
                                    static_cast<size_t>(count));
                    }
                    *length = count;
                }
                if (callback != nullptr) {
                    callback(context, result, ref_of(device.get()),
                             static_cast<IOHIDReportType>(request.type), request.id,
                             const_cast<uint8_t*>(arguments.bytes), count);
                }
            });
        });
}

namespace {

/// Runs `then` where the device is scheduled, with the reason of a failure kept there.
Device::AllDone scheduled(Device& device, std::function<void(Device&, IOReturn)> then) {
    return [weak = device.weak(), then = std::move(then)](IOReturn result, std::string reason) {
        const auto device = weak.lock();
        if (!device) return;
        device.get()->schedule().post([weak, then, result, reason = std::move(reason)] {
            const auto device = weak.lock();
            if (!device) return;
            if (result != kIOReturnSuccess)
                fail(result, device.get()->name() + ": " +
                                 (reason.empty() ? "the device refused it" : reason));
            then(*device.get(), result);
        });
    };
}

}  // namespace

IOReturn set_value(Device& device, IOHIDElementRef element, IOHIDValueRef ref,
                   CFTimeInterval timeout, const std::optional<ValueCompletion>& completion) {
    const auto own = own_element(device, element, "IOHIDDeviceSetValue");
    if (!own) return kRefused;
    const auto& value = cf::to<Value>(ref, "IOHIDDeviceSetValue");
    Device::AllDone done;
    if (completion) {
        const auto kept = cf::Owned<const Value*>::share(&value);
        done = scheduled(device, [kept, completion](Device& device, IOReturn result) {
            if (completion->callback != nullptr)
                completion->callback(completion->context, result, ref_of(&device),
                                     ref_of(kept.get()));
        });
    }
    return device.set_values({{*own, &value}}, timeout, std::move(done));
}

IOReturn get_value(Device& device, IOHIDElementRef ref, IOHIDValueRef* value, uint32_t options,
                   CFTimeInterval timeout, const std::optional<ValueCompletion>& completion) {
    const auto own = own_element(device, ref, "IOHIDDeviceGetValue");
    if (!own) return kRefused;
    if (!completion) {
        if (value == nullptr) return fail(kIOReturnBadArgument, "no place for the value");
        const IOReturn result = device.update_values({*own}, options, timeout, nullptr);
        if (result == kIOReturnSuccess) *value = device.known_value(**own);
        return result;
    }
    const auto element = cf::Owned<Element*>::share(*own);
    return device.update_values(
        {*own}, options, timeout,
        scheduled(device, [element, value, completion](Device& device, IOReturn result) {
            IOHIDValueRef known =
                result == kIOReturnSuccess ? device.known_value(*element.get()) : nullptr;
            if (value != nullptr && known != nullptr) *value = known;
            if (completion->callback != nullptr)
                completion->callback(completion->context, result, ref_of(&device), known);
        }));
}

namespace {

/// {element: value} of the program; nullopt with the reason kept.
std::optional<std::vector<Device::ValueRequest>> values_of(Device& device,
                                                           CFDictionaryRef multiple) {
    std::vector<Device::ValueRequest> values;
    const auto& all = cf::to<cf::Dictionary>(multiple, "IOHIDDeviceSetValueMultiple");
    for (const auto& [element, value] : all.map()) {
        const auto own =
            own_element(device, static_cast<IOHIDElementRef>(const_cast<void*>(element)),
                        "IOHIDDeviceSetValueMultiple");
        if (!own) return std::nullopt;
        values.push_back({*own, &cf::to<Value>(value, "IOHIDDeviceSetValueMultiple")});
    }
    return values;
}

std::optional<std::vector<Element*>> elements_of(Device& device, CFArrayRef elements) {
    std::vector<Element*> own;
    for (const void* ref : cf::to<cf::Array>(elements, "IOHIDDeviceCopyValueMultiple").values()) {
        const auto element =
            own_element(device, static_cast<IOHIDElementRef>(const_cast<void*>(ref)),
                        "IOHIDDeviceCopyValueMultiple");
        if (!element) return std::nullopt;
        own.push_back(*element);
    }
    return own;
}

cf::Owned<CFMutableDictionaryRef> known_values(Device& device,
                                               const std::vector<Element*>& elements) {
    cf::Owned made(CFDictionaryCreateMutable(nullptr, 0, &kCFTypeDictionaryKeyCallBacks,
                                             &kCFTypeDictionaryValueCallBacks));
    for (Element* element : elements)
        CFDictionarySetValue(made.get(), element, device.known_value(*element));
    return made;
}

}  // namespace
}  // namespace opendext::hid_client

using namespace opendext;
using namespace opendext::hid_client;

IOReturn IOHIDDeviceSetReport(IOHIDDeviceRef device, IOHIDReportType reportType, CFIndex reportID,
                              const uint8_t* report, CFIndex reportLength) {
    return set_report(device_of(device, "IOHIDDeviceSetReport"),
                      {reportType, reportID, report, reportLength});
}

IOReturn IOHIDDeviceSetReportWithCallback(IOHIDDeviceRef device, IOHIDReportType reportType,
                                          CFIndex reportID, const uint8_t* report,
                                          CFIndex reportLength, CFTimeInterval timeout,
                                          IOHIDReportCallback callback, void* context) {
    return send_report(device_of(device, "IOHIDDeviceSetReportWithCallback"),
                       {reportType, reportID, report, reportLength}, nullptr, timeout, callback,
                       context);
}

IOReturn IOHIDDeviceGetReport(IOHIDDeviceRef device, IOHIDReportType reportType, CFIndex reportID,
                              uint8_t* report, CFIndex* pReportLength) {
    Device& own = device_of(device, "IOHIDDeviceGetReport");
    if (pReportLength == nullptr)
        return opendext::client::fail(kIOReturnBadArgument, "no length of the report's room");
    return get_report(own, {reportType, reportID, report, *pReportLength}, pReportLength);
}

IOReturn IOHIDDeviceGetReportWithCallback(IOHIDDeviceRef device, IOHIDReportType reportType,
                                          CFIndex reportID, uint8_t* report, CFIndex* pReportLength,
                                          CFTimeInterval timeout, IOHIDReportCallback callback,
                                          void* context) {
    Device& own = device_of(device, "IOHIDDeviceGetReportWithCallback");
    if (pReportLength == nullptr)
        return opendext::client::fail(kIOReturnBadArgument, "no length of the report's room");
    return send_report(own, {reportType, reportID, report, *pReportLength}, pReportLength, timeout,
                       callback, context);
}

IOReturn IOHIDDeviceSetValue(IOHIDDeviceRef device, IOHIDElementRef element, IOHIDValueRef value) {
    return set_value(device_of(device, "IOHIDDeviceSetValue"), element, value, 0, std::nullopt);
}

IOReturn IOHIDDeviceSetValueWithCallback(IOHIDDeviceRef device, IOHIDElementRef element,
                                         IOHIDValueRef value, CFTimeInterval timeout,
                                         IOHIDValueCallback callback, void* context) {
    return set_value(device_of(device, "IOHIDDeviceSetValueWithCallback"), element, value, timeout,
                     ValueCompletion{callback, context});
}

IOReturn IOHIDDeviceSetValueMultiple(IOHIDDeviceRef ref, CFDictionaryRef multiple) {
    Device& device = device_of(ref, "IOHIDDeviceSetValueMultiple");
    const auto values = values_of(device, multiple);
    return values ? device.set_values(*values, 0, nullptr) : kRefused;
}

IOReturn IOHIDDeviceSetValueMultipleWithCallback(IOHIDDeviceRef ref, CFDictionaryRef multiple,
                                                 CFTimeInterval timeout,
                                                 IOHIDValueMultipleCallback callback,
                                                 void* context) {
    Device& device = device_of(ref, "IOHIDDeviceSetValueMultipleWithCallback");
    const auto values = values_of(device, multiple);
    if (!values) return kRefused;
    const auto kept = cf::Owned<CFDictionaryRef>::share(multiple);
    return device.set_values(*values, timeout,
                             scheduled(device, [=](Device& device, IOReturn result) {
                                 if (callback != nullptr)
                                     callback(context, result, ref_of(&device), kept.get());
                             }));
}

IOReturn IOHIDDeviceGetValue(IOHIDDeviceRef device, IOHIDElementRef element,
                             IOHIDValueRef* pValue) {
    return get_value(device_of(device, "IOHIDDeviceGetValue"), element, pValue, 0, 0, std::nullopt);
}

IOReturn IOHIDDeviceGetValueWithOptions(IOHIDDeviceRef device, IOHIDElementRef element,
                                        IOHIDValueRef* pValue, uint32_t options) {
    return get_value(device_of(device, "IOHIDDeviceGetValueWithOptions"), element, pValue, options,
                     0, std::nullopt);
}

IOReturn IOHIDDeviceGetValueWithCallback(IOHIDDeviceRef device, IOHIDElementRef element,
                                         IOHIDValueRef* pValue, CFTimeInterval timeout,
                                         IOHIDValueCallback callback, void* context) {
    return get_value(device_of(device, "IOHIDDeviceGetValueWithCallback"), element, pValue, 0,
                     timeout, ValueCompletion{callback, context});
}

IOReturn IOHIDDeviceCopyValueMultiple(IOHIDDeviceRef ref, CFArrayRef elements,
                                      CFDictionaryRef* pMultiple) {
    Device& device = device_of(ref, "IOHIDDeviceCopyValueMultiple");
    const auto own = elements_of(device, elements);
    if (!own) return kRefused;
    if (pMultiple == nullptr)
        return opendext::client::fail(kIOReturnBadArgument, "no place for the values");
    const IOReturn result = device.update_values(*own, 0, 0, nullptr);
    if (result == kIOReturnSuccess) *pMultiple = known_values(device, *own).release();
    return result;
}

IOReturn IOHIDDeviceCopyValueMultipleWithCallback(IOHIDDeviceRef ref, CFArrayRef elements,
                                                  CFDictionaryRef* pMultiple,
                                                  CFTimeInterval timeout,
                                                  IOHIDValueMultipleCallback callback,
                                                  void* context) {
    Device& device = device_of(ref, "IOHIDDeviceCopyValueMultipleWithCallback");
    const auto own = elements_of(device, elements);
    if (!own) return kRefused;
    const auto kept = cf::Owned<CFArrayRef>::share(elements);
    return device.update_values(
        *own, 0, timeout,
        scheduled(device,
                  [kept, own, pMultiple, callback, context](Device& device, IOReturn result) {
                      cf::Owned<CFMutableDictionaryRef> values;
                      if (result == kIOReturnSuccess) values = known_values(device, *own);
                      if (pMultiple != nullptr && values)
                          *pMultiple = cf::Owned<CFMutableDictionaryRef>(values).release();
                      if (callback != nullptr)
                          callback(context, result, ref_of(&device), values.get());
                  }));
}
