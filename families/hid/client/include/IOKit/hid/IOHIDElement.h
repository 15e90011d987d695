/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OPENDEXT_IOKIT_HID_IOHIDELEMENT_H_
#define OPENDEXT_IOKIT_HID_IOHIDELEMENT_H_

/* What a report descriptor says of one field, array, item of an array, or collection. Elements are
 * their device's: IOHIDDeviceCopyMatchingElements() gives them. They may be kept longer than the
 * device; then they have none. */

#include <IOKit/hid/IOHIDBase.h>
#include <IOKit/hid/IOHIDKeys.h>

CF_EXTERN_C_BEGIN

IOKIT_EXPORT CFTypeID IOHIDElementGetTypeID(void);
/* An element without a device, from the keys kIOHIDElement…Key; NULL without usage page and usage.
 */
IOKIT_EXPORT IOHIDElementRef IOHIDElementCreateWithDictionary(CFAllocatorRef allocator,
                                                              CFDictionaryRef dictionary);
IOKIT_EXPORT IOHIDDeviceRef IOHIDElementGetDevice(IOHIDElementRef element);
/* The collection around it; NULL for one that is in none. */
IOKIT_EXPORT IOHIDElementRef IOHIDElementGetParent(IOHIDElementRef element);
/* What is directly in a collection, or the items of an array; NULL if nothing is. Get rule. */
IOKIT_EXPORT CFArrayRef IOHIDElementGetChildren(IOHIDElementRef element);
/* Elements that a program wants to have together; nothing else changes by it. */
IOKIT_EXPORT void IOHIDElementAttach(IOHIDElementRef element, IOHIDElementRef toAttach);
IOKIT_EXPORT void IOHIDElementDetach(IOHIDElementRef element, IOHIDElementRef toDetach);
/* NULL if none is. */
IOKIT_EXPORT CFArrayRef IOHIDElementCopyAttached(IOHIDElementRef element);
/* Unique in its device, and the same each time that the device is plugged in. */
IOKIT_EXPORT IOHIDElementCookie IOHIDElementGetCookie(IOHIDElementRef element);
IOKIT_EXPORT IOHIDElementType IOHIDElementGetType(IOHIDElementRef element);
IOKIT_EXPORT IOHIDElementCollectionType IOHIDElementGetCollectionType(IOHIDElementRef element);
IOKIT_EXPORT uint32_t IOHIDElementGetUsagePage(IOHIDElementRef element);
/* 0xffffffff for an array as a whole: its items have the usages. */
IOKIT_EXPORT uint32_t IOHIDElementGetUsage(IOHIDElementRef element);
/* Made by the program, without a device. */
IOKIT_EXPORT Boolean IOHIDElementIsVirtual(IOHIDElementRef element);
IOKIT_EXPORT Boolean IOHIDElementIsRelative(IOHIDElementRef element);
IOKIT_EXPORT Boolean IOHIDElementIsWrapping(IOHIDElementRef element);
IOKIT_EXPORT Boolean IOHIDElementIsArray(IOHIDElementRef element);
IOKIT_EXPORT Boolean IOHIDElementIsNonLinear(IOHIDElementRef element);
IOKIT_EXPORT Boolean IOHIDElementHasPreferredState(IOHIDElementRef element);
IOKIT_EXPORT Boolean IOHIDElementHasNullState(IOHIDElementRef element);
/* NULL if it has none. */
IOKIT_EXPORT CFStringRef IOHIDElementGetName(IOHIDElementRef element);
IOKIT_EXPORT uint32_t IOHIDElementGetReportID(IOHIDElementRef element);
/* In bits, of one of its values. */
IOKIT_EXPORT uint32_t IOHIDElementGetReportSize(IOHIDElementRef element);
IOKIT_EXPORT uint32_t IOHIDElementGetReportCount(IOHIDElementRef element);
IOKIT_EXPORT uint32_t IOHIDElementGetUnit(IOHIDElementRef element);
IOKIT_EXPORT uint32_t IOHIDElementGetUnitExponent(IOHIDElementRef element);
IOKIT_EXPORT CFIndex IOHIDElementGetLogicalMin(IOHIDElementRef element);
IOKIT_EXPORT CFIndex IOHIDElementGetLogicalMax(IOHIDElementRef element);
IOKIT_EXPORT CFIndex IOHIDElementGetPhysicalMin(IOHIDElementRef element);
IOKIT_EXPORT CFIndex IOHIDElementGetPhysicalMax(IOHIDElementRef element);
/* What was set, else what the descriptor says below that key. Get rule. */
IOKIT_EXPORT CFTypeRef IOHIDElementGetProperty(IOHIDElementRef element, CFStringRef key);
/* Properties are the program's; those of calibration (kIOHIDElementCalibration…Key) count in
 * IOHIDValueGetScaledValue(). */
IOKIT_EXPORT Boolean IOHIDElementSetProperty(IOHIDElementRef element, CFStringRef key,
                                             CFTypeRef property);

CF_EXTERN_C_END

#endif
