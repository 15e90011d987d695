// SPDX-License-Identifier: Apache-2.0
#include <HIDDriverKit/IOHIDElement.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <new>

#include "families/hid/driver/elements/element_ivars.h"
#include "families/hid/parse/report_fields.h"
#include "runtime/containers/container_class.h"

using namespace opendext::hid;

OSMetaClass* gIOHIDElementMetaClass;

namespace {

opendext::runtime::ContainerRegistration<IOHIDElement> g_element("IOHIDElement", "OSContainer",
                                                                 &gIOHIDElementMetaClass);

constexpr uint64_t kMostValueBits = 32;
constexpr double kFixedOne = 65536;

/// Asks the device if the options say so; what it gives is in the element afterwards.
void update(IOHIDElement* element, IOOptionBits options) {
    if ((options & kIOHIDValueOptionsUpdateElementValues) != 0) {
        (void)element->commit(kIOHIDElementCommitDirectionIn);
    }
}

int64_t value_of(const IOHIDElement_IVars& own, bool previous) {
    const Element& element = own.element;
    if (own.values == nullptr || element.is_collection()) return 0;
    const auto report = own.values->image(element, previous);
    if (element.kind != ElementKind::field || element.count == 1) {
        return element.bits > kMostValueBits ? 0 : read_value(element, report).value_or(0);
    }
    if (element.total_bits() > kMostValueBits) return 0;
    uint32_t value = 0;
    const std::vector<uint8_t> data = read_data(element, report);
    for (size_t i = 0; i < data.size(); ++i) value |= uint32_t{data[i]} << (8 * i);
    return value;
}

/// The value in the scale, or in that of the calibration; clamped to the ends.
double scaled(const IOHIDElement_IVars& own, IOHIDValueScaleType type) {
    const Element& element = own.element;
    const int64_t value = value_of(own, false);
    const auto map = [value](int64_t low, int64_t high, double to_low, double to_high) {
        if (low >= high) return to_low;
        const auto part = static_cast<double>(std::clamp(value, low, high) - low) /
                          static_cast<double>(high - low);
        return to_low + part * (to_high - to_low);
    };
    if (type == kIOHIDValueScaleTypeCalibrated) {
        const Calibration& calibration = own.calibration;
        return map(calibration.logical_minimum.value_or(element.logical_min),
                   calibration.logical_maximum.value_or(element.logical_max),
                   calibration.minimum / kFixedOne, calibration.maximum / kFixedOne);
    }
    const double physical = to_physical(
        element, element.logical_min < element.logical_max
                     ? std::clamp(value, int64_t{element.logical_min}, element.logical_max)
                     : value);
    return type == kIOHIDValueScaleTypeExponent ? physical * std::pow(10, element.exponent())
                                                : physical;
}

/// Rounded; the nearest number that there is for what does not fit.
int32_t rounded(double number) {
    using Limits = std::numeric_limits<int32_t>;
    return static_cast<int32_t>(
        std::llround(std::clamp<double>(number, Limits::min(), Limits::max())));
}

}  // namespace

bool IOHIDElement::init() {
    if (!super::init()) return false;
    ivars = new (std::nothrow) IOHIDElement_IVars;
    return ivars != nullptr;
}

void IOHIDElement::free() {
    if (ivars != nullptr) {
        ivars->detach();
        OSSafeReleaseNULL(ivars->data);
    }
    delete ivars;
    ivars = nullptr;
    super::free();
}

