/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OPENDEXT_IOKIT_HID_IOHIDVALUE_H_
#define OPENDEXT_IOKIT_HID_IOHIDVALUE_H_

/* The value that an element had at a time. Values do not change. */

#include <IOKit/hid/IOHIDBase.h>
#include <math.h>

CF_EXTERN_C_BEGIN

IOKIT_EXPORT CFTypeID IOHIDValueGetTypeID(void);
IOKIT_EXPORT IOHIDValueRef IOHIDValueCreateWithIntegerValue(CFAllocatorRef allocator,
                                                            IOHIDElementRef element,
                                                            uint64_t timeStamp, CFIndex value);
/* NULL with more bytes than the element has. */
IOKIT_EXPORT IOHIDValueRef IOHIDValueCreateWithBytes(CFAllocatorRef allocator,
                                                     IOHIDElementRef element, uint64_t timeStamp,
                                                     const uint8_t* bytes, CFIndex length);
/* `bytes` have to live as long as the value. */
IOKIT_EXPORT IOHIDValueRef IOHIDValueCreateWithBytesNoCopy(CFAllocatorRef allocator,
                                                           IOHIDElementRef element,
                                                           uint64_t timeStamp, const uint8_t* bytes,
                                                           CFIndex length);
IOKIT_EXPORT IOHIDElementRef IOHIDValueGetElement(IOHIDValueRef value);
/* mach_absolute_time() of the report: nanoseconds here. */
IOKIT_EXPORT uint64_t IOHIDValueGetTimeStamp(IOHIDValueRef value);
/* In bytes. */
IOKIT_EXPORT CFIndex IOHIDValueGetLength(IOHIDValueRef value);
/* Little endian, from bit 0 of the first byte on. Valid as long as the value. */
IOKIT_EXPORT const uint8_t* IOHIDValueGetBytePtr(IOHIDValueRef value);
/* With sign if the element's logical minimum is negative; of more than eight bytes the first eight.
 */
IOKIT_EXPORT CFIndex IOHIDValueGetIntegerValue(IOHIDValueRef value);
/* kIOHIDValueScaleTypePhysical: in the element's physical extent; …TypeExponent: that times ten to
 * the unit's exponent; …TypeCalibrated: in the extent of the element's calibration properties, -1
 * to 1 without them, after saturation, dead zone and granularity. */
IOKIT_EXPORT double_t IOHIDValueGetScaledValue(IOHIDValueRef value, IOHIDValueScaleType type);

CF_EXTERN_C_END

#endif
