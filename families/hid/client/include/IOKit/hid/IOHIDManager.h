/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OPENDEXT_IOKIT_HID_IOHIDMANAGER_H_
#define OPENDEXT_IOKIT_HID_IOHIDMANAGER_H_

/* The HID devices that fit, those that come later too: what is done to the manager is done to each
 * of them. Needs no driver and, for simulated devices, no privilege; devices of the kernel are
 * opened with the program's own rights (docs/guide/hid-devices.md).
 *
 * The devices are known from IOHIDManagerSetDeviceMatching() on. The call-back for devices that
 * were there before runs where the manager is scheduled, like that for later ones. `sender` of
 * call-backs
 * for devices is the manager, of those for input the device. */

#include <IOKit/hid/IOHIDBase.h>
#include <IOKit/hid/IOHIDDevice.h>
#include <IOKit/hid/IOHIDElement.h>
#include <IOKit/hid/IOHIDKeys.h>
#include <IOKit/hid/IOHIDQueue.h>
#include <IOKit/hid/IOHIDTransaction.h>
#include <IOKit/hid/IOHIDValue.h>

CF_EXTERN_C_BEGIN

typedef struct __IOHIDManager* IOHIDManagerRef;

typedef enum IOHIDManagerOptions {
    kIOHIDManagerOptionNone = 0,
    kIOHIDManagerOptionUsePersistentProperties = 1,
    kIOHIDManagerOptionDoNotLoadProperties = 2,
    kIOHIDManagerOptionDoNotSaveProperties = 4,
    /* Opening, closing and scheduling of the devices is left to the program. */
    kIOHIDManagerOptionIndependentDevices = 8,
} IOHIDManagerOptions;

IOKIT_EXPORT CFTypeID IOHIDManagerGetTypeID(void);
IOKIT_EXPORT IOHIDManagerRef IOHIDManagerCreate(CFAllocatorRef allocator, IOOptionBits options);
/* Opens all devices, present and future, with these options (IOHIDDeviceOpen). If some cannot be
 * opened the others are; the result is then that of the first, its reason names it. */
IOKIT_EXPORT IOReturn IOHIDManagerOpen(IOHIDManagerRef manager, IOOptionBits options);
IOKIT_EXPORT IOReturn IOHIDManagerClose(IOHIDManagerRef manager, IOOptionBits options);
/* Get rule. */
IOKIT_EXPORT CFTypeRef IOHIDManagerGetProperty(IOHIDManagerRef manager, CFStringRef key);
/* Is set on every device, too. */
IOKIT_EXPORT Boolean IOHIDManagerSetProperty(IOHIDManagerRef manager, CFStringRef key,
                                             CFTypeRef value);
IOKIT_EXPORT void IOHIDManagerScheduleWithRunLoop(IOHIDManagerRef manager, CFRunLoopRef runLoop,
                                                  CFStringRef runLoopMode);
IOKIT_EXPORT void IOHIDManagerUnscheduleFromRunLoop(IOHIDManagerRef manager, CFRunLoopRef runLoop,
                                                    CFStringRef runLoopMode);
/* As for a device (IOHIDDevice.h). */
IOKIT_EXPORT void IOHIDManagerSetDispatchQueue(IOHIDManagerRef manager, dispatch_queue_t queue);
#if defined(__BLOCKS__)
IOKIT_EXPORT void IOHIDManagerSetCancelHandler(IOHIDManagerRef manager, dispatch_block_t handler);
#endif
IOKIT_EXPORT void IOHIDManagerActivate(IOHIDManagerRef manager);
IOKIT_EXPORT void IOHIDManagerCancel(IOHIDManagerRef manager);

/* Which devices: keys of properties as in docs/facts/plist-keys.csv; NULL: all. Devices that do not
 * fit any more are forgotten. */
IOKIT_EXPORT void IOHIDManagerSetDeviceMatching(IOHIDManagerRef manager, CFDictionaryRef matching);
/* Those that fit any of them. */
IOKIT_EXPORT void IOHIDManagerSetDeviceMatchingMultiple(IOHIDManagerRef manager,
                                                        CFArrayRef multiple);
/* To be released; NULL if there is none. */
IOKIT_EXPORT CFSetRef IOHIDManagerCopyDevices(IOHIDManagerRef manager);
IOKIT_EXPORT void IOHIDManagerRegisterDeviceMatchingCallback(IOHIDManagerRef manager,
                                                             IOHIDDeviceCallback callback,
                                                             void* context);
IOKIT_EXPORT void IOHIDManagerRegisterDeviceRemovalCallback(IOHIDManagerRef manager,
                                                            IOHIDDeviceCallback callback,
                                                            void* context);
/* The report is valid during the call. */
IOKIT_EXPORT void IOHIDManagerRegisterInputReportCallback(IOHIDManagerRef manager,
                                                          IOHIDReportCallback callback,
                                                          void* context);
IOKIT_EXPORT void IOHIDManagerRegisterInputReportWithTimeStampCallback(
    IOHIDManagerRef manager, IOHIDReportWithTimeStampCallback callback, void* context);
IOKIT_EXPORT void IOHIDManagerRegisterInputValueCallback(IOHIDManagerRef manager,
                                                         IOHIDValueCallback callback,
                                                         void* context);
IOKIT_EXPORT void IOHIDManagerSetInputValueMatching(IOHIDManagerRef manager,
                                                    CFDictionaryRef matching);
IOKIT_EXPORT void IOHIDManagerSetInputValueMatchingMultiple(IOHIDManagerRef manager,
                                                            CFArrayRef multiple);
/* Writes the manager's properties to a property list of the application's below the user's
 * configuration directory; a manager that is made with
 * kIOHIDManagerOptionUsePersistentProperties has those of its program. */
IOKIT_EXPORT void IOHIDManagerSaveToPropertyDomain(IOHIDManagerRef manager,
                                                   CFStringRef applicationID, CFStringRef userName,
                                                   CFStringRef hostName, IOOptionBits options);

CF_EXTERN_C_END

#endif
