/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OPENDEXT_IOKIT_HID_IOHIDQUEUE_H_
#define OPENDEXT_IOKIT_HID_IOHIDQUEUE_H_

/* The values of chosen elements of an open device, in the order in which they came. A queue keeps
 * its device. */

#include <IOKit/hid/IOHIDBase.h>
#include <dispatch/dispatch.h>

CF_EXTERN_C_BEGIN

typedef struct __IOHIDQueue* IOHIDQueueRef;

IOKIT_EXPORT CFTypeID IOHIDQueueGetTypeID(void);
/* `depth`: so many values are kept; when more come, the oldest are dropped.
 * kIOHIDQueueOptionsTypeEnqueueAll: values that did not change too. */
IOKIT_EXPORT IOHIDQueueRef IOHIDQueueCreate(CFAllocatorRef allocator, IOHIDDeviceRef device,
                                            CFIndex depth, IOOptionBits options);
IOKIT_EXPORT IOHIDDeviceRef IOHIDQueueGetDevice(IOHIDQueueRef queue);
IOKIT_EXPORT CFIndex IOHIDQueueGetDepth(IOHIDQueueRef queue);
IOKIT_EXPORT void IOHIDQueueSetDepth(IOHIDQueueRef queue, CFIndex depth);
IOKIT_EXPORT void IOHIDQueueAddElement(IOHIDQueueRef queue, IOHIDElementRef element);
IOKIT_EXPORT void IOHIDQueueRemoveElement(IOHIDQueueRef queue, IOHIDElementRef element);
IOKIT_EXPORT Boolean IOHIDQueueContainsElement(IOHIDQueueRef queue, IOHIDElementRef element);
/* Values are taken in between. */
IOKIT_EXPORT void IOHIDQueueStart(IOHIDQueueRef queue);
IOKIT_EXPORT void IOHIDQueueStop(IOHIDQueueRef queue);
IOKIT_EXPORT void IOHIDQueueScheduleWithRunLoop(IOHIDQueueRef queue, CFRunLoopRef runLoop,
                                                CFStringRef runLoopMode);
IOKIT_EXPORT void IOHIDQueueUnscheduleFromRunLoop(IOHIDQueueRef queue, CFRunLoopRef runLoop,
                                                  CFStringRef runLoopMode);
/* As for a device (IOHIDDevice.h). */
IOKIT_EXPORT void IOHIDQueueSetDispatchQueue(IOHIDQueueRef queue, dispatch_queue_t dispatchQueue);
#if defined(__BLOCKS__)
IOKIT_EXPORT void IOHIDQueueSetCancelHandler(IOHIDQueueRef queue, dispatch_block_t handler);
#endif
IOKIT_EXPORT void IOHIDQueueActivate(IOHIDQueueRef queue);
IOKIT_EXPORT void IOHIDQueueCancel(IOHIDQueueRef queue);
/* Called when values came and the queue was empty before; `sender` is the queue. */
IOKIT_EXPORT void IOHIDQueueRegisterValueAvailableCallback(IOHIDQueueRef queue,
                                                           IOHIDCallback callback, void* context);
/* The oldest value, to be released; NULL if there is none. */
IOKIT_EXPORT IOHIDValueRef IOHIDQueueCopyNextValue(IOHIDQueueRef queue);
/* The same, waiting at most so many seconds. Needs no schedule. */
IOKIT_EXPORT IOHIDValueRef IOHIDQueueCopyNextValueWithTimeout(IOHIDQueueRef queue,
                                                              CFTimeInterval timeout);

CF_EXTERN_C_END

#endif
