// SPDX-License-Identifier: Apache-2.0
// IOUserHIDEventDriver: events of ordinary devices, by their elements. Keyboards, pointers, wheels
// and lights; digitizers and game controllers are in files of their own.
#include <HIDDriverKit/IOUserHIDEventDriver.h>

#include <DriverKit/IOLib.h>
#include <DriverKit/OSArray.h>
#include <DriverKit/OSBoolean.h>
#include <DriverKit/OSDictionary.h>
#include <DriverKit/OSNumber.h>
#include <DriverKit/OSString.h>
#include <HIDDriverKit/IOHIDUsageTables.h>

#include <algorithm>
#include <utility>

#include "families/hid/driver/event_driver.h"
#include "families/hid/driver/event_ivars.h"
#include "families/hid/driver/events/key_codes.h"
#include "families/hid/driver/hid_event.h"
#include "runtime/family.h"

using opendext::hid::application_of;
using opendext::hid::is_in_report;
using opendext::hid::is_input;
using opendext::hid::part_of_extent;
namespace family = opendext::family;

namespace opendext::hid {

IOFixed part_of_extent(IOHIDElement* element) {
    const auto low = static_cast<int32_t>(element->getLogicalMin());
    const int64_t high = low < 0 ? static_cast<int32_t>(element->getLogicalMax())
                                 : int64_t{element->getLogicalMax()};
    const int64_t value =
        low < 0 ? static_cast<int32_t>(element->getValue(0)) : int64_t{element->getValue(0)};
    if (high <= low) return 0;
    return static_cast<IOFixed>(((std::clamp<int64_t>(value, low, high) - low) << 16) /
                                (high - low));
}

bool is_in_report(IOHIDElement* element, uint64_t timestamp, uint32_t report_id) {
    return element->getReportID() == report_id && element->getTimeStamp() == timestamp;
}

bool is_input(IOHIDElement* element) {
    return element->getType() <= kIOHIDElementTypeInput_NULL;
}

IOHIDElement* application_of(IOHIDElement* element) {
    IOHIDElement* application = nullptr;
    for (IOHIDElement* at = element->getParentElement(); at != nullptr;
         at = at->getParentElement()) {
        if (at->getCollectionType() == kIOHIDElementCollectionTypeApplication) application = at;
    }
    return application;
}

}  // namespace opendext::hid

void IOUserHIDEventDriver_IVars::add_key(IOHIDElement* element) {
    keys.push_back({element, false});
    const uint32_t cookie = element->getCookie();
    if (cookie >= key_of_cookie.size()) key_of_cookie.resize(cookie + 1);
    key_of_cookie[cookie] = static_cast<uint32_t>(keys.size());
}

namespace {

/// A dictionary below `key` that says which elements these are, by cookie.
template <typename List, typename Cookie>
void describe(OSDictionary* properties, const char* key, const List& list, Cookie cookie_of) {
    if (properties == nullptr || list.empty()) return;
    OSArray* cookies = OSArray::withCapacity(static_cast<uint32_t>(list.size()));
    for (const auto& one : list) {
        OSNumber* cookie = OSNumber::withNumber(cookie_of(one), 32);
        (void)cookies->setObject(cookie);
        OSSafeReleaseNULL(cookie);
    }
    OSDictionary* about = OSDictionary::withCapacity(1);
    (void)about->setObject("Elements", cookies);
    (void)properties->setObject(key, about);
    OSSafeReleaseNULL(cookies);
    OSSafeReleaseNULL(about);
}

uint32_t cookie_of(IOHIDElement* element) {
    return element->getCookie();
}

void set_text(OSDictionary* properties, const char* key, const char* value) {
    OSString* text = OSString::withCString(value);
    (void)properties->setObject(key, text);
    OSSafeReleaseNULL(text);
}

IOFixed fixed_of(IOHIDElement* element) {
    return static_cast<IOFixed>(element->getValue(0)) * (1 << 16);
}

}  // namespace