IOHIDElement* IOHIDElement::getParentElement() {
    return ivars->parent;
}
OSArray* IOHIDElement::getChildElements() {
    return ivars->children;
}
IOHIDElementCookie IOHIDElement::getCookie() {
    return ivars->element.cookie;
}
IOHIDElementType IOHIDElement::getType() {
    return static_cast<IOHIDElementType>(ivars->element.type);
}
IOHIDElementCollectionType IOHIDElement::getCollectionType() {
    return static_cast<IOHIDElementCollectionType>(ivars->element.collection_type);
}
uint32_t IOHIDElement::getFlags() {
    return ivars->element.flags;
}
uint32_t IOHIDElement::getUsagePage() {
    return ivars->element.usage_page;
}
uint32_t IOHIDElement::getUsage() {
    return ivars->element.usage;
}
bool IOHIDElement::conformsTo(uint32_t usagePage, uint32_t usage) {
    for (IOHIDElement* at = this; at != nullptr; at = at->getParentElement()) {
        if (at->getUsagePage() == usagePage && at->getUsage() == usage) return true;
    }
    return false;
}
uint32_t IOHIDElement::getReportID() {
    return ivars->element.report_id;
}
uint32_t IOHIDElement::getReportSize() {
    return ivars->element.bits;
}
uint32_t IOHIDElement::getReportCount() {
    return ivars->element.kind == ElementKind::array_item ? 1 : ivars->element.count;
}
uint32_t IOHIDElement::getLogicalMin() {
    return static_cast<uint32_t>(ivars->element.logical_min);
}
uint32_t IOHIDElement::getLogicalMax() {
    return static_cast<uint32_t>(ivars->element.logical_max);
}
uint32_t IOHIDElement::getPhysicalMin() {
    return static_cast<uint32_t>(ivars->element.physical_min);
}
uint32_t IOHIDElement::getPhysicalMax() {
    return static_cast<uint32_t>(ivars->element.physical_max);
}
uint32_t IOHIDElement::getUnit() {
    return ivars->element.unit;
}
uint32_t IOHIDElement::getUnitExponent() {
    return ivars->element.unit_exponent;
}
uint64_t IOHIDElement::getTimeStamp() {
    return ivars->values == nullptr ? ivars->timestamp : ivars->values->brought_at(*ivars);
}

uint32_t IOHIDElement::getValue(IOOptionBits options) {
    update(this, options);
    return static_cast<uint32_t>(value_of(*ivars, (options & kIOHIDValueOptionsFlagPrevious) != 0));
}

void IOHIDElement::setValue(uint32_t value) {
    if (ivars->values != nullptr) (void)ivars->values->set_value(ivars->element, value);
}

OSData* IOHIDElement::getDataValue(IOOptionBits options) {
    update(this, options);
    OSData* data = nullptr;
    const Element& element = ivars->element;
    if (ivars->values != nullptr && !element.is_collection()) {
        const bool previous = (options & kIOHIDValueOptionsFlagPrevious) != 0;
        std::vector<uint8_t> bytes;
        if (element.kind == ElementKind::array_item) {
            bytes.push_back(static_cast<uint8_t>(value_of(*ivars, previous)));
        } else {
            bytes = read_data(element, ivars->values->image(element, previous));
        }
        data = OSData::withBytes(bytes.data(), bytes.size());
    }
    OSSafeReleaseNULL(ivars->data);
    ivars->data = data;
    return data;
}

void IOHIDElement::setDataValue(OSData* value) {
    if (ivars->values == nullptr || value == nullptr) return;
    const auto* bytes = static_cast<const uint8_t*>(value->getBytesNoCopy());
    (void)ivars->values->set_data(ivars->element, {bytes, value->getLength()});
}

uint32_t IOHIDElement::getScaledValue(IOHIDValueScaleType type) {
    return static_cast<uint32_t>(rounded(scaled(*ivars, type)));
}
IOFixed IOHIDElement::getScaledFixedValue(IOHIDValueScaleType type) {
    return rounded(scaled(*ivars, type) * kFixedOne);
}

IOReturn IOHIDElement::commit(IOHIDElementCommitDirection direction) {
    const Element& element = ivars->element;
    if (element.is_collection()) return kIOReturnBadArgument;
    if (direction == kIOHIDElementCommitDirectionOut && element.report_type == ReportType::input) {
        return kIOReturnNotWritable;
    }
    return ivars->values == nullptr ? kIOReturnNoDevice : ivars->values->exchange(this, direction);
}
