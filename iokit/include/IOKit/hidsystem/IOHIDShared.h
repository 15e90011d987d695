/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OPENDEXT_IOKIT_HIDSYSTEM_IOHIDSHARED_H_
#define OPENDEXT_IOKIT_HIDSYSTEM_IOHIDSHARED_H_

/* Connection types that programs give IOServiceOpen, also for drivers of their own
 * (docs/facts/iokit-client-api.csv). */
#include <IOKit/IOReturn.h>
#include <IOKit/IOTypes.h>

enum {
    kIOHIDServerConnectType = 0,
    kIOHIDParamConnectType = 1,
};

#endif
