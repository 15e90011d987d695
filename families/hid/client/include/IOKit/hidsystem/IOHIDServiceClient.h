/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OPENDEXT_IOKIT_HIDSYSTEM_IOHIDSERVICECLIENT_H_
#define OPENDEXT_IOKIT_HIDSYSTEM_IOHIDSERVICECLIENT_H_

/* A service of the event system: the object of a driver that makes events of a device's reports. */

#include <IOKit/hid/IOHIDBase.h>

CF_EXTERN_C_BEGIN

typedef struct __IOHIDServiceClient* IOHIDServiceClientRef;

/* Sets it on the service's registry entry, whose driver may refuse it: FALSE. */
IOKIT_EXPORT Boolean IOHIDServiceClientSetProperty(IOHIDServiceClientRef service, CFStringRef key,
                                                   CFTypeRef property);
/* To be released; of the service, else of the device that it stands on. NULL: neither has it. */
IOKIT_EXPORT CFTypeRef IOHIDServiceClientCopyProperty(IOHIDServiceClientRef service,
                                                      CFStringRef key);
IOKIT_EXPORT CFTypeID IOHIDServiceClientGetTypeID(void);
/* A CFNumber; get rule. */
IOKIT_EXPORT CFTypeRef IOHIDServiceClientGetRegistryID(IOHIDServiceClientRef service);
IOKIT_EXPORT boolean_t IOHIDServiceClientConformsTo(IOHIDServiceClientRef service,
                                                    uint32_t usagePage, uint32_t usage);

CF_EXTERN_C_END

#endif