bool IOUserHIDEventDriver::init() {
    if (!super::init()) return false;
    ivars = new IOUserHIDEventDriver_IVars;
    return true;
}

void IOUserHIDEventDriver::free() {
    if (ivars != nullptr) {
        OSSafeReleaseNULL(ivars->buttons);
        OSSafeReleaseNULL(ivars->digitizers);
    }
    delete ivars;
    ivars = nullptr;
    super::free();
}

kern_return_t IOUserHIDEventDriver::Start_Impl(IOService* provider) {
    kern_return_t ret = Start(provider, SUPERDISPATCH);
    if (ret != kIOReturnSuccess) {
        Stop(provider, SUPERDISPATCH);
        return ret;
    }
    OSArray* const elements = getElements();
    if (elements == nullptr || !parseElements(elements)) {
        family::log(family::LogType::error, "hid",
                    "%s: the device has no element that makes events", GetClassName());
        Stop(provider, SUPERDISPATCH);
        return kIOReturnUnsupported;
    }
    if (!postProcessElements_internal()) {
        Stop(provider, SUPERDISPATCH);
        return kIOReturnUnsupported;
    }
    return RegisterService();
}

kern_return_t IOUserHIDEventDriver::SetProperties_Impl(OSDictionary* properties) {
    const kern_return_t ret = SetProperties(properties, SUPERDISPATCH);
    if (properties != nullptr && properties->getObject(kIOHIDDigitizerTipThresholdKey) != nullptr)
        setTipThreshold();
    return ret;
}

bool IOUserHIDEventDriver::parseElements(OSArray* elements) {
    bool found = false;
    for (uint32_t i = 0; i < elements->getCount(); ++i) {
        auto* element = OSDynamicCast(IOHIDElement, elements->getObject(i));
        if (element == nullptr || element->getType() == kIOHIDElementTypeCollection ||
            element->getUsage() == 0 || element->getUsage() == opendext::hid::usage_of_array) {
            continue;
        }
        found |= parseElement(element);
    }
    parseRemainingElements(elements);
    return found || !ivars->keys.empty();
}

bool IOUserHIDEventDriver::parseElement(IOHIDElement* element) {
    // Digitizers and game controllers first: their buttons and axes are no pointer's.
    return parseDigitizerElement(element) || parseGameControllerElement(element) ||
           parsePointerElement(element) || parseScrollElement(element) ||
           parseKeyboardElement(element) || parseLEDElement(element) ||
           parseProximityElement(element);
}

bool IOUserHIDEventDriver::parseKeyboardElement(IOHIDElement* element) {
    if (!is_input(element)) return false;
    const uint32_t page = element->getUsagePage();
    const uint32_t usage = element->getUsage();
    if (page == kHIDPage_KeyboardOrKeypad && usage == kHIDUsage_KeyboardErrorRollOver) {
        ivars->rollover = element;
        ivars->rollover_cookie = element->getCookie();
        return true;
    }
    const bool is_key = (page == kHIDPage_KeyboardOrKeypad && usage >= kHIDUsage_KeyboardA &&
                         usage <= kHIDUsage_KeyboardRightGUI) ||
                        page == kHIDPage_Consumer || page == kHIDPage_Telephony ||
                        (page == kHIDPage_GenericDesktop && usage >= kHIDUsage_GD_SystemControl &&
                         usage <= kHIDUsage_GD_DPadLeft);
    if (is_key) ivars->add_key(element);
    return is_key;
}

bool IOUserHIDEventDriver::parsePointerElement(IOHIDElement* element) {
    if (!is_input(element)) return false;
    const uint32_t page = element->getUsagePage();
    const uint32_t usage = element->getUsage();
    if (page == kHIDPage_Button) {
        if (ivars->buttons == nullptr) ivars->buttons = OSArray::withCapacity(4);
        return ivars->buttons != nullptr && ivars->buttons->setObject(element);
    }
    if (page != kHIDPage_GenericDesktop || (usage != kHIDUsage_GD_X && usage != kHIDUsage_GD_Y))
        return false;
    const bool relative = (element->getFlags() & kIOHIDElementFlagsRelativeMask) != 0;
    (relative ? ivars->relative : ivars->absolute).push_back(element);
    return true;
}

