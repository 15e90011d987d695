/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OPENDEXT_IOKIT_HID_IOHIDTRANSACTION_H_
#define OPENDEXT_IOKIT_HID_IOHIDTRANSACTION_H_

/* Values of several elements that are sent, or asked for, together: one report for all that are in
 * the same. */

#include <IOKit/hid/IOHIDBase.h>

CF_EXTERN_C_BEGIN

typedef struct __IOHIDTransaction* IOHIDTransactionRef;

typedef enum IOHIDTransactionOptions {
    kIOHIDTransactionOptionsNone = 0,
    kIOHIDTransactionOptionsWeakDevice = 1, /* does not keep its device */
} IOHIDTransactionOptions;

IOKIT_EXPORT CFTypeID IOHIDTransactionGetTypeID(void);
IOKIT_EXPORT IOHIDTransactionRef IOHIDTransactionCreate(CFAllocatorRef allocator,
                                                        IOHIDDeviceRef device,
                                                        IOHIDTransactionDirectionType direction,
                                                        IOOptionBits options);
/* NULL once a device that is not kept is gone. */
IOKIT_EXPORT IOHIDDeviceRef IOHIDTransactionGetDevice(IOHIDTransactionRef transaction);
IOKIT_EXPORT IOHIDTransactionDirectionType
IOHIDTransactionGetDirection(IOHIDTransactionRef transaction);
IOKIT_EXPORT void IOHIDTransactionSetDirection(IOHIDTransactionRef transaction,
                                               IOHIDTransactionDirectionType direction);
IOKIT_EXPORT void IOHIDTransactionAddElement(IOHIDTransactionRef transaction,
                                             IOHIDElementRef element);
IOKIT_EXPORT void IOHIDTransactionRemoveElement(IOHIDTransactionRef transaction,
                                                IOHIDElementRef element);
IOKIT_EXPORT Boolean IOHIDTransactionContainsElement(IOHIDTransactionRef transaction,
                                                     IOHIDElementRef element);
IOKIT_EXPORT void IOHIDTransactionScheduleWithRunLoop(IOHIDTransactionRef transaction,
                                                      CFRunLoopRef runLoop,
                                                      CFStringRef runLoopMode);
IOKIT_EXPORT void IOHIDTransactionUnscheduleFromRunLoop(IOHIDTransactionRef transaction,
                                                        CFRunLoopRef runLoop,
                                                        CFStringRef runLoopMode);
/* The value that the next commit sends for an element of the transaction; with
 * kIOHIDTransactionOptionDefaultOutputValue, the one that every commit sends if no other is set. */
IOKIT_EXPORT void IOHIDTransactionSetValue(IOHIDTransactionRef transaction, IOHIDElementRef element,
                                           IOHIDValueRef value, IOOptionBits options);
/* What was set, or came with the last commit of an input transaction; with the option the default.
 * Get rule; NULL: none. */
IOKIT_EXPORT IOHIDValueRef IOHIDTransactionGetValue(IOHIDTransactionRef transaction,
                                                    IOHIDElementRef element, IOOptionBits options);
/* Output: sends the values and forgets them, but not the defaults. Input: asks for the values. */
IOKIT_EXPORT IOReturn IOHIDTransactionCommit(IOHIDTransactionRef transaction);
/* `sender` of the call-back is the transaction, which has to be scheduled. */
IOKIT_EXPORT IOReturn IOHIDTransactionCommitWithCallback(IOHIDTransactionRef transaction,
                                                         CFTimeInterval timeout,
                                                         IOHIDCallback callback, void* context);
/* Forgets all values, not the defaults and not which elements there are. */
IOKIT_EXPORT void IOHIDTransactionClear(IOHIDTransactionRef transaction);

CF_EXTERN_C_END

#endif
