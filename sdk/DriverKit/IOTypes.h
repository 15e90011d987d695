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
#include <mach/mach_types.h>
#include <mach/message.h>

#ifndef NULL
#define NULL nullptr
#endif
/* What later headers ask for. */
#define USE_CLANG_TYPES 1
#define LIBKERN_OSNUMBER_FLOAT_SUPPORT

/* Names of what other processes hold; nothing in a driver's process has one. */
typedef mach_port_t io_object_t;
#define IO_OBJECT_NULL ((io_object_t)0)
#define IO_NULL_VM_TASK ((vm_task_t)0)

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

typedef struct IOPhysicalRange {
    IOPhysicalAddress address;
    IOByteCount length;
} IOPhysicalRange;

typedef struct IOVirtualRange {
    IOVirtualAddress address;
    IOByteCount length;
} IOVirtualRange;

typedef struct IOAddressRange {
    mach_vm_address_t address;
    mach_vm_size_t length;
} IOAddressRange;

typedef struct IONamedValue {
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

/* IOService::RequireMaxBusStall, in nanoseconds. */
enum {
    kIOMaxBusStall40usec = 40000,
    kIOMaxBusStall30usec = 30000,
    kIOMaxBusStall25usec = 25000,
    kIOMaxBusStall20usec = 20000,
    kIOMaxBusStall10usec = 10000,
    kIOMaxBusStall5usec = 5000,
    kIOMaxBusStallNone = 0,
};

#endif /* __IOKIT_IOTYPES_H */
