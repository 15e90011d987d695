// SPDX-License-Identifier: Apache-2.0
#include <IOKit/hid/IOHIDElement.h>

#include "families/hid/client/device.h"
#include "families/hid/client/element.h"
#include "iokit/corefoundation/string.h"

using namespace opendext;
using namespace opendext::hid_client;

CFTypeID IOHIDElementGetTypeID(void) {
    return static_cast<CFTypeID>(Element::kType);
}

IOHIDElementRef IOHIDElementCreateWithDictionary(CFAllocatorRef, CFDictionaryRef dictionary) {
    const auto number = [&](CFStringRef key) {
        return integer_of(CFDictionaryGetValue(dictionary, key));
    };
    hid::Element what;
    const auto page = number(CFSTR(kIOHIDElementUsagePageKey));
    const auto usage = number(CFSTR(kIOHIDElementUsageKey));
    if (!page || !usage) return nullptr;
    const auto set = [&](auto& field, CFStringRef key) {
        if (const auto value = number(key))
            field = static_cast<std::remove_reference_t<decltype(field)>>(*value);
    };
    const auto flag = [&](uint32_t bit, CFStringRef key) {
        if (CFDictionaryGetValue(dictionary, key) == kCFBooleanTrue) what.flags |= bit;
    };
    what.usage_page = static_cast<uint32_t>(*page);
    what.usage = static_cast<uint32_t>(*usage);
    what.count = 1;
    what.flags = hid::flag_variable | hid::flag_no_preferred;
    set(what.cookie, CFSTR(kIOHIDElementCookieKey));
    set(what.type, CFSTR(kIOHIDElementTypeKey));
    set(what.collection_type, CFSTR(kIOHIDElementCollectionTypeKey));
    set(what.report_id, CFSTR(kIOHIDElementReportIDKey));
    set(what.bits, CFSTR(kIOHIDElementReportSizeKey));
    set(what.count, CFSTR(kIOHIDElementReportCountKey));
    set(what.logical_min, CFSTR(kIOHIDElementMinKey));
    set(what.logical_max, CFSTR(kIOHIDElementMaxKey));
    what.physical_min = what.logical_min;
    what.physical_max = what.logical_max;
    set(what.physical_min, CFSTR(kIOHIDElementScaledMinKey));
    set(what.physical_max, CFSTR(kIOHIDElementScaledMaxKey));
    set(what.unit, CFSTR(kIOHIDElementUnitKey));
    set(what.unit_exponent, CFSTR(kIOHIDElementUnitExponentKey));
    set(what.flags, CFSTR(kIOHIDElementFlagsKey));
    flag(hid::flag_relative, CFSTR(kIOHIDElementIsRelativeKey));
    flag(hid::flag_wrap, CFSTR(kIOHIDElementIsWrappingKey));
    flag(hid::flag_nonlinear, CFSTR(kIOHIDElementIsNonLinearKey));
    flag(hid::flag_null_state, CFSTR(kIOHIDElementHasNullStateKey));
    if (CFDictionaryGetValue(dictionary, CFSTR(kIOHIDElementIsArrayKey)) == kCFBooleanTrue)
        what.flags &= ~static_cast<uint32_t>(hid::flag_variable);
    if (CFDictionaryGetValue(dictionary, CFSTR(kIOHIDElementHasPreferredStateKey)) ==
        kCFBooleanTrue)
        what.flags &= ~static_cast<uint32_t>(hid::flag_no_preferred);
    if (what.type == hid::ElementType::collection) what.kind = hid::ElementKind::collection;
    if (what.type == hid::ElementType::output) what.report_type = hid::ReportType::output;
    if (what.type == hid::ElementType::feature) what.report_type = hid::ReportType::feature;
    return ref_of(
        new Element(what, cf::Owned<CFDictionaryRef>(CFDictionaryCreateCopy(nullptr, dictionary))));
}

IOHIDDeviceRef IOHIDElementGetDevice(IOHIDElementRef element) {
    // Get rule: whoever has the element in hand has the device, too, as long as there is one.
    return ref_of(element_of(element, "IOHIDElementGetDevice").device.lock().get());
}

IOHIDElementRef IOHIDElementGetParent(IOHIDElementRef element) {
    return ref_of(element_of(element, "IOHIDElementGetParent").parent());
}

CFArrayRef IOHIDElementGetChildren(IOHIDElementRef element) {
    return element_of(element, "IOHIDElementGetChildren").children();
}

void IOHIDElementAttach(IOHIDElementRef element, IOHIDElementRef toAttach) {
    element_of(element, "IOHIDElementAttach").attach(element_of(toAttach, "IOHIDElementAttach"));
}

void IOHIDElementDetach(IOHIDElementRef element, IOHIDElementRef toDetach) {
    element_of(element, "IOHIDElementDetach").detach(element_of(toDetach, "IOHIDElementDetach"));
}