bool IOUserHIDEventDriver::parseScrollElement(IOHIDElement* element) {
    if (!is_input(element) || (element->getFlags() & kIOHIDElementFlagsRelativeMask) == 0)
        return false;
    const uint32_t page = element->getUsagePage();
    const uint32_t usage = element->getUsage();
    const bool scrolls =
        (page == kHIDPage_GenericDesktop &&
         (usage == kHIDUsage_GD_Wheel || usage == kHIDUsage_GD_Dial || usage == kHIDUsage_GD_Z)) ||
        (page == kHIDPage_Consumer && usage == kHIDUsage_Csmr_ACPan);
    if (scrolls) ivars->scroll.push_back(element);
    return scrolls;
}

bool IOUserHIDEventDriver::parseLEDElement(IOHIDElement* element) {
    if (element->getUsagePage() != kHIDPage_LEDs || element->getType() != kIOHIDElementTypeOutput)
        return false;
    ivars->lights.push_back(element);
    return true;
}

/// There is no call by which a driver could tell of proximity.
bool IOUserHIDEventDriver::parseProximityElement(IOHIDElement*) {
    return false;
}

bool IOUserHIDEventDriver::parseRemainingElement(IOHIDElement* element) {
    if (!is_input(element) ||
        !opendext::hid::key_of(element->getUsagePage(), element->getUsage())) {
        return false;
    }
    ivars->add_key(element);
    return true;
}

void IOUserHIDEventDriver::parseRemainingElements(OSArray* elements) {
    const auto known = [this](IOHIDElement* element) {
        const auto is = [&](const auto& one) { return one == element; };
        const auto in_array = [&](OSArray* array) {
            return array != nullptr && array->getNextIndexOfObject(element, 0) != ~0U;
        };
        if (std::ranges::any_of(ivars->keys, is, &IOUserHIDEventDriver_IVars::Key::element) ||
            std::ranges::any_of(ivars->controls, is,
                                &IOUserHIDEventDriver_IVars::Control::element) ||
            std::ranges::any_of(ivars->relative, is) || std::ranges::any_of(ivars->absolute, is) ||
            std::ranges::any_of(ivars->scroll, is) || std::ranges::any_of(ivars->lights, is) ||
            element == ivars->rollover || element == ivars->hat || in_array(ivars->buttons)) {
            return true;
        }
        for (uint32_t i = 0; ivars->digitizers != nullptr && i < ivars->digitizers->getCount();
             ++i) {
            auto* collection =
                OSDynamicCast(IOHIDDigitizerCollection, ivars->digitizers->getObject(i));
            if (collection != nullptr && in_array(collection->getElements())) return true;
        }
        return false;
    };
    for (uint32_t i = 0; i < elements->getCount(); ++i) {
        auto* element = OSDynamicCast(IOHIDElement, elements->getObject(i));
        if (element == nullptr || element->getType() == kIOHIDElementTypeCollection ||
            element->getUsage() == 0 || element->getUsage() == opendext::hid::usage_of_array ||
            known(element)) {
            continue;
        }
        (void)parseRemainingElement(element);
    }
}

bool IOUserHIDEventDriver::postProcessElements_internal() {
    processDigitizerElements();
    processGameControllerElements();
    OSDictionary* properties = OSDictionary::withCapacity(8);
    if (properties == nullptr) return false;
    setKeyboardProperties(properties);
    setLEDProperties(properties);
    setRelativeProperties(properties);
    setScrollProperties(properties);
    setDigitizerProperties(properties);
    setGameControllerProperties(properties);
    setAccelerationProperties(properties);
    setSurfaceDimensions(properties);
    setTipThreshold();
    const bool wanted = postProcessElements(properties);
    if (wanted) (void)SetProperties(properties);
    properties->release();
    return wanted;
}

