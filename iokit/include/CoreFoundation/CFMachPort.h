/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OPENDEXT_COREFOUNDATION_CFMACHPORT_H_
#define OPENDEXT_COREFOUNDATION_CFMACHPORT_H_

/* Notification ports on a run loop, for programs that do it by hand: IONotificationPortGetMachPort
 * -> CFMachPortCreateWithPort -> CFMachPortCreateRunLoopSource, and IODispatchCalloutFromMessage in
 * the call-back. There are no Mach messages here: the call-back gets an empty one whenever
 * call-backs wait at the port. Any thread; the call-back runs on the thread of the run loop. */

#include <CoreFoundation/CFBase.h>
#include <CoreFoundation/CFRunLoop.h>
#include <mach/mach_types.h>

CF_EXTERN_C_BEGIN

typedef struct __CFMachPort* CFMachPortRef;
typedef struct CFMachPortContext {
    CFIndex version;
    void* info;
    const void* (*retain)(const void* info);
    void (*release)(const void* info);
    CFStringRef (*copyDescription)(const void* info);
} CFMachPortContext;
typedef void (*CFMachPortCallBack)(CFMachPortRef port, void* msg, CFIndex size, void* info);
typedef void (*CFMachPortInvalidationCallBack)(CFMachPortRef port, void* info);

CF_EXPORT CFTypeID CFMachPortGetTypeID(void);
/* With a notification port of its own, which goes with it. `context` and `shouldFreeInfo` may be
 * NULL; the latter is set to false. */
CF_EXPORT CFMachPortRef CFMachPortCreate(CFAllocatorRef allocator, CFMachPortCallBack callout,
                                         CFMachPortContext* context, Boolean* shouldFreeInfo);
/* NULL if `portNum` is none of a notification port. */
CF_EXPORT CFMachPortRef CFMachPortCreateWithPort(CFAllocatorRef allocator, mach_port_t portNum,
                                                 CFMachPortCallBack callout,
                                                 CFMachPortContext* context,
                                                 Boolean* shouldFreeInfo);
CF_EXPORT mach_port_t CFMachPortGetPort(CFMachPortRef port);
CF_EXPORT void CFMachPortGetContext(CFMachPortRef port, CFMachPortContext* context);
/* Its source is invalid from then on; no call-back begins. */
CF_EXPORT void CFMachPortInvalidate(CFMachPortRef port);
CF_EXPORT Boolean CFMachPortIsValid(CFMachPortRef port);
CF_EXPORT CFMachPortInvalidationCallBack CFMachPortGetInvalidationCallBack(CFMachPortRef port);
CF_EXPORT void CFMachPortSetInvalidationCallBack(CFMachPortRef port,
                                                 CFMachPortInvalidationCallBack callout);
/* The port has one source; each call gives another reference to it. */
CF_EXPORT CFRunLoopSourceRef CFMachPortCreateRunLoopSource(CFAllocatorRef allocator,
                                                           CFMachPortRef port, CFIndex order);

CF_EXTERN_C_END

#endif
