// SPDX-License-Identifier: Apache-2.0
// IOUserHIDEventDriver: touch screens, touch pads and pens.
#include <HIDDriverKit/IOUserHIDEventDriver.h>

#include <DriverKit/OSArray.h>
#include <DriverKit/OSDictionary.h>
#include <DriverKit/OSNumber.h>
#include <HIDDriverKit/IOHIDUsageTables.h>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "families/hid/driver/event_driver.h"
#include "families/hid/driver/hid_event.h"

using opendext::hid::application_of;
using opendext::hid::is_in_report;
using opendext::hid::is_input;
using opendext::hid::part_of_extent;

namespace {

constexpr IOFixed kOne = 1 << 16;
/// Where nobody says: a touch is what presses with more than nothing.
constexpr IOFixed kDefaultTipThreshold = 1;

/// The collection that a digitizer's element tells of: a finger, a pen; the application where a
/// device has no such collection. NULL: the element is no digitizer's.
IOHIDElement* transducer_of(IOHIDElement* element) {
    for (IOHIDElement* at = element->getParentElement(); at != nullptr;
         at = at->getParentElement()) {
        if (at->getUsagePage() != kHIDPage_Digitizer) continue;
        const uint32_t usage = at->getUsage();
        const bool application = at->getCollectionType() == kIOHIDElementCollectionTypeApplication;
        if (application && usage >= kHIDUsage_Dig_Digitizer &&
            usage <= kHIDUsage_Dig_MultiplePointDigitizer)
            return at;
        if (!application && usage >= kHIDUsage_Dig_Stylus && usage <= kHIDUsage_Dig_Finger)
            return at;
    }
    return nullptr;
}

IOHIDDigitizerCollectionType type_of(IOHIDElement* transducer) {
    switch (transducer->getUsage()) {
        case kHIDUsage_Dig_Puck:
            return kIOHIDDigitizerCollectionTypePuck;
        case kHIDUsage_Dig_Finger:
        case kHIDUsage_Dig_TouchScreen:
        case kHIDUsage_Dig_TouchPad:
        case kHIDUsage_Dig_MultiplePointDigitizer:
            return kIOHIDDigitizerCollectionTypeFinger;
        default:
            return kIOHIDDigitizerCollectionTypeStylus;
    }
}

IOFixed degrees_of(IOHIDElement* element) {
    return element->getScaledFixedValue(kIOHIDValueScaleTypePhysical);
}

/// A number below `key` of a dictionary.
void set_fixed(OSDictionary* dictionary, const char* key, IOFixed value) {
    OSNumber* number = OSNumber::withNumber(static_cast<uint64_t>(value), 32);
    (void)dictionary->setObject(key, number);
    OSSafeReleaseNULL(number);
}

/// The physical extent of an axis in millimetres, 16.16; 0: the device does not say.
IOFixed millimetres_of(IOHIDElement* axis) {
    const uint32_t unit = axis->getUnit();
    if (unit != 0x11 && unit != 0x13) return 0;  // centimetres, inches
    const auto low = static_cast<int32_t>(axis->getPhysicalMin());
    const auto high = static_cast<int32_t>(axis->getPhysicalMax());
    const uint32_t nibble = axis->getUnitExponent() & 0xf;
    const int exponent = nibble < 8 ? static_cast<int>(nibble) : static_cast<int>(nibble) - 16;
    const double size =
        (static_cast<double>(high) - low) * std::pow(10.0, exponent) * (unit == 0x11 ? 10 : 25.4);
    return size > 0 && size < 32767 ? static_cast<IOFixed>(std::lround(size * kOne)) : 0;
}

}  // namespace

bool IOUserHIDEventDriver::parseDigitizerElement(IOHIDElement* element) {
    if (!is_input(element)) return false;
    IOHIDElement* const application = application_of(element);
    if (application == nullptr || application->getUsagePage() != kHIDPage_Digitizer) return false;
    if (element->getUsagePage() == kHIDPage_Digitizer &&
        element->getUsage() == kHIDUsage_Dig_ContactCount) {
        ivars->contact_count = element;
        return true;
    }
    IOHIDElement* const transducer = transducer_of(element);
    if (transducer == nullptr) return false;
    const uint32_t page = element->getUsagePage();
    if (page == kHIDPage_GenericDesktop &&
        (element->getFlags() & kIOHIDElementFlagsRelativeMask) != 0)
        return false;
    // The button of a touch pad is a pointer's.
    if (page != kHIDPage_GenericDesktop && page != kHIDPage_Digitizer) return false;
    if (ivars->digitizers == nullptr) ivars->digitizers = OSArray::withCapacity(4);
    for (uint32_t i = 0; i < ivars->digitizers->getCount(); ++i) {
        auto* known = OSDynamicCast(IOHIDDigitizerCollection, ivars->digitizers->getObject(i));
        if (known == nullptr || known->getParentCollection() != transducer) continue;
        known->addElement(element);
        return true;
    }
    auto* collection = IOHIDDigitizerCollection::withType(type_of(transducer), transducer);
    if (collection == nullptr) return false;
    collection->addElement(element);
    (void)ivars->digitizers->setObject(collection);
    collection->release();
    return true;
}

