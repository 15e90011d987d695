/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OPENDEXT_IOKIT_HIDSYSTEM_IOHIDEVENTSYSTEMCLIENT_H_
#define OPENDEXT_IOKIT_HIDSYSTEM_IOHIDEVENTSYSTEMCLIENT_H_

/* What makes events of reports: which services there are, and their properties. A simple client
 * gets no events; on Linux those are evdev's. */

#include <IOKit/hid/IOHIDBase.h>
#include <IOKit/hidsystem/IOHIDServiceClient.h>

CF_EXTERN_C_BEGIN

typedef struct __IOHIDEventSystemClient* IOHIDEventSystemClientRef;

IOKIT_EXPORT IOHIDEventSystemClientRef
IOHIDEventSystemClientCreateSimpleClient(CFAllocatorRef allocator);
/* Of every service that there is, and of the client; FALSE if a service refused it. */
IOKIT_EXPORT Boolean IOHIDEventSystemClientSetProperty(IOHIDEventSystemClientRef client,
                                                       CFStringRef key, CFTypeRef property);
/* To be released; NULL if it was not set through this client. */
IOKIT_EXPORT CFTypeRef IOHIDEventSystemClientCopyProperty(IOHIDEventSystemClientRef client,
                                                          CFStringRef key);
IOKIT_EXPORT CFTypeID IOHIDEventSystemClientGetTypeID(void);
/* IOHIDServiceClients, to be released; NULL if there are none. */
IOKIT_EXPORT CFArrayRef IOHIDEventSystemClientCopyServices(IOHIDEventSystemClientRef client);

CF_EXTERN_C_END

#endif