CFArrayRef IOHIDElementCopyAttached(IOHIDElementRef element) {
    return element_of(element, "IOHIDElementCopyAttached").copy_attached();
}

namespace {

const hid::Element& what(IOHIDElementRef element, const char* function) {
    return element_of(element, function).what;
}

bool has(IOHIDElementRef element, uint32_t flag, const char* function) {
    return (what(element, function).flags & flag) != 0;
}

}  // namespace

IOHIDElementCookie IOHIDElementGetCookie(IOHIDElementRef element) {
    return what(element, "IOHIDElementGetCookie").cookie;
}
IOHIDElementType IOHIDElementGetType(IOHIDElementRef element) {
    return static_cast<IOHIDElementType>(what(element, "IOHIDElementGetType").type);
}
IOHIDElementCollectionType IOHIDElementGetCollectionType(IOHIDElementRef element) {
    return static_cast<IOHIDElementCollectionType>(
        what(element, "IOHIDElementGetCollectionType").collection_type);
}
uint32_t IOHIDElementGetUsagePage(IOHIDElementRef element) {
    return what(element, "IOHIDElementGetUsagePage").usage_page;
}
uint32_t IOHIDElementGetUsage(IOHIDElementRef element) {
    return what(element, "IOHIDElementGetUsage").usage;
}
Boolean IOHIDElementIsVirtual(IOHIDElementRef element) {
    return element_of(element, "IOHIDElementIsVirtual").is_virtual;
}
Boolean IOHIDElementIsRelative(IOHIDElementRef element) {
    return has(element, hid::flag_relative, "IOHIDElementIsRelative");
}
Boolean IOHIDElementIsWrapping(IOHIDElementRef element) {
    return has(element, hid::flag_wrap, "IOHIDElementIsWrapping");
}
Boolean IOHIDElementIsArray(IOHIDElementRef element) {
    const hid::Element& own = what(element, "IOHIDElementIsArray");
    return !own.is_collection() && (own.flags & hid::flag_variable) == 0;
}
Boolean IOHIDElementIsNonLinear(IOHIDElementRef element) {
    return has(element, hid::flag_nonlinear, "IOHIDElementIsNonLinear");
}
Boolean IOHIDElementHasPreferredState(IOHIDElementRef element) {
    return !has(element, hid::flag_no_preferred, "IOHIDElementHasPreferredState");
}
Boolean IOHIDElementHasNullState(IOHIDElementRef element) {
    return has(element, hid::flag_null_state, "IOHIDElementHasNullState");
}
CFStringRef IOHIDElementGetName(IOHIDElementRef element) {
    CFTypeRef name =
        element_of(element, "IOHIDElementGetName").property(CFSTR(kIOHIDElementNameKey));
    return name != nullptr && CFGetTypeID(name) == CFStringGetTypeID()
               ? static_cast<CFStringRef>(name)
               : nullptr;
}
uint32_t IOHIDElementGetReportID(IOHIDElementRef element) {
    return what(element, "IOHIDElementGetReportID").report_id;
}
uint32_t IOHIDElementGetReportSize(IOHIDElementRef element) {
    return what(element, "IOHIDElementGetReportSize").bits;
}
uint32_t IOHIDElementGetReportCount(IOHIDElementRef element) {
    return what(element, "IOHIDElementGetReportCount").count;
}
uint32_t IOHIDElementGetUnit(IOHIDElementRef element) {
    return what(element, "IOHIDElementGetUnit").unit;
}
uint32_t IOHIDElementGetUnitExponent(IOHIDElementRef element) {
    return what(element, "IOHIDElementGetUnitExponent").unit_exponent;
}
CFIndex IOHIDElementGetLogicalMin(IOHIDElementRef element) {
    return what(element, "IOHIDElementGetLogicalMin").logical_min;
}
CFIndex IOHIDElementGetLogicalMax(IOHIDElementRef element) {
    return static_cast<CFIndex>(what(element, "IOHIDElementGetLogicalMax").logical_max);
}
CFIndex IOHIDElementGetPhysicalMin(IOHIDElementRef element) {
    return what(element, "IOHIDElementGetPhysicalMin").physical_min;
}
CFIndex IOHIDElementGetPhysicalMax(IOHIDElementRef element) {
    return static_cast<CFIndex>(what(element, "IOHIDElementGetPhysicalMax").physical_max);
}

CFTypeRef IOHIDElementGetProperty(IOHIDElementRef element, CFStringRef key) {
    return element_of(element, "IOHIDElementGetProperty").property(key);
}

Boolean IOHIDElementSetProperty(IOHIDElementRef element, CFStringRef key, CFTypeRef property) {
    element_of(element, "IOHIDElementSetProperty").set_property(key, property);
    return TRUE;
}
