/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OPENDEXT_OPENDEXT_HID_H_
#define OPENDEXT_OPENDEXT_HID_H_

/* What this library has for HID beyond <IOKit/hid/…>: event loops of the program's own, and devices
 * that a program plays, without blocks (IOHIDUserDevice needs them). For C++ there is
 * <opendext/hid_device.hpp> on top of it. docs/guide/hid-devices.md. */

#include <IOKit/hid/IOHIDDevice.h>
#include <opendext/client.h>

CF_EXTERN_C_BEGIN

/* For programs with an event loop of their own: a descriptor that is readable while call-backs of
 * an IOHIDManager, IOHIDDevice, IOHIDQueue, IOHIDTransaction or IOHIDUserDevice wait, owned by the
 * object, and the function that runs them. Those of a manager are for its devices, too. Use these
 * or a schedule, not both. -1 for other objects. */
IOKIT_EXPORT int opendext_hid_fd(CFTypeRef object);
IOKIT_EXPORT void opendext_hid_dispatch(CFTypeRef object);

/* Input reports of an open device that the program did not take in time. */
IOKIT_EXPORT uint64_t opendext_hid_dropped(IOHIDDeviceRef device);

/* Devices that this program plays
 * -----------------------------------------------------------------------------------------------
 *
 * Drivers and programs see such a device as they see one that is plugged in: an IOHIDUserDevice
 * with these properties, until it is destroyed or the program ends. Needs no privilege. Reports
 * have their id as first byte if and only if the descriptor uses ids. */

typedef struct opendext_hid_device* opendext_hid_device_t;
/* Names a get or set that is answered later. */
typedef uint64_t opendext_hid_request_t;
/* Result of a call-back: opendext_hid_device_answer() comes later. */
#define OPENDEXT_HID_LATER ((IOReturn)1)

/* Who has the device open. */
typedef struct opendext_hid_user {
    uint32_t number;    /* never used twice for a device */
    int32_t pid;        /* 0: not known */
    const char* name;   /* of the program or driver; valid during the call */
    uint32_t exclusive; /* 1: nobody else gets input */
    uint32_t present;   /* 1: came, 0: went */
} opendext_hid_user;

/* All run on one thread at a time: on the device's own, or in opendext_hid_device_dispatch(). Each
 * may be NULL; requests that nothing takes give kIOReturnUnsupported. */
typedef struct opendext_hid_device_callbacks {
    void* context;
    /* Fills in a report: `*length` is the room, then what was filled. The result is the asker's. */
    IOReturn (*get_report)(void* context, opendext_hid_request_t request, IOHIDReportType type,
                           uint32_t reportID, uint8_t* report, size_t* length);
    /* Takes a report. */
    IOReturn (*set_report)(void* context, opendext_hid_request_t request, IOHIDReportType type,
                           uint32_t reportID, const uint8_t* report, size_t length);
    void (*user)(void* context, const opendext_hid_user* user);
    /* opendextd ended the device: nobody new can open it. */
    void (*unplugged)(void* context);
} opendext_hid_device_callbacks;

enum {
    /* No thread: the program waits for opendext_hid_device_fd() and calls
     * opendext_hid_device_dispatch(). */
    OPENDEXT_HID_DEVICE_NO_THREAD = 1
};

/* Plugs a device in. `properties` (may be NULL): keys of <IOKit/hid/IOHIDDeviceKeys.h>.
 * `callbacks` is copied and may be NULL. kIOReturnBadArgument, kIOReturnUnsupported: the descriptor
 * is wrong; opendext_last_error_reason() says where. */
IOKIT_EXPORT kern_return_t opendext_hid_device_create(
    const uint8_t* descriptor, size_t descriptorLength, CFDictionaryRef properties,
    const opendext_hid_device_callbacks* callbacks, uint32_t options,
    opendext_hid_device_t* device);
/* Unplugs it; NULL is allowed. No call-back runs any more when this returns, unless it is what
 * calls. */
IOKIT_EXPORT void opendext_hid_device_destroy(opendext_hid_device_t device);
/* The registry entry's id. */
IOKIT_EXPORT uint64_t opendext_hid_device_entry(opendext_hid_device_t device);
/* An input report to everybody who has it open; `timestamp` as of mach_absolute_time(), 0: now.
 * Never waits: users who do not take theirs lose it. Any thread. */
IOKIT_EXPORT kern_return_t opendext_hid_device_send(opendext_hid_device_t device,
                                                    uint64_t timestamp, const uint8_t* report,
                                                    size_t length);
/* Answers a request for which a call-back said OPENDEXT_HID_LATER, once; bytes are those of a get.
 * kIOReturnNotFound for one that there is not. Any thread. */
IOKIT_EXPORT kern_return_t opendext_hid_device_answer(opendext_hid_device_t device,
                                                      opendext_hid_request_t request,
                                                      IOReturn result, const uint8_t* report,
                                                      size_t length);
/* How many have it open. */
IOKIT_EXPORT uint32_t opendext_hid_device_users(opendext_hid_device_t device);
/* Of a device without a thread; the descriptor is the device's. */
IOKIT_EXPORT int opendext_hid_device_fd(opendext_hid_device_t device);
IOKIT_EXPORT void opendext_hid_device_dispatch(opendext_hid_device_t device);

CF_EXTERN_C_END

#endif