/// A collection without a place tells of no transducer: it goes.
void IOUserHIDEventDriver::processDigitizerElements() {
    for (uint32_t i = ivars->digitizers == nullptr ? 0 : ivars->digitizers->getCount(); i-- > 0;) {
        auto* collection = OSDynamicCast(IOHIDDigitizerCollection, ivars->digitizers->getObject(i));
        OSArray* const elements = collection->getElements();
        bool has_place = false;
        for (uint32_t k = 0; k < elements->getCount(); ++k) {
            auto* element = OSDynamicCast(IOHIDElement, elements->getObject(k));
            has_place |= element->getUsagePage() == kHIDPage_GenericDesktop &&
                         element->getUsage() == kHIDUsage_GD_X;
        }
        if (!has_place) ivars->digitizers->removeObject(i);
    }
}

void IOUserHIDEventDriver::setDigitizerProperties(OSDictionary* properties) {
    if (properties == nullptr || ivars->digitizers == nullptr) return;
    OSDictionary* about = OSDictionary::withCapacity(1);
    OSNumber* count = OSNumber::withNumber(ivars->digitizers->getCount(), 32);
    (void)about->setObject("Transducers", count);
    (void)properties->setObject("Digitizer", about);
    OSSafeReleaseNULL(count);
    OSSafeReleaseNULL(about);
}

void IOUserHIDEventDriver::setSurfaceDimensions(OSDictionary* properties) {
    if (properties == nullptr || ivars->digitizers == nullptr ||
        ivars->digitizers->getCount() == 0) {
        return;
    }
    auto* first = OSDynamicCast(IOHIDDigitizerCollection, ivars->digitizers->getObject(0));
    IOFixed width = 0;
    IOFixed height = 0;
    for (uint32_t i = 0; i < first->getElements()->getCount(); ++i) {
        auto* element = OSDynamicCast(IOHIDElement, first->getElements()->getObject(i));
        if (element->getUsagePage() != kHIDPage_GenericDesktop) continue;
        if (element->getUsage() == kHIDUsage_GD_X) width = millimetres_of(element);
        if (element->getUsage() == kHIDUsage_GD_Y) height = millimetres_of(element);
    }
    if (width == 0 || height == 0) return;
    OSDictionary* size = OSDictionary::withCapacity(2);
    set_fixed(size, kIOHIDWidthKey, width);
    set_fixed(size, kIOHIDHeightKey, height);
    (void)properties->setObject(kIOHIDSurfaceDimensionsKey, size);
    OSSafeReleaseNULL(size);
}

void IOUserHIDEventDriver::setTipThreshold() {
    ivars->tip_threshold = kDefaultTipThreshold;
    OSDictionary* properties = nullptr;
    if (CopyProperties(&properties) != kIOReturnSuccess || properties == nullptr) return;
    // In percent of the full pressure.
    auto* number = OSDynamicCast(OSNumber, properties->getObject(kIOHIDDigitizerTipThresholdKey));
    if (number != nullptr) {
        ivars->tip_threshold =
            static_cast<IOFixed>(std::min(number->unsigned32BitValue(), 100U)) * kOne / 100;
    }
    properties->release();
}

