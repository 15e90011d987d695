/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OPENDEXT_IOKIT_IOTYPES_H_
#define OPENDEXT_IOKIT_IOTYPES_H_

/* Types of the IOKit client interface. A handle (io_object_t and its kin) is a number of this
 * process; the same registry entry has the same number as long as a reference is held. */

#include <CoreFoundation/CFBase.h>
#include <IOKit/IOMapTypes.h>
#include <IOKit/IOReturn.h>
#include <inttypes.h>
#include <mach/mach_types.h>

#define IOKIT 1
#define PRIIOByteCount PRIu64
#define IOPhysSize 64
#define IOPhysical32(hi, lo) ((UInt64)(UInt32)(lo) + ((UInt64)(hi) << 32))
#define IO_NULL_VM_TASK ((vm_task_t)0)

typedef UInt32 IOOptionBits;
typedef SInt32 IOFixed;
typedef UInt32 IOVersion;
typedef UInt32 IOItemCount;
typedef UInt32 IOCacheMode;
typedef UInt32 IOByteCount32;
typedef UInt64 IOByteCount64;
typedef IOByteCount64 IOByteCount;
typedef UInt32 IOPhysicalAddress32;
typedef UInt64 IOPhysicalAddress64;
typedef UInt32 IOPhysicalLength32;
typedef UInt64 IOPhysicalLength64;
typedef IOPhysicalAddress64 IOPhysicalAddress;
typedef IOPhysicalLength64 IOPhysicalLength;
typedef mach_vm_address_t IOVirtualAddress;
typedef IOVirtualAddress IOLogicalAddress;
typedef unsigned int IOAlignment;
typedef unsigned int IODeviceNumber;
typedef struct IOVirtualRange {
    IOVirtualAddress address;
    IOByteCount length;
} IOVirtualRange;
typedef IOVirtualRange IOAddressRange;
typedef struct IOPhysicalRange {
    IOPhysicalAddress address;
    IOByteCount length;
} IOPhysicalRange;
typedef struct IONamedValue {
    int value;
    const char* name;
} IONamedValue;

typedef mach_port_t io_object_t;
typedef io_object_t io_connect_t;
typedef io_object_t io_enumerator_t;
typedef io_object_t io_ident_t;
typedef io_object_t io_iterator_t;
typedef io_object_t io_registry_entry_t;
typedef io_object_t io_service_t;
typedef io_object_t uext_object_t;
#define IO_OBJECT_NULL ((io_object_t)0)

typedef char io_name_t[128];
typedef char io_string_t[512];
typedef char io_string_inband_t[4096];
typedef char io_struct_inband_t[4096];
typedef uint64_t io_user_scalar_t;
typedef uint64_t io_user_reference_t;
typedef io_user_scalar_t io_scalar_inband64_t[16];
typedef io_user_reference_t io_async_ref64_t[8];

enum {
    kNanosecondScale = 1,
    kMicrosecondScale = 1000,
    kMillisecondScale = 1000 * 1000,
    kSecondScale = 1000 * 1000 * 1000,
    kTickScale = kSecondScale / 100
};
enum { kIOConnectMethodVarOutputSize = -3 };

/* How long a device bears to wait for the memory, in nanoseconds (IOService::RequireMaxBusStall);
 * none: as long as it takes. */
enum {
    kIOMaxBusStall40usec = 40000,
    kIOMaxBusStall30usec = 30000,
    kIOMaxBusStall25usec = 25000,
    kIOMaxBusStall20usec = 20000,
    kIOMaxBusStall10usec = 10000,
    kIOMaxBusStall5usec = 5000,
    kIOMaxBusStallNone = 0
};

#endif
