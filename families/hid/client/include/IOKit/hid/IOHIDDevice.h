/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OPENDEXT_IOKIT_HID_IOHIDDEVICE_H_
#define OPENDEXT_IOKIT_HID_IOHIDDEVICE_H_

/* One HID device (docs/facts/iokit-client-api.csv).
 *
 * A device is a CoreFoundation object for an IOHIDDevice entry of the registry; making one opens
 * nothing. Reports are as Linux's hidraw has them: with their id as first byte if and only if the
 * device uses ids; reportID is 0 for a device without.
 *
 * Call-backs run where the device is scheduled: on a run loop, on a dispatch queue, or, for
 * programs with an event loop of their own, in opendext_hid_dispatch() (<opendext/hid.h>). `sender`
 * of each is the device. Requests with a call-back need that too. Functions may be called from any
 * thread. Input that comes while nobody runs the call-backs is kept, up to 1024 reports; what is
 * beyond that is dropped.
 *
 * Time-outs are in seconds; 0 and less stand for the device's RequestTimeout property
 * (microseconds) or, without one, five seconds. That holds for the calls that wait, too: a device
 * that does not answer gives kIOReturnTimeout, and opendext_last_error_reason()
 * (<opendext/client.h>) says what was waited for. A device that goes gives kIOReturnNoDevice. */

#include <IOKit/hid/IOHIDBase.h>
#include <dispatch/dispatch.h>

CF_EXTERN_C_BEGIN

typedef enum IOHIDDeviceGetValueOptions {
    kIOHIDDeviceGetValueWithUpdate = 0x00020000,    /* asks the device in any case */
    kIOHIDDeviceGetValueWithoutUpdate = 0x00040000, /* what is known, without asking */
} IOHIDDeviceGetValueOptions;

IOKIT_EXPORT CFTypeID IOHIDDeviceGetTypeID(void);
/* NULL if the service is no IOHIDDevice. Keeps a reference to it. */
IOKIT_EXPORT IOHIDDeviceRef IOHIDDeviceCreate(CFAllocatorRef allocator, io_service_t service);
/* Stays the device's. */
IOKIT_EXPORT io_service_t IOHIDDeviceGetService(IOHIDDeviceRef device);

/* kIOHIDOptionsTypeSeizeDevice: nobody else, no driver either, gets its input while it is open.
 * kIOReturnExclusiveAccess if somebody else has it so. A device that is open can be opened again,
 * and seized by that; it is closed once. */
IOKIT_EXPORT IOReturn IOHIDDeviceOpen(IOHIDDeviceRef device, IOOptionBits options);
/* Requests that wait end with kIOReturnAborted. */
IOKIT_EXPORT IOReturn IOHIDDeviceClose(IOHIDDeviceRef device, IOOptionBits options);

/* Whether one of its application or physical collections has this usage. */
IOKIT_EXPORT Boolean IOHIDDeviceConformsTo(IOHIDDeviceRef device, uint32_t usagePage,
                                           uint32_t usage);
/* The device's; valid until the property is asked for again. */
IOKIT_EXPORT CFTypeRef IOHIDDeviceGetProperty(IOHIDDeviceRef device, CFStringRef key);
/* Seen through this object, and passed on to the device's entry if that takes properties. */
IOKIT_EXPORT Boolean IOHIDDeviceSetProperty(IOHIDDeviceRef device, CFStringRef key,
                                            CFTypeRef property);
/* The elements that have what `matching` (NULL: anything) says below the keys kIOHIDElement…Key, in
 * the order of their cookies; to be released. An element is the same object each time. NULL if the
 * report descriptor cannot be read. */
IOKIT_EXPORT CFArrayRef IOHIDDeviceCopyMatchingElements(IOHIDDeviceRef device,
                                                        CFDictionaryRef matching,
                                                        IOOptionBits options);

IOKIT_EXPORT void IOHIDDeviceScheduleWithRunLoop(IOHIDDeviceRef device, CFRunLoopRef runLoop,
                                                 CFStringRef runLoopMode);
IOKIT_EXPORT void IOHIDDeviceUnscheduleFromRunLoop(IOHIDDeviceRef device, CFRunLoopRef runLoop,
                                                   CFStringRef runLoopMode);
/* A queue in place of a run loop. Nothing runs on it before IOHIDDeviceActivate(). */
IOKIT_EXPORT void IOHIDDeviceSetDispatchQueue(IOHIDDeviceRef device, dispatch_queue_t queue);
#if defined(__BLOCKS__)
/* Runs on the queue after IOHIDDeviceCancel(), when no call-back runs any more. */
IOKIT_EXPORT void IOHIDDeviceSetCancelHandler(IOHIDDeviceRef device, dispatch_block_t handler);
#endif
IOKIT_EXPORT void IOHIDDeviceActivate(IOHIDDeviceRef device);
IOKIT_EXPORT void IOHIDDeviceCancel(IOHIDDeviceRef device);

/* A call-back of each kind; NULL takes it back. */
IOKIT_EXPORT void IOHIDDeviceRegisterRemovalCallback(IOHIDDeviceRef device, IOHIDCallback callback,
                                                     void* context);
/* For every input element whose value a report changed; of relative elements for each that is not
 * 0. */
