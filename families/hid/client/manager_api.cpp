// SPDX-License-Identifier: Apache-2.0
#include "families/hid/client/manager.h"
#include "iokit/client/reason.h"
#include "iokit/corefoundation/collections.h"

using namespace opendext;
using namespace opendext::hid_client;

namespace {

Manager& manager_of(IOHIDManagerRef ref, const char* function) {
    return const_cast<Manager&>(cf::to<Manager>(ref, function));
}

}  // namespace

CFTypeID IOHIDManagerGetTypeID(void) {
    return static_cast<CFTypeID>(Manager::kType);
}

IOHIDManagerRef IOHIDManagerCreate(CFAllocatorRef, IOOptionBits options) {
    auto port = opendext::client::Port::create();
    if (!port.ok()) {
        opendext::client::fail(port.error());
        return nullptr;
    }
    return cf::to_ref<IOHIDManagerRef>(new Manager(options, std::move(port).value()));
}

IOReturn IOHIDManagerOpen(IOHIDManagerRef manager, IOOptionBits options) {
    return manager_of(manager, "IOHIDManagerOpen").open(options);
}
IOReturn IOHIDManagerClose(IOHIDManagerRef manager, IOOptionBits) {
    return manager_of(manager, "IOHIDManagerClose").close();
}
CFTypeRef IOHIDManagerGetProperty(IOHIDManagerRef manager, CFStringRef key) {
    return manager_of(manager, "IOHIDManagerGetProperty").property(key);
}
Boolean IOHIDManagerSetProperty(IOHIDManagerRef manager, CFStringRef key, CFTypeRef value) {
    return manager_of(manager, "IOHIDManagerSetProperty").set_property(key, value);
}

void IOHIDManagerScheduleWithRunLoop(IOHIDManagerRef manager, CFRunLoopRef runLoop,
                                     CFStringRef runLoopMode) {
    manager_of(manager, "IOHIDManagerScheduleWithRunLoop").add_to(runLoop, runLoopMode);
}
void IOHIDManagerUnscheduleFromRunLoop(IOHIDManagerRef manager, CFRunLoopRef runLoop,
                                       CFStringRef runLoopMode) {
    manager_of(manager, "IOHIDManagerUnscheduleFromRunLoop").remove_from(runLoop, runLoopMode);
}
void IOHIDManagerSetDispatchQueue(IOHIDManagerRef manager, dispatch_queue_t queue) {
    manager_of(manager, "IOHIDManagerSetDispatchQueue").set_queue(queue);
}
void IOHIDManagerSetCancelHandler(IOHIDManagerRef manager, dispatch_block_t handler) {
    manager_of(manager, "IOHIDManagerSetCancelHandler")
        .schedule()
        .on_cancelled(function_of(handler));
}
void IOHIDManagerActivate(IOHIDManagerRef manager) {
    manager_of(manager, "IOHIDManagerActivate").activate();
}
void IOHIDManagerCancel(IOHIDManagerRef manager) {
    manager_of(manager, "IOHIDManagerCancel").cancel();
}

void IOHIDManagerSetDeviceMatching(IOHIDManagerRef manager, CFDictionaryRef matching) {
    manager_of(manager, "IOHIDManagerSetDeviceMatching").match({matching});
}
void IOHIDManagerSetDeviceMatchingMultiple(IOHIDManagerRef manager, CFArrayRef multiple) {
    std::vector<CFDictionaryRef> all;
    if (multiple != nullptr) {
        for (const void* matching :
             cf::to<cf::Array>(multiple, "IOHIDManagerSetDeviceMatchingMultiple").values())
            all.push_back(static_cast<CFDictionaryRef>(matching));
    }
    manager_of(manager, "IOHIDManagerSetDeviceMatchingMultiple").match(all);
}
CFSetRef IOHIDManagerCopyDevices(IOHIDManagerRef manager) {
    return manager_of(manager, "IOHIDManagerCopyDevices").copy_devices();
}
void IOHIDManagerRegisterDeviceMatchingCallback(IOHIDManagerRef manager,
                                                IOHIDDeviceCallback callback, void* context) {
    manager_of(manager, "IOHIDManagerRegisterDeviceMatchingCallback")
        .on_matching(callback, context);
}
void IOHIDManagerRegisterDeviceRemovalCallback(IOHIDManagerRef manager,
                                               IOHIDDeviceCallback callback, void* context) {
    manager_of(manager, "IOHIDManagerRegisterDeviceRemovalCallback").on_removal(callback, context);
}

void IOHIDManagerRegisterInputReportCallback(IOHIDManagerRef manager, IOHIDReportCallback callback,
                                             void* context) {
    manager_of(manager, "IOHIDManagerRegisterInputReportCallback")
        .change_handlers([&](InputHandlers& handlers) {
            handlers.report = callback;
            handlers.report_context = context;
        });
}
void IOHIDManagerRegisterInputReportWithTimeStampCallback(IOHIDManagerRef manager,
                                                          IOHIDReportWithTimeStampCallback callback,
                                                          void* context) {
    manager_of(manager, "IOHIDManagerRegisterInputReportWithTimeStampCallback")
        .change_handlers([&](InputHandlers& handlers) {
            handlers.timed = callback;
            handlers.timed_context = context;
        });
}
void IOHIDManagerRegisterInputValueCallback(IOHIDManagerRef manager, IOHIDValueCallback callback,
                                            void* context) {
    manager_of(manager, "IOHIDManagerRegisterInputValueCallback")
        .change_handlers([&](InputHandlers& handlers) {
            handlers.value = callback;
            handlers.value_context = context;
        });
}
void IOHIDManagerSetInputValueMatching(IOHIDManagerRef manager, CFDictionaryRef matching) {
    manager_of(manager, "IOHIDManagerSetInputValueMatching")
        .match_values(element_matching(matching));
}
void IOHIDManagerSetInputValueMatchingMultiple(IOHIDManagerRef manager, CFArrayRef multiple) {
    manager_of(manager, "IOHIDManagerSetInputValueMatchingMultiple")
        .match_values(element_matching(multiple));
}
void IOHIDManagerSaveToPropertyDomain(IOHIDManagerRef manager, CFStringRef applicationID,
                                      CFStringRef, CFStringRef, IOOptionBits) {
    manager_of(manager, "IOHIDManagerSaveToPropertyDomain").save_properties(applicationID);
}