bool IOUserHIDEventDriver::postProcessElements(OSDictionary*) {
    return true;
}

void IOUserHIDEventDriver::setKeyboardProperties(OSDictionary* properties) {
    describe(properties, "Keyboard", ivars->keys,
             [](const auto& key) { return key.element->getCookie(); });
}
void IOUserHIDEventDriver::setLEDProperties(OSDictionary* properties) {
    describe(properties, "LED", ivars->lights, cookie_of);
}
void IOUserHIDEventDriver::setRelativeProperties(OSDictionary* properties) {
    describe(properties, "RelativePointer", ivars->relative, cookie_of);
    describe(properties, "AbsolutePointer", ivars->absolute, cookie_of);
}
void IOUserHIDEventDriver::setScrollProperties(OSDictionary* properties) {
    describe(properties, "Scroll", ivars->scroll, cookie_of);
}

void IOUserHIDEventDriver::setAccelerationProperties(OSDictionary* properties) {
    if (properties == nullptr) return;
    if (!ivars->relative.empty())
        set_text(properties, kIOHIDPointerAccelerationTypeKey, kIOHIDMouseAccelerationTypeKey);
    if (!ivars->scroll.empty())
        set_text(properties, kIOHIDScrollAccelerationTypeKey, kIOHIDMouseScrollAccelerationKey);
}

void IOUserHIDEventDriver::handleReport(uint64_t timestamp, uint8_t*, uint32_t,
                                        IOHIDReportType type, uint32_t reportID) {
    if (type != kIOHIDReportTypeInput) return;
    handleKeyboardReport(timestamp, reportID);
    handleRelativePointerReport(timestamp, reportID);
    handleAbsolutePointerReport(timestamp, reportID);
    handleScrollReport(timestamp, reportID);
    handleDigitizerReport(timestamp, reportID);
    handleProximityReport(timestamp, reportID);
    handleGameControllerReport(timestamp, reportID);
}

void IOUserHIDEventDriver::handleKeyboardReport(uint64_t timestamp, uint32_t reportID) {
    const std::vector<opendext::hid::Change>& changes = opendext::hid::changed_elements(this);
    for (const auto& [cookie, value] : changes) {
        if (cookie == ivars->rollover_cookie) ivars->rolled_over = value != 0;
    }
    const auto tell = [&](IOUserHIDEventDriver_IVars::Key& key, bool down) {
        if (down == key.down) return;
        key.down = down;
        (void)dispatchKeyboardEvent(timestamp, key.element->getUsagePage(), key.element->getUsage(),
                                    down ? 1 : 0, 0, true);
    };
    if ((ivars->rolled_over || ivars->missed_keys) && ivars->rollover->getReportID() == reportID) {
        // What is down stays down until the device can say again, which keys are.
        ivars->missed_keys = ivars->rolled_over;
        if (ivars->rolled_over) return;
        for (IOUserHIDEventDriver_IVars::Key& key : ivars->keys) {
            if (key.element->getReportID() == reportID) tell(key, key.element->getValue(0) != 0);
        }
        return;
    }
    for (const auto& [cookie, value] : changes) {
        const uint32_t place =
            cookie < ivars->key_of_cookie.size() ? ivars->key_of_cookie[cookie] : 0;
        if (place != 0) tell(ivars->keys[place - 1], value != 0);
    }
}

uint32_t IOUserHIDEventDriver::getButtonStateFromElements(OSArray* elements) {
    uint32_t state = 0;
    for (uint32_t i = 0; elements != nullptr && i < elements->getCount(); ++i) {
        auto* button = OSDynamicCast(IOHIDElement, elements->getObject(i));
        if (button == nullptr || button->getUsagePage() != kHIDPage_Button) continue;
        const uint32_t number = button->getUsage();
        if (number >= 1 && number <= 32 && button->getValue(0) != 0) state |= 1U << (number - 1);
    }
    return state;
}

