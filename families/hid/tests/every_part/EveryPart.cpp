// SPDX-License-Identifier: Apache-2.0
#include "EveryPart.h"

#include <DriverKit/DriverKit.h>
#include <HIDDriverKit/HIDDriverKit.h>
#include <os/log.h>

struct EveryPart_IVars {
    uint32_t keyboard, pointer, scroll, led, digitizer, proximity, game, remaining, elements;
    uint32_t handled;
    bool dispatched;
};

namespace {

uint32_t Count(uint32_t* counter, bool taken) {
    if (taken) (*counter)++;
    return taken;
}

}  // namespace

// Facts: IOUserHIDEventDriver.init
bool EveryPart::init() {
    if (!super::init()) return false;
    ivars = IONewZero(EveryPart_IVars, 1);
    return ivars != nullptr;
}

// Facts: IOUserHIDEventDriver.free
void EveryPart::free() {
    IOSafeDeleteNULL(ivars, EveryPart_IVars, 1);
    super::free();
}

// Facts: IOUserHIDEventDriver.Start
kern_return_t IMPL(EveryPart, Start) {
    kern_return_t ret = Start(provider, SUPERDISPATCH);
    if (ret != kIOReturnSuccess) return ret;
    os_log(OS_LOG_DEFAULT, "taken: %d keyboard %d pointer %d scroll %d led %d digitizer %d game",
           ivars->keyboard, ivars->pointer, ivars->scroll, ivars->led, ivars->digitizer,
           ivars->game);
    os_log(OS_LOG_DEFAULT, "seen: elements %d, proximity %d, remaining %d", ivars->elements > 0,
           ivars->proximity, ivars->remaining > 0);
    TryParts();
    return ret;
}

// Facts: IOUserHIDEventDriver.setKeyboardProperties, IOUserHIDEventDriver.setLEDProperties,
// Facts: IOUserHIDEventDriver.setRelativeProperties, IOUserHIDEventDriver.setScrollProperties,
// Facts: IOUserHIDEventDriver.setDigitizerProperties,
// Facts: IOUserHIDEventDriver.setGameControllerProperties,
// Facts: IOUserHIDEventDriver.setAccelerationProperties, IOUserHIDEventDriver.setSurfaceDimensions
void EveryPart::Describe(OSDictionary* properties) {
    OSDictionary* own = OSDictionary::withCapacity(8);
    setKeyboardProperties(own);
    setLEDProperties(own);
    setRelativeProperties(own);
    setScrollProperties(own);
    setDigitizerProperties(own);
    setGameControllerProperties(own);
    setAccelerationProperties(own);
    setSurfaceDimensions(own);
    os_log(OS_LOG_DEFAULT, "described: surface %d, the same again %d",
           own->getObject(kIOHIDSurfaceDimensionsKey) != nullptr,
           own->getCount() == properties->getCount());
    OSSafeReleaseNULL(own);
}

// Facts: IOUserHIDEventDriver.checkGameControllerElement,
// Facts: IOUserHIDEventDriver.getButtonStateFromElements, IOUserHIDEventDriver.copyKeyboardEvent,
// Facts: IOUserHIDEventDriver.calibrateCenteredPreferredStateElement,
// Facts: IOUserHIDEventDriver.calibrateJustifiedPreferredStateElement,
// Facts: IOUserHIDEventDriver.parseRemainingElements, IOUserHIDEventDriver.setTipThreshold,
// Facts: IOUserHIDEventDriver.postProcessElements_internal,
// Facts: IOUserHIDEventDriver.processDigitizerElements,
// Facts: IOUserHIDEventDriver.processGameControllerElements,
// Facts: IOUserHIDEventDriver.handleCopyMatchingEvent, IOHIDEventService.handleCopyMatchingEvent
void EveryPart::TryParts() {
    OSArray* elements = getElements();
    uint32_t controls = 0;
    IOHIDElement* axis = nullptr;
    for (uint32_t i = 0; i < elements->getCount(); i++) {
        IOHIDElement* element = OSDynamicCast(IOHIDElement, elements->getObject(i));
        if (checkGameControllerElement(element) != 0) controls++;
        if (element->getType() == kIOHIDElementTypeInput_Axis && axis == nullptr) axis = element;
    }
    const uint32_t before = ivars->remaining;
    parseRemainingElements(elements);  // all that it would take is taken
    processDigitizerElements();
    processGameControllerElements();
    setTipThreshold();
    os_log(OS_LOG_DEFAULT, "again: controls %d, buttons %d, more %d, wanted %d", controls > 0,
           getButtonStateFromElements(elements), ivars->remaining > before + elements->getCount(),
           postProcessElements_internal());
    if (axis != nullptr) {
        // At rest all values are 0: the low end or the middle of what counts.
        calibrateJustifiedPreferredStateElement(axis, 10);
        const IOFixed justified = axis->getScaledFixedValue(kIOHIDValueScaleTypeCalibrated);
        calibrateCenteredPreferredStateElement(axis, 10);
        os_log(OS_LOG_DEFAULT, "axis from %d: justified %d, centred %d",
               (int32_t)axis->getLogicalMin(), justified,
               axis->getScaledFixedValue(kIOHIDValueScaleTypeCalibrated));
    }
    IOHIDEvent* key = copyKeyboardEvent(kHIDPage_KeyboardOrKeypad, kHIDUsage_KeyboardA);
    OSDictionary* matching = OSDictionary::withCapacity(2);
    IOHIDEvent* event = nullptr;
    kern_return_t ret = handleCopyMatchingEvent(matching, &event);
    os_log(OS_LOG_DEFAULT, "state: of a key %d, of nothing 0x%x %d", key != nullptr, ret,
           event != nullptr);
    if (key != nullptr) ((OSObject*)key)->release();
    OSSafeReleaseNULL(matching);
}

