/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OPENDEXT_IOKIT_HIDSYSTEM_IOHIDUSERDEVICE_H_
#define OPENDEXT_IOKIT_HIDSYSTEM_IOHIDUSERDEVICE_H_

/* A HID device that this program plays: drivers and programs see it as they see one that is plugged
 * in, until it is cancelled or released. Needs no privilege. <opendext/hid.h> has the same for
 * programs without blocks.
 *
 * The functions for reports are called on the dispatch queue, or, for programs with an event loop
 * of their own, in opendext_hid_dispatch(). Reports have their id as first byte if and only if the
 * descriptor uses ids. */

#include <IOKit/hid/IOHIDBase.h>
#include <IOKit/hid/IOHIDKeys.h>
#include <dispatch/dispatch.h>

CF_EXTERN_C_BEGIN

typedef struct __IOHIDUserDevice* IOHIDUserDeviceRef;

typedef enum IOHIDUserDeviceOptions {
    IOHIDUserDeviceOptionsCreateOnActivate = 1, /* plugged in by IOHIDUserDeviceActivate() */
} IOHIDUserDeviceOptions;

#if defined(__BLOCKS__)
/* The device takes a report; the result is the asker's. */
typedef IOReturn (^IOHIDUserDeviceSetReportBlock)(IOHIDReportType type, uint32_t reportID,
                                                  const uint8_t* report, CFIndex reportLength);
/* The device fills in a report: `*reportLength` is the room, then what was filled. */
typedef IOReturn (^IOHIDUserDeviceGetReportBlock)(IOHIDReportType type, uint32_t reportID,
                                                  uint8_t* report, CFIndex* reportLength);
#endif

IOKIT_EXPORT CFTypeID IOHIDUserDeviceGetTypeID(void);
/* `properties`: kIOHIDReportDescriptorKey (CFData) is needed, the others of IOHIDDeviceKeys.h are
 * the device's own. NULL with a reason (opendext_last_error_reason()) if the descriptor is wrong or
 * the device cannot be plugged in. */
IOKIT_EXPORT IOHIDUserDeviceRef IOHIDUserDeviceCreateWithProperties(CFAllocatorRef allocator,
                                                                    CFDictionaryRef properties,
                                                                    IOOptionBits options);
#if defined(__BLOCKS__)
/* Before IOHIDUserDeviceActivate(). Without one such requests give kIOReturnUnsupported. */
IOKIT_EXPORT void IOHIDUserDeviceRegisterGetReportBlock(IOHIDUserDeviceRef device,
                                                        IOHIDUserDeviceGetReportBlock block);
IOKIT_EXPORT void IOHIDUserDeviceRegisterSetReportBlock(IOHIDUserDeviceRef device,
                                                        IOHIDUserDeviceSetReportBlock block);
#endif
IOKIT_EXPORT void IOHIDUserDeviceSetDispatchQueue(IOHIDUserDeviceRef device,
                                                  dispatch_queue_t queue);
#if defined(__BLOCKS__)
IOKIT_EXPORT void IOHIDUserDeviceSetCancelHandler(IOHIDUserDeviceRef device,
                                                  dispatch_block_t handler);
#endif
IOKIT_EXPORT void IOHIDUserDeviceActivate(IOHIDUserDeviceRef device);
/* Unplugs it. */
IOKIT_EXPORT void IOHIDUserDeviceCancel(IOHIDUserDeviceRef device);
/* To be released; NULL if there is none. */
IOKIT_EXPORT CFTypeRef IOHIDUserDeviceCopyProperty(IOHIDUserDeviceRef device, CFStringRef key);
/* FALSE where the device takes no property after it was plugged in. */
IOKIT_EXPORT Boolean IOHIDUserDeviceSetProperty(IOHIDUserDeviceRef device, CFStringRef key,
                                                CFTypeRef property);
/* An input report; `timestamp` as of mach_absolute_time(), 0: now. Users who do not take theirs
 * lose it, and the device does not wait. Any thread. */
IOKIT_EXPORT IOReturn IOHIDUserDeviceHandleReportWithTimeStamp(IOHIDUserDeviceRef device,
                                                               uint64_t timestamp,
                                                               const uint8_t* report,
                                                               CFIndex reportLength);

CF_EXTERN_C_END

#endif
