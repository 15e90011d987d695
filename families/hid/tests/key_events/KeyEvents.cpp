// SPDX-License-Identifier: Apache-2.0
#include "KeyEvents.h"

#include <DriverKit/DriverKit.h>
#include <HIDDriverKit/HIDDriverKit.h>
#include <os/log.h>

struct KeyEvents_IVars {
    OSArray* keys;
};

// Facts: IOUserHIDEventService.init, IOHIDEventService.init
bool KeyEvents::init() {
    if (!super::init()) return false;
    ivars = IONewZero(KeyEvents_IVars, 1);
    return ivars != nullptr;
}

// Facts: IOUserHIDEventService.free, IOHIDEventService.free
void KeyEvents::free() {
    if (ivars != nullptr) OSSafeReleaseNULL(ivars->keys);
    IOSafeDeleteNULL(ivars, KeyEvents_IVars, 1);
    super::free();
}

// Facts: IOUserHIDEventService.Start, IOHIDEventService.Start, IOUserHIDEventService.Stop,
// Facts: IOHIDEventService.Stop, IOUserHIDEventService.getElements,
// Facts: IOUserHIDEventService.conformsTo
kern_return_t IMPL(KeyEvents, Start) {
    kern_return_t ret = Start(provider, SUPERDISPATCH);
    if (ret != kIOReturnSuccess) {
        Stop(provider, SUPERDISPATCH);
        return ret;
    }
    OSArray* elements = getElements();
    ivars->keys = OSArray::withCapacity(8);
    for (uint32_t i = 0; elements != nullptr && i < elements->getCount(); i++) {
        IOHIDElement* element = OSDynamicCast(IOHIDElement, elements->getObject(i));
        if (element == nullptr || element->getType() == kIOHIDElementTypeCollection) continue;
        if (element->getUsagePage() == kHIDPage_KeyboardOrKeypad &&
            element->getUsage() >= kHIDUsage_KeyboardA &&
            element->getUsage() <= kHIDUsage_KeyboardRightGUI) {
            ivars->keys->setObject(element);
        }
    }
    bool keyboard = conformsTo(kHIDPage_GenericDesktop, kHIDUsage_GD_Keyboard);
    os_log(OS_LOG_DEFAULT, "startup task is now finished: %d elements, %d keys, keyboard %d",
           elements == nullptr ? -1 : elements->getCount(), ivars->keys->getCount(), keyboard);
    return RegisterService();
}

// Facts: IOUserHIDEventService.handleReport, IOUserHIDEventService.SetLEDState,
// Facts: IOHIDEventService.SetLEDState, IOHIDEventService.dispatchKeyboardEvent
void KeyEvents::handleReport(uint64_t timestamp, uint8_t* report, uint32_t reportLength,
                             IOHIDReportType type, uint32_t reportID) {
    os_log(OS_LOG_DEFAULT, "report of %d bytes, type %d, id %d, first %02x", reportLength, type,
           reportID, report[0]);
    for (uint32_t i = 0; i < ivars->keys->getCount(); i++) {
        IOHIDElement* key = OSDynamicCast(IOHIDElement, ivars->keys->getObject(i));
        if (key->getReportID() != reportID || key->getTimeStamp() != timestamp) continue;
        bool down = key->getValue(0) != 0;
        if (down == (key->getValue(kIOHIDValueOptionsFlagPrevious) != 0)) continue;
        dispatchKeyboardEvent(timestamp, key->getUsagePage(), key->getUsage(), down, 0, true);
        // The light of caps lock follows its key, as a keyboard's own firmware might have it.
        if (key->getUsage() == kHIDUsage_KeyboardCapsLock && down)
            SetLEDState(kHIDPage_LEDs, kHIDUsage_LED_CapsLock, true);
    }
}