kern_return_t IMPL(EveryPart, handleCopyMatchingEvent) {
    return handleCopyMatchingEvent(matching, event, SUPERDISPATCH);
}

// Facts: IOUserHIDEventDriver.SetProperties, IOUserHIDEventService.SetProperties,
// Facts: IOHIDEventService.SetProperties
kern_return_t IMPL(EveryPart, SetProperties) {
    kern_return_t ret = SetProperties(properties, SUPERDISPATCH);
    os_log(OS_LOG_DEFAULT, "properties 0x%x", ret);
    return ret;
}

// Facts: IOUserHIDEventDriver.SetLED, IOHIDEventService.SetLED
void IMPL(EveryPart, SetLED) {
    os_log(OS_LOG_DEFAULT, "light %d: %d", usage, on);
    SetLED(usage, on, SUPERDISPATCH);
}

// Facts: IOUserHIDEventService.handleStart
bool EveryPart::handleStart(IOService* provider) {
    os_log(OS_LOG_DEFAULT, "handleStart: %d", provider == GetProvider());
    return super::handleStart(provider);
}
// Facts: IOUserHIDEventDriver.parseElements
bool EveryPart::parseElements(OSArray* elements) {
    bool found = super::parseElements(elements);
    os_log(OS_LOG_DEFAULT, "parsed: %d", found);
    return found;
}
// Facts: IOUserHIDEventDriver.parseElement
bool EveryPart::parseElement(IOHIDElement* element) {
    ivars->elements++;
    return super::parseElement(element);
}
// Facts: IOUserHIDEventDriver.parseKeyboardElement
bool EveryPart::parseKeyboardElement(IOHIDElement* element) {
    return Count(&ivars->keyboard, super::parseKeyboardElement(element));
}
// Facts: IOUserHIDEventDriver.parsePointerElement
bool EveryPart::parsePointerElement(IOHIDElement* element) {
    return Count(&ivars->pointer, super::parsePointerElement(element));
}
// Facts: IOUserHIDEventDriver.parseScrollElement
bool EveryPart::parseScrollElement(IOHIDElement* element) {
    return Count(&ivars->scroll, super::parseScrollElement(element));
}
// Facts: IOUserHIDEventDriver.parseLEDElement
bool EveryPart::parseLEDElement(IOHIDElement* element) {
    return Count(&ivars->led, super::parseLEDElement(element));
}
// Facts: IOUserHIDEventDriver.parseDigitizerElement
bool EveryPart::parseDigitizerElement(IOHIDElement* element) {
    return Count(&ivars->digitizer, super::parseDigitizerElement(element));
}
// Facts: IOUserHIDEventDriver.parseProximityElement
bool EveryPart::parseProximityElement(IOHIDElement* element) {
    return Count(&ivars->proximity, super::parseProximityElement(element));
}
// Facts: IOUserHIDEventDriver.parseGameControllerElement
bool EveryPart::parseGameControllerElement(IOHIDElement* element) {
    return Count(&ivars->game, super::parseGameControllerElement(element));
}
// Facts: IOUserHIDEventDriver.parseRemainingElement
bool EveryPart::parseRemainingElement(IOHIDElement* element) {
    ivars->remaining++;
    return super::parseRemainingElement(element);
}
// Facts: IOUserHIDEventDriver.postProcessElements
bool EveryPart::postProcessElements(OSDictionary* properties) {
    Describe(properties);
    return super::postProcessElements(properties);
}

