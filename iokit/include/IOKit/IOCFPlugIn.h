/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OPENDEXT_IOKIT_IOCFPLUGIN_H_
#define OPENDEXT_IOKIT_IOCFPLUGIN_H_

/* Device interfaces that a plug-in brings into the program. Those of the families that OpenDext has
 * are part of this library. It loads no plug-ins of drivers into programs: programs that ask for
 * one are refused with kIOReturnNoResources, as they are where none is installed, and
 * opendext_last_error_reason() (<opendext/client.h>) says what is there instead. An interface of
 * the program's own can be used and destroyed as any other. */

#include <CoreFoundation/CFBase.h>
#include <CoreFoundation/CFDictionary.h>
#include <CoreFoundation/CFPlugInCOM.h>
#include <CoreFoundation/CFUUID.h>
#include <IOKit/IOKitLib.h>

CF_EXTERN_C_BEGIN

/* The interface that every plug-in has. */
#define kIOCFPlugInInterfaceID                                                                 \
    CFUUIDGetConstantUUIDWithBytes(NULL, 0xC2, 0x44, 0xE8, 0x58, 0x10, 0x9C, 0x11, 0xD4, 0x91, \
                                   0xD4, 0x00, 0x50, 0xE4, 0xC6, 0x42, 0x6F)

/* The members of IOCFPlugInInterface behind those of IUnknown. Probe raises or lowers `*order`, by
 * which the best plug-in is chosen; Start and Stop surround the use of a service. */
#define IOCFPLUGINBASE                                                                         \
    UInt16 version;                                                                            \
    UInt16 revision;                                                                           \
    IOReturn (*Probe)(void* thisPointer, CFDictionaryRef propertyTable, io_service_t service,  \
                      SInt32* order);                                                          \
    IOReturn (*Start)(void* thisPointer, CFDictionaryRef propertyTable, io_service_t service); \
    IOReturn (*Stop)(void* thisPointer)

typedef struct IOCFPlugInInterface {
    IUNKNOWN_C_GUTS;
    IOCFPLUGINBASE;
} IOCFPlugInInterface;

/* Finds the plug-in of the service for `pluginType` and its `interfaceType`. With an error
 * `*theInterface` is NULL and `*theScore` (may be NULL) is 0. */
IOKIT_EXPORT kern_return_t IOCreatePlugInInterfaceForService(io_service_t service,
                                                             CFUUIDRef pluginType,
                                                             CFUUIDRef interfaceType,
                                                             IOCFPlugInInterface*** theInterface,
                                                             SInt32* theScore);

/* Stops the plug-in and gives back the program's reference to it; what Stop returned. */
IOKIT_EXPORT kern_return_t IODestroyPlugInInterface(IOCFPlugInInterface** interface);

CF_EXTERN_C_END

#endif
