/* SPDX-License-Identifier: Apache-2.0 */
#ifndef __IOKIT_IOTYPES_H
#define __IOKIT_IOTYPES_H

/* Plain types of DriverKit: docs/facts/driverkit-api.csv (IOTypes.h). Addresses and lengths are 64
 * bits wide. */
#ifndef IOKIT
#define IOKIT 1
#endif

#include <Availability.h>
#include <TargetConditionals.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>

#include <DriverKit/IOReturn.h>
#include <libkern/OSTypes.h>
#include <mach/message.h>

typedef uint32_t IOOptionBits;
typedef int32_t IOFixed;
typedef uint32_t IOVersion;
typedef uint32_t IOItemCount;
typedef uint32_t IOCacheMode;

typedef uint32_t IOByteCount32;
typedef uint64_t IOByteCount64;
typedef IOByteCount64 IOByteCount;
#define PRIIOByteCount PRIu64

typedef uint64_t IOVirtualAddress;
typedef uint32_t IOPhysicalAddress32;
typedef uint64_t IOPhysicalAddress64;
typedef uint32_t IOPhysicalLength32;
typedef uint64_t IOPhysicalLength64;
typedef IOPhysicalAddress64 IOPhysicalAddress;
typedef IOPhysicalLength64 IOPhysicalLength;
#define IOPhysSize 64
#define IOPhysical32(hi, lo) ((uint64_t)(lo) + ((uint64_t)(hi) << 32))

typedef struct {
    IOPhysicalAddress address;
    IOByteCount length;
} IOPhysicalRange;

typedef struct {
    IOVirtualAddress address;
    IOByteCount length;
} IOVirtualRange;

typedef struct {
    mach_vm_address_t address;
    mach_vm_size_t length;
} IOAddressRange;

typedef struct {
    int value;
    const char* name;
} IONamedValue;

/* Room of a client for structure output of any size (IOConnectCallMethod). */
enum { kIOConnectMethodVarOutputSize = -3 };

enum {
    kNanosecondScale = 1,
    kMicrosecondScale = 1000,
    kMillisecondScale = 1000 * 1000,
    kSecondScale = 1000 * 1000 * 1000,
    kTickScale = kSecondScale / 100,
};

#endif /* __IOKIT_IOTYPES_H */