void IOUserHIDEventDriver::handleRelativePointerReport(uint64_t timestamp, uint32_t reportID) {
    // A device with buttons alone is a relative pointer too.
    if (ivars->relative.empty() && !ivars->absolute.empty()) return;
    IOFixed dx = 0;
    IOFixed dy = 0;
    for (IOHIDElement* axis : ivars->relative) {
        if (!is_in_report(axis, timestamp, reportID)) continue;
        (axis->getUsage() == kHIDUsage_GD_X ? dx : dy) += fixed_of(axis);
    }
    const uint32_t buttons = getButtonStateFromElements(ivars->buttons);
    if (dx == 0 && dy == 0 && buttons == ivars->button_state) return;
    ivars->button_state = buttons;
    (void)dispatchRelativePointerEvent(timestamp, dx, dy, buttons, 0, true);
}

void IOUserHIDEventDriver::handleAbsolutePointerReport(uint64_t timestamp, uint32_t reportID) {
    if (ivars->absolute.empty()) return;
    IOFixed x = 0;
    IOFixed y = 0;
    bool here = false;
    for (IOHIDElement* axis : ivars->absolute) {
        here |= is_in_report(axis, timestamp, reportID);
        (axis->getUsage() == kHIDUsage_GD_X ? x : y) = part_of_extent(axis);
    }
    const uint32_t buttons = getButtonStateFromElements(ivars->buttons);
    // A device with both kinds has told of its buttons as a relative one.
    if (!here && (buttons == ivars->button_state || !ivars->relative.empty())) return;
    ivars->button_state = buttons;
    (void)dispatchAbsolutePointerEvent(timestamp, x, y, buttons, 0, true);
}

void IOUserHIDEventDriver::handleScrollReport(uint64_t timestamp, uint32_t reportID) {
    IOFixed vertical = 0;
    IOFixed horizontal = 0;
    IOFixed depth = 0;
    for (IOHIDElement* wheel : ivars->scroll) {
        if (!is_in_report(wheel, timestamp, reportID)) continue;
        const bool pans = wheel->getUsagePage() == kHIDPage_Consumer;
        const bool deep = wheel->getUsage() == kHIDUsage_GD_Z;
        (pans ? horizontal : deep ? depth : vertical) += fixed_of(wheel);
    }
    if (vertical == 0 && horizontal == 0 && depth == 0) return;
    (void)dispatchRelativeScrollWheelEvent(timestamp, horizontal, vertical, depth, 0, true);
}

void IOUserHIDEventDriver::handleProximityReport(uint64_t, uint32_t) {}

void IOUserHIDEventDriver::SetLED_Impl(uint32_t usage, bool on) {
    for (IOHIDElement* light : ivars->lights) {
        if (light->getUsage() != usage) continue;
        light->setValue(on ? 1 : 0);
        (void)light->commit(kIOHIDElementCommitDirectionOut);
        return;
    }
}

IOHIDEvent* IOUserHIDEventDriver::copyKeyboardEvent(uint32_t usagePage, uint32_t usage) {
    for (const auto& key : ivars->keys) {
        if (key.element->getUsagePage() == usagePage && key.element->getUsage() == usage) {
            return IOHIDEvent::make(key.element->getTimeStamp(),
                                    IOHIDEvent::Key{usagePage, usage, key.down ? 1U : 0U});
        }
    }
    return nullptr;
}

kern_return_t IOUserHIDEventDriver::handleCopyMatchingEvent_Impl(OSDictionary* matching,
                                                                 IOHIDEvent** event) {
    if (event == nullptr) return kIOReturnBadArgument;
    *event = nullptr;
    const auto number = [&](const char* key) -> uint32_t {
        auto* value =
            matching == nullptr ? nullptr : OSDynamicCast(OSNumber, matching->getObject(key));
        return value == nullptr ? 0 : value->unsigned32BitValue();
    };
    *event = copyKeyboardEvent(number("UsagePage"), number("Usage"));
    return *event == nullptr ? handleCopyMatchingEvent(matching, event, SUPERDISPATCH)
                             : kIOReturnSuccess;
}