IOKIT_EXPORT void IOHIDDeviceRegisterInputValueCallback(IOHIDDeviceRef device,
                                                        IOHIDValueCallback callback, void* context);
/* Each input report is put into `report`, which is the program's and has to live as long as the
 * call-back is registered; one that is longer is cut. */
IOKIT_EXPORT void IOHIDDeviceRegisterInputReportCallback(IOHIDDeviceRef device, uint8_t* report,
                                                         CFIndex reportLength,
                                                         IOHIDReportCallback callback,
                                                         void* context);
/* The same with the time of the report: mach_absolute_time(), nanoseconds here. */
IOKIT_EXPORT void IOHIDDeviceRegisterInputReportWithTimeStampCallback(
    IOHIDDeviceRef device, uint8_t* report, CFIndex reportLength,
    IOHIDReportWithTimeStampCallback callback, void* context);
/* Which elements the value call-back gets; NULL: all. */
IOKIT_EXPORT void IOHIDDeviceSetInputValueMatching(IOHIDDeviceRef device, CFDictionaryRef matching);
IOKIT_EXPORT void IOHIDDeviceSetInputValueMatchingMultiple(IOHIDDeviceRef device,
                                                           CFArrayRef multiple);

/* Sends the report that the element is in, with the values that were set last in the others of it.
 */
IOKIT_EXPORT IOReturn IOHIDDeviceSetValue(IOHIDDeviceRef device, IOHIDElementRef element,
                                          IOHIDValueRef value);
/* {element: value}; one report for all of them that are in the same. */
IOKIT_EXPORT IOReturn IOHIDDeviceSetValueMultiple(IOHIDDeviceRef device, CFDictionaryRef multiple);
IOKIT_EXPORT IOReturn IOHIDDeviceSetValueWithCallback(IOHIDDeviceRef device,
                                                      IOHIDElementRef element, IOHIDValueRef value,
                                                      CFTimeInterval timeout,
                                                      IOHIDValueCallback callback, void* context);
IOKIT_EXPORT IOReturn IOHIDDeviceSetValueMultipleWithCallback(IOHIDDeviceRef device,
                                                              CFDictionaryRef multiple,
                                                              CFTimeInterval timeout,
                                                              IOHIDValueMultipleCallback callback,
                                                              void* context);
/* `*pValue` is the element's and valid until its next value. Input elements have the value of the
 * last report; of feature elements the device is asked. */
IOKIT_EXPORT IOReturn IOHIDDeviceGetValue(IOHIDDeviceRef device, IOHIDElementRef element,
                                          IOHIDValueRef* pValue);
IOKIT_EXPORT IOReturn IOHIDDeviceGetValueWithOptions(IOHIDDeviceRef device, IOHIDElementRef element,
                                                     IOHIDValueRef* pValue, uint32_t options);
/* {element: value}, to be released. */
IOKIT_EXPORT IOReturn IOHIDDeviceCopyValueMultiple(IOHIDDeviceRef device, CFArrayRef elements,
                                                   CFDictionaryRef* pMultiple);
/* `*pValue` (may be NULL) is set before the call-back is called. */
IOKIT_EXPORT IOReturn IOHIDDeviceGetValueWithCallback(IOHIDDeviceRef device,
                                                      IOHIDElementRef element,
                                                      IOHIDValueRef* pValue, CFTimeInterval timeout,
                                                      IOHIDValueCallback callback, void* context);
/* `*pMultiple` (may be NULL) is set before the call-back is called, and to be released. */
IOKIT_EXPORT IOReturn IOHIDDeviceCopyValueMultipleWithCallback(
    IOHIDDeviceRef device, CFArrayRef elements, CFDictionaryRef* pMultiple, CFTimeInterval timeout,
    IOHIDValueMultipleCallback callback, void* context);

IOKIT_EXPORT IOReturn IOHIDDeviceSetReport(IOHIDDeviceRef device, IOHIDReportType reportType,
                                           CFIndex reportID, const uint8_t* report,
                                           CFIndex reportLength);
/* `report` is copied; the call-back gets it as it was passed. */
IOKIT_EXPORT IOReturn IOHIDDeviceSetReportWithCallback(IOHIDDeviceRef device,
                                                       IOHIDReportType reportType, CFIndex reportID,
                                                       const uint8_t* report, CFIndex reportLength,
                                                       CFTimeInterval timeout,
                                                       IOHIDReportCallback callback, void* context);
/* `*pReportLength`: room, then what came. */
IOKIT_EXPORT IOReturn IOHIDDeviceGetReport(IOHIDDeviceRef device, IOHIDReportType reportType,
                                           CFIndex reportID, uint8_t* report,
                                           CFIndex* pReportLength);
/* `report` and `*pReportLength` are the request's until the call-back was called. */
IOKIT_EXPORT IOReturn IOHIDDeviceGetReportWithCallback(IOHIDDeviceRef device,
                                                       IOHIDReportType reportType, CFIndex reportID,
                                                       uint8_t* report, CFIndex* pReportLength,
                                                       CFTimeInterval timeout,
                                                       IOHIDReportCallback callback, void* context);

CF_EXTERN_C_END

#endif