IOHIDEvent* IOUserHIDEventDriver::createEventForDigitizerCollection(
    IOHIDDigitizerCollection* collection, uint64_t timestamp, uint32_t reportID) {
    if (collection == nullptr) return nullptr;
    IOHIDDigitizerStylusData data{};
    bool here = false;
    bool has_tip = false;
    bool has_range = false;
    bool valid = true;
    OSArray* const elements = collection->getElements();
    for (uint32_t i = 0; i < elements->getCount(); ++i) {
        auto* element = OSDynamicCast(IOHIDElement, elements->getObject(i));
        here |= is_in_report(element, timestamp, reportID);
        const uint32_t usage = element->getUsage();
        if (element->getUsagePage() == kHIDPage_GenericDesktop) {
            if (usage == kHIDUsage_GD_X) data.x = part_of_extent(element);
            if (usage == kHIDUsage_GD_Y) data.y = part_of_extent(element);
            continue;
        }
        const uint32_t value = element->getValue(0);
        switch (usage) {
            case kHIDUsage_Dig_TipSwitch:
            case kHIDUsage_Dig_Touch:
                data.tip = value != 0;
                has_tip = true;
                break;
            case kHIDUsage_Dig_InRange:
                data.inRange = value != 0;
                has_range = true;
                break;
            case kHIDUsage_Dig_BarrelSwitch:
                data.barrelSwitch = value != 0;
                break;
            case kHIDUsage_Dig_Eraser:
                data.eraser = value != 0;
                break;
            case kHIDUsage_Dig_Invert:
                data.invert = value != 0;
                break;
            case kHIDUsage_Dig_TipPressure:
                data.tipPressure = part_of_extent(element);
                break;
            case kHIDUsage_Dig_BarrelPressure:
                data.barrelPressure = part_of_extent(element);
                break;
            case kHIDUsage_Dig_XTilt:
                data.tiltX = degrees_of(element);
                break;
            case kHIDUsage_Dig_YTilt:
                data.tiltY = degrees_of(element);
                break;
            case kHIDUsage_Dig_Twist:
                data.twist = degrees_of(element);
                break;
            case kHIDUsage_Dig_ContactIdentifier:
            case kHIDUsage_Dig_TransducerIndex:
                data.identifier = value;
                break;
            case kHIDUsage_Dig_TouchValid:
                valid = value != 0;
                break;
            default:
                break;
        }
    }
    if (!here) return nullptr;
    if (!has_tip) data.tip = data.tipPressure >= ivars->tip_threshold;
    if (!has_range) data.inRange = data.tip;
    data.tipChanged = (data.tip != 0) != collection->getTouch();
    data.rangeChanged = (data.inRange != 0) != collection->getInRange();
    data.positionChanged = data.x != collection->getX() || data.y != collection->getY();
    collection->setTouch(data.tip != 0);
    collection->setInRange(data.inRange != 0);
    collection->setX(data.x);
    collection->setY(data.y);
    if (collection->getType() != kIOHIDDigitizerCollectionTypeFinger)
        return IOHIDEvent::make(timestamp, data);
    IOHIDDigitizerTouchData touch{};
    touch.identifier = data.identifier;
    touch.x = data.x;
    touch.y = data.y;
    touch.inRange = data.inRange;
    touch.touch = data.tip;
    touch.touchValid = valid;
    touch.positionChanged = data.positionChanged;
    touch.rangeChanged = data.rangeChanged;
    touch.touchChanged = data.tipChanged;
    return IOHIDEvent::make(timestamp, touch);
}

void IOUserHIDEventDriver::handleDigitizerReport(uint64_t timestamp, uint32_t reportID) {
    if (ivars->digitizers == nullptr) return;
    // A device may have fewer collections than contacts: it says in the first report of a frame how
    // many come, and collections beyond that mean nothing.
    uint32_t fingers = ~0U;
    if (ivars->contact_count != nullptr &&
        is_in_report(ivars->contact_count, timestamp, reportID)) {
        if (const uint32_t count = ivars->contact_count->getValue(0); count != 0)
            ivars->contacts_left = count;
        fingers = ivars->contacts_left;
    }
    std::vector<IOHIDDigitizerTouchData> touches;
    for (uint32_t i = 0; i < ivars->digitizers->getCount(); ++i) {
        auto* collection = OSDynamicCast(IOHIDDigitizerCollection, ivars->digitizers->getObject(i));
        const bool finger = collection->getType() == kIOHIDDigitizerCollectionTypeFinger;
        if (finger && fingers == 0) continue;
        IOHIDEvent* event = createEventForDigitizerCollection(collection, timestamp, reportID);
        if (event == nullptr) continue;
        if (const auto* touch = std::get_if<IOHIDDigitizerTouchData>(&event->content())) {
            touches.push_back(*touch);
            if (fingers != ~0U) --fingers;
        } else {
            dispatchEvent(event);
        }
        event->release();
    }
    if (fingers != ~0U) ivars->contacts_left = fingers;
    if (!touches.empty()) {
        (void)dispatchDigitizerTouchEvent(timestamp, touches.data(),
                                          static_cast<uint32_t>(touches.size()));
    }
}
