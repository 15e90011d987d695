/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OPENDEXT_IOKIT_OSMESSAGENOTIFICATION_H_
#define OPENDEXT_IOKIT_OSMESSAGENOTIFICATION_H_

/* Places in the reference array of an asynchronous call, and what a notification looks like that
 * travels as a Mach message. None travels so here (notifications come through the notification
 * port's run loop source, queue or descriptor); the types are there for programs that name them. */

#include <IOKit/IOReturn.h>
#include <IOKit/IOTypes.h>
#include <mach/message.h>

enum {
    kFirstIOKitNotificationType = 100,
    kIOServicePublishNotificationType = 100,
    kIOServiceMatchedNotificationType = 101,
    kIOServiceTerminatedNotificationType = 102,
    kIOAsyncCompletionNotificationType = 150,
    kIOServiceMessageNotificationType = 160,
    kLastIOKitNotificationType = 199,
    /* parts of OSNotificationHeader.type */
    kIOKitNoticationTypeMask = 0x00000fff,
    kIOKitNoticationTypeSizeAdjShift = 30,
    kIOKitNoticationMsgSizeMask = 3
};
enum { kOSNotificationMessageID = 53, kOSAsyncCompleteMessageID = 57 };
enum { kMaxAsyncArgs = 16 };

enum { kIOAsyncReservedIndex = 0, kIOAsyncReservedCount = 1 };
enum { kIOAsyncCalloutFuncIndex = 1, kIOAsyncCalloutRefconIndex = 2, kIOAsyncCalloutCount = 3 };
enum {
    kIOMatchingCalloutFuncIndex = 1,
    kIOMatchingCalloutRefconIndex = 2,
    kIOMatchingCalloutCount = 3
};
enum {
    kIOInterestCalloutFuncIndex = 1,
    kIOInterestCalloutRefconIndex = 2,
    kIOInterestCalloutServiceIndex = 3,
    kIOInterestCalloutCount = 4
};

enum { kOSAsyncRef64Count = 8, kOSAsyncRefCount = 8, kOSAsyncRefSize = 32 };
#define kOSAsyncRef64Size (kOSAsyncRef64Count * ((int)sizeof(io_user_reference_t)))
typedef natural_t OSAsyncReference[kOSAsyncRefCount];
typedef io_user_reference_t OSAsyncReference64[kOSAsyncRef64Count];

#ifdef __cplusplus
#define OPENDEXT_FLEXIBLE_ARRAY 0
#else
#define OPENDEXT_FLEXIBLE_ARRAY
#endif

struct OSNotificationHeader {
    mach_msg_size_t size; /* of the content */
    natural_t type;
    OSAsyncReference reference;
    unsigned char content[OPENDEXT_FLEXIBLE_ARRAY];
};
typedef struct OSNotificationHeader OSNotificationHeader;

#pragma pack(push, 4)
struct OSNotificationHeader64 {
    mach_msg_size_t size; /* of the content */
    natural_t type;
    OSAsyncReference64 reference;
    unsigned char content[OPENDEXT_FLEXIBLE_ARRAY];
};
typedef struct OSNotificationHeader64 OSNotificationHeader64;

struct IOServiceInterestContent64 {
    natural_t messageType;
    io_user_reference_t messageArgument[1];
};
typedef struct IOServiceInterestContent64 IOServiceInterestContent64;
#pragma pack(pop)

struct IOServiceInterestContent {
    natural_t messageType;
    void* messageArgument[1];
};
typedef struct IOServiceInterestContent IOServiceInterestContent;

struct IOAsyncCompletionContent {
    IOReturn result;
    void* args[OPENDEXT_FLEXIBLE_ARRAY];
};
typedef struct IOAsyncCompletionContent IOAsyncCompletionContent;

#undef OPENDEXT_FLEXIBLE_ARRAY

#endif