// Facts: IOUserHIDEventDriver.handleReport
void EveryPart::handleReport(uint64_t timestamp, uint8_t* report, uint32_t reportLength,
                             IOHIDReportType type, uint32_t reportID) {
    ivars->handled = 0;
    super::handleReport(timestamp, report, reportLength, type, reportID);
    os_log(OS_LOG_DEFAULT, "handled %d bytes in %d parts", reportLength, ivars->handled);
    if (!ivars->dispatched) DispatchAll(timestamp);
    ivars->dispatched = true;
}
// Facts: IOUserHIDEventDriver.handleKeyboardReport
void EveryPart::handleKeyboardReport(uint64_t timestamp, uint32_t reportID) {
    ivars->handled++;
    super::handleKeyboardReport(timestamp, reportID);
}
// Facts: IOUserHIDEventDriver.handleRelativePointerReport
void EveryPart::handleRelativePointerReport(uint64_t timestamp, uint32_t reportID) {
    ivars->handled++;
    super::handleRelativePointerReport(timestamp, reportID);
}
// Facts: IOUserHIDEventDriver.handleAbsolutePointerReport
void EveryPart::handleAbsolutePointerReport(uint64_t timestamp, uint32_t reportID) {
    ivars->handled++;
    super::handleAbsolutePointerReport(timestamp, reportID);
}
// Facts: IOUserHIDEventDriver.handleScrollReport
void EveryPart::handleScrollReport(uint64_t timestamp, uint32_t reportID) {
    ivars->handled++;
    super::handleScrollReport(timestamp, reportID);
}
// Facts: IOUserHIDEventDriver.handleDigitizerReport
void EveryPart::handleDigitizerReport(uint64_t timestamp, uint32_t reportID) {
    ivars->handled++;
    super::handleDigitizerReport(timestamp, reportID);
}
// Facts: IOUserHIDEventDriver.handleProximityReport
void EveryPart::handleProximityReport(uint64_t timestamp, uint32_t reportID) {
    ivars->handled++;
    super::handleProximityReport(timestamp, reportID);
}
// Facts: IOUserHIDEventDriver.handleGameControllerReport
void EveryPart::handleGameControllerReport(uint64_t timestamp, uint32_t reportID) {
    ivars->handled++;
    super::handleGameControllerReport(timestamp, reportID);
}

// Facts: IOHIDEventService.dispatchRelativePointerEvent,
// Facts: IOHIDEventService.dispatchAbsolutePointerEvent,
// Facts: IOHIDEventService.dispatchRelativeScrollWheelEvent,
// Facts: IOHIDEventService.dispatchDigitizerStylusEvent,
// Facts: IOHIDEventService.dispatchDigitizerTouchEvent,
// Facts: IOUserHIDEventService.dispatchDigitizerStylusEvent,
// Facts: IOUserHIDEventService.dispatchDigitizerTouchEvent, IOHIDEventService.dispatchEvent,
// Facts: IOUserHIDEventService.dispatchEvent,
// Facts: IOUserHIDEventService.dispatchStandardGameControllerEvent,
// Facts: IOUserHIDEventService.dispatchExtendedGameControllerEvent,
// Facts: IOUserHIDEventService.dispatchExtendedGameControllerEventWithOptionalButtons,
// Facts: IOUserHIDEventDriver.createEventForDigitizerCollection,
// Facts: IOUserHIDEventService.processReport
void EveryPart::DispatchAll(uint64_t timestamp) {
    const IOFixed one = 1 << 16;
    kern_return_t ret = dispatchRelativePointerEvent(timestamp, one, -one, 1, 0);
    ret |= dispatchAbsolutePointerEvent(timestamp, one / 2, one, 0, 0);
    ret |= dispatchRelativeScrollWheelEvent(timestamp, 0, 2 * one, 0, 0);
    IOHIDDigitizerTouchData finger = {};
    finger.identifier = 3;
    finger.x = one / 4;
    finger.inRange = finger.touch = finger.touchValid = 1;
    ret |= dispatchDigitizerTouchEvent(timestamp, &finger, 1);
    IOHIDDigitizerStylusData pen = {};
    pen.y = one / 4;
    pen.inRange = pen.tip = 1;
    ret |= dispatchDigitizerStylusEvent(timestamp, &pen);
    IOHIDEvent* key = copyKeyboardEvent(kHIDPage_KeyboardOrKeypad, kHIDUsage_KeyboardA);
    if (key != nullptr) {
        dispatchEvent(key);
        ((OSObject*)key)->release();
    }
    ret |= dispatchStandardGameControllerEvent(timestamp, one, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
                                               0, 0, 0, false, false, 0);
    ret |= dispatchExtendedGameControllerEvent(timestamp, one, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
                                               0, 0, 0, false, false, one, 0, 0, 0, 0);
    ret |= dispatchExtendedGameControllerEventWithOptionalButtons(timestamp, 0, 0, 0, 0, 0, 0, 0, 0,
                                                                  0, 0, 0, 0, 0, 0, 0, 0, false,
                                                                  false, 0, 0, one, 0, 0, 0, 0);
    IOHIDEvent* none = createEventForDigitizerCollection(nullptr, timestamp, 0);
    ivars->dispatched = true;
    uint8_t empty[8] = {};
    ret |= processReport(timestamp + 1, reinterpret_cast<uint64_t>(empty), sizeof empty,
                         kIOHIDReportTypeInput, 0);
    // Facts: IOUserHIDEventService.ReportAvailable, IOUserHIDEventService.createReportPool
    IOBufferMemoryDescriptor* memory = nullptr;
    ret |= IOBufferMemoryDescriptor::Create(kIOMemoryDirectionInOut, sizeof empty, 0, &memory);
    ReportAvailable(timestamp + 2, 0, sizeof empty, kIOHIDReportTypeInput, memory, nullptr);
    OSSafeReleaseNULL(memory);
    os_log(OS_LOG_DEFAULT, "pool: %d", createReportPool());
    SetLED(kHIDUsage_LED_CapsLock, true);
    os_log(OS_LOG_DEFAULT, "dispatched: 0x%x, of no collection %d", ret, none != nullptr);
}
