/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OPENDEXT_IOKIT_OSMESSAGENOTIFICATION_H_
#define OPENDEXT_IOKIT_OSMESSAGENOTIFICATION_H_

/* Places in the reference array of an asynchronous call. */

#include <IOKit/IOTypes.h>

enum { kOSAsyncRef64Count = 8, kOSAsyncRefCount = 8 };
typedef io_user_reference_t OSAsyncReference64[kOSAsyncRef64Count];
enum {
    kIOAsyncReservedIndex = 0,
    kIOAsyncReservedCount = 1,
    kIOAsyncCalloutFuncIndex = 1,
    kIOAsyncCalloutRefconIndex = 2,
    kIOAsyncCalloutCount = 3
};
enum { kMaxAsyncArgs = 16 };

#endif
