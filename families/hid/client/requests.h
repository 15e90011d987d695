// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <IOKit/hid/IOHIDDevice.h>

#include <optional>

#include "families/hid/client/device.h"

/// What the two interfaces to a device have in common: functions (IOHIDDevice.h) and plug-in
/// (IOHIDDevicePlugIn.h).
namespace opendext::hid_client {

/// A report as a program passes it, or its room.
struct ReportArguments {
    IOHIDReportType type;
    CFIndex id;
    const uint8_t* bytes;
    CFIndex length;
};

IOReturn set_report(Device& device, ReportArguments arguments, CFTimeInterval timeout = 0);
IOReturn get_report(Device& device, ReportArguments arguments, CFIndex* length,
                    CFTimeInterval timeout = 0);
/// With a call-back; a get if there is a `length` to write to.
IOReturn send_report(Device& device, ReportArguments arguments, CFIndex* length,
                     CFTimeInterval timeout, IOHIDReportCallback callback, void* context);

struct ValueCompletion {
    IOHIDValueCallback callback = nullptr;
    void* context = nullptr;
};
/// Without a completion they wait.
IOReturn set_value(Device& device, IOHIDElementRef element, IOHIDValueRef value,
                   CFTimeInterval timeout, const std::optional<ValueCompletion>& completion);
IOReturn get_value(Device& device, IOHIDElementRef element, IOHIDValueRef* value, uint32_t options,
                   CFTimeInterval timeout, const std::optional<ValueCompletion>& completion);

/// nullopt, with the reason kept, for an element of another device.
std::optional<Element*> own_element(Device& device, IOHIDElementRef ref, const char* function);

}  // namespace opendext::hid_client
