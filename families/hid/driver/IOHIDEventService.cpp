// SPDX-License-Identifier: Apache-2.0
// The implementations that IOHIDEventService itself has.
#include <HIDDriverKit/IOHIDEventService.h>

#include <HIDDriverKit/IOHIDUsageTables.h>
#include <HIDDriverKit/IOUserHIDEventService.h>

#include "families/hid/driver/event_ivars.h"
#include "families/hid/driver/hid_event.h"

using opendext::hid::EventService;

bool IOHIDEventService::init() {
    if (!super::init()) return false;
    ivars = new IOHIDEventService_IVars(this);
    return true;
}

void IOHIDEventService::free() {
    delete ivars;
    ivars = nullptr;
    super::free();
}

kern_return_t IOHIDEventService::Start_Impl(IOService* provider) {
    const kern_return_t ret = Start(provider, SUPERDISPATCH);
    return ret == kIOReturnSuccess ? ivars->events.start() : ret;
}

kern_return_t IOHIDEventService::Stop_Impl(IOService* provider) {
    ivars->events.stop();
    return Stop(provider, SUPERDISPATCH);
}

kern_return_t IOHIDEventService::dispatchKeyboardEvent(uint64_t timeStamp, uint32_t usagePage,
                                                       uint32_t usage, uint32_t value,
                                                       IOOptionBits options, bool repeat) {
    if ((options & kIOHIDKeyboardEventOptionsNoKeyRepeat) != 0) repeat = false;
    return ivars->events.keyboard(timeStamp, usagePage, usage, value, repeat);
}

kern_return_t IOHIDEventService::dispatchRelativePointerEvent(uint64_t timeStamp, IOFixed dx,
                                                              IOFixed dy, uint32_t buttonState,
                                                              IOOptionBits, bool) {
    return ivars->events.relative_pointer(timeStamp, dx, dy, buttonState);
}

kern_return_t IOHIDEventService::dispatchAbsolutePointerEvent(uint64_t timeStamp, IOFixed x,
                                                              IOFixed y, uint32_t buttonState,
                                                              IOOptionBits, bool) {
    return ivars->events.absolute_pointer(timeStamp, x, y, buttonState);
}

kern_return_t IOHIDEventService::dispatchRelativeScrollWheelEvent(uint64_t timeStamp, IOFixed dx,
                                                                  IOFixed dy, IOFixed dz,
                                                                  IOOptionBits, bool) {
    return ivars->events.scroll(timeStamp, dx, dy, dz);
}

kern_return_t IOHIDEventService::dispatchDigitizerStylusEvent(
    uint64_t timeStamp, IOHIDDigitizerStylusData* stylusData) {
    if (stylusData == nullptr) return kIOReturnBadArgument;
    return ivars->events.stylus(timeStamp, *stylusData);
}

kern_return_t IOHIDEventService::dispatchDigitizerTouchEvent(uint64_t timeStamp,
                                                             IOHIDDigitizerTouchData* touchData,
                                                             uint32_t touchDataCount) {
    if (touchData == nullptr || touchDataCount == 0) return kIOReturnBadArgument;
    return ivars->events.touch(timeStamp, {touchData, touchDataCount});
}

void IOHIDEventService::dispatchEvent(IOHIDEvent* event) {
    if (event == nullptr) return;
    const uint64_t timestamp = event->timestamp();
    if (const auto* key = std::get_if<IOHIDEvent::Key>(&event->content())) {
        (void)dispatchKeyboardEvent(timestamp, key->page, key->usage, key->value, 0, true);
    } else if (const auto* touch = std::get_if<IOHIDDigitizerTouchData>(&event->content())) {
        IOHIDDigitizerTouchData one = *touch;
        (void)dispatchDigitizerTouchEvent(timestamp, &one, 1);
    } else if (const auto* stylus = std::get_if<IOHIDDigitizerStylusData>(&event->content())) {
        IOHIDDigitizerStylusData one = *stylus;
        (void)dispatchDigitizerStylusEvent(timestamp, &one);
    }
}

void IOHIDEventService::SetLED_Impl(uint32_t usage, bool on) {
    if (auto* service = OSDynamicCast(IOUserHIDEventService, this))
        (void)opendext::hid::set_light(service, kHIDPage_LEDs, usage, on);
}

kern_return_t IOHIDEventService::SetLEDState_Impl(uint32_t usagePage, uint32_t usage, bool on) {
    if (usagePage != kHIDPage_LEDs) return kIOReturnUnsupported;
    SetLED(usage, on);
    return kIOReturnSuccess;
}

kern_return_t IOHIDEventService::handleCopyMatchingEvent_Impl(OSDictionary*, IOHIDEvent** event) {
    if (event != nullptr) *event = nullptr;
    return kIOReturnUnsupported;
}

void IOHIDEventService::_SetUserProperties_Impl(OSDictionary* properties, uint64_t context,
                                                OSAction* action) {
    _CompleteSetProperties(action, SetProperties(properties), context);
}

void IOHIDEventService::_SetLED_Impl(uint32_t usagePage, uint32_t usage, bool on, uint64_t context,
                                     OSAction* action) {
    _CompleteSetLED(action, SetLEDState(usagePage, usage, on), context);
}

void IOHIDEventService::_CopyEvent_Impl(OSDictionary* matching, uint64_t context,
                                        OSAction* action) {
    IOHIDEvent* event = nullptr;
    (void)handleCopyMatchingEvent(matching, &event);
    OSSafeReleaseNULL(event);  // nobody on the other side has a use for it yet
    _CompleteCopyEvent(action, nullptr, context);
}
