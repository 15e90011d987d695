// SPDX-License-Identifier: Apache-2.0
// The functions of <IOKit/hid/IOHIDDevice.h> but for reports and values (device_request_api.cpp).
#include "families/hid/client/device.h"
#include "iokit/client/reason.h"

using namespace opendext;
using namespace opendext::hid_client;

CFTypeID IOHIDDeviceGetTypeID(void) {
    return static_cast<CFTypeID>(Device::kType);
}

IOHIDDeviceRef IOHIDDeviceCreate(CFAllocatorRef, io_service_t service) {
    return ref_of(Device::create(service).release());
}

io_service_t IOHIDDeviceGetService(IOHIDDeviceRef device) {
    return device_of(device, "IOHIDDeviceGetService").service();
}

IOReturn IOHIDDeviceOpen(IOHIDDeviceRef device, IOOptionBits options) {
    return device_of(device, "IOHIDDeviceOpen").open(options);
}

IOReturn IOHIDDeviceClose(IOHIDDeviceRef device, IOOptionBits) {
    return device_of(device, "IOHIDDeviceClose").close();
}

Boolean IOHIDDeviceConformsTo(IOHIDDeviceRef device, uint32_t usagePage, uint32_t usage) {
    return device_of(device, "IOHIDDeviceConformsTo").conforms_to(usagePage, usage);
}

CFTypeRef IOHIDDeviceGetProperty(IOHIDDeviceRef device, CFStringRef key) {
    return device_of(device, "IOHIDDeviceGetProperty").property(key);
}

Boolean IOHIDDeviceSetProperty(IOHIDDeviceRef device, CFStringRef key, CFTypeRef property) {
    return device_of(device, "IOHIDDeviceSetProperty").set_property(key, property);
}

CFArrayRef IOHIDDeviceCopyMatchingElements(IOHIDDeviceRef device, CFDictionaryRef matching,
                                           IOOptionBits) {
    return device_of(device, "IOHIDDeviceCopyMatchingElements").copy_elements(matching);
}

void IOHIDDeviceScheduleWithRunLoop(IOHIDDeviceRef device, CFRunLoopRef runLoop,
                                    CFStringRef runLoopMode) {
    device_of(device, "IOHIDDeviceScheduleWithRunLoop").schedule().add(runLoop, runLoopMode);
}

void IOHIDDeviceUnscheduleFromRunLoop(IOHIDDeviceRef device, CFRunLoopRef runLoop,
                                      CFStringRef runLoopMode) {
    device_of(device, "IOHIDDeviceUnscheduleFromRunLoop").schedule().remove(runLoop, runLoopMode);
}

void IOHIDDeviceSetDispatchQueue(IOHIDDeviceRef device, dispatch_queue_t queue) {
    device_of(device, "IOHIDDeviceSetDispatchQueue").schedule().set_queue(queue);
}

void IOHIDDeviceSetCancelHandler(IOHIDDeviceRef device, dispatch_block_t handler) {
    device_of(device, "IOHIDDeviceSetCancelHandler").schedule().on_cancelled(function_of(handler));
}

void IOHIDDeviceActivate(IOHIDDeviceRef device) {
    device_of(device, "IOHIDDeviceActivate").schedule().activate();
}

void IOHIDDeviceCancel(IOHIDDeviceRef device) {
    device_of(device, "IOHIDDeviceCancel").schedule().cancel();
}

void IOHIDDeviceRegisterRemovalCallback(IOHIDDeviceRef device, IOHIDCallback callback,
                                        void* context) {
    device_of(device, "IOHIDDeviceRegisterRemovalCallback").on_removal(callback, context);
}

void IOHIDDeviceRegisterInputValueCallback(IOHIDDeviceRef device, IOHIDValueCallback callback,
                                           void* context) {
    device_of(device, "IOHIDDeviceRegisterInputValueCallback")
        .change_handlers(HandlersOf::program, [&](InputHandlers& handlers) {
            handlers.value = callback;
            handlers.value_context = context;
        });
}

void IOHIDDeviceRegisterInputReportCallback(IOHIDDeviceRef device, uint8_t* report,
                                            CFIndex reportLength, IOHIDReportCallback callback,
                                            void* context) {
    device_of(device, "IOHIDDeviceRegisterInputReportCallback")
        .change_handlers(HandlersOf::program, [&](InputHandlers& handlers) {
            handlers.report = callback;
            handlers.report_context = context;
            handlers.report_buffer = report;
            handlers.report_room = reportLength;
        });
}

void IOHIDDeviceRegisterInputReportWithTimeStampCallback(IOHIDDeviceRef device, uint8_t* report,
                                                         CFIndex reportLength,
                                                         IOHIDReportWithTimeStampCallback callback,
                                                         void* context) {
    device_of(device, "IOHIDDeviceRegisterInputReportWithTimeStampCallback")
        .change_handlers(HandlersOf::program, [&](InputHandlers& handlers) {
            handlers.timed = callback;
            handlers.timed_context = context;
            handlers.timed_buffer = report;
            handlers.timed_room = reportLength;
        });
}

void IOHIDDeviceSetInputValueMatching(IOHIDDeviceRef device, CFDictionaryRef matching) {
    device_of(device, "IOHIDDeviceSetInputValueMatching")
        .match_values(HandlersOf::program, element_matching(matching));
}

void IOHIDDeviceSetInputValueMatchingMultiple(IOHIDDeviceRef device, CFArrayRef multiple) {
    device_of(device, "IOHIDDeviceSetInputValueMatchingMultiple")
        .match_values(HandlersOf::program, element_matching(multiple));
}
