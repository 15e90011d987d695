/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OPENDEXT_IOKIT_IOKITLIB_H_
#define OPENDEXT_IOKIT_IOKITLIB_H_

/* The client interface of the I/O Registry.
 *
 * Ownership: every handle that a function returns or stores is one reference for the caller, given
 * back with IOObjectRelease; IOServiceClose gives back a connection. A function that takes a
 * matching dictionary consumes one reference to it, whether it succeeds or not. Threads: any
 * function from any thread. Call-backs come only through the notification port: on the run loop
 * that has its source, on its dispatch queue, or from opendext_notification_port_dispatch().
 * Errors: an IOReturn, and opendext_last_error_reason() in <opendext/client.h> in words.
 * `mainPort` is not used; give kIOMainPortDefault. The realm that is asked: opendext_set_realm(),
 * else $OPENDEXT_REALM, else the system's if it is up, else the user's. Signatures:
 * docs/facts/iokit-client-api.csv; behaviour: docs/facts/semantics.md section 8. */

#include <CoreFoundation/CFBase.h>
#include <CoreFoundation/CFDictionary.h>
#include <CoreFoundation/CFRunLoop.h>
#include <CoreFoundation/CFString.h>
#include <IOKit/IOKitKeys.h>
#include <IOKit/IOMessage.h>
#include <IOKit/IOReturn.h>
#include <IOKit/IOTypes.h>
#include <IOKit/OSMessageNotification.h>
#include <dispatch/dispatch.h>
#include <mach/mach.h>

#define IOKIT_EXPORT extern __attribute__((visibility("default")))

CF_EXTERN_C_BEGIN

typedef struct IOObject IOObject;

IOKIT_EXPORT const mach_port_t kIOMainPortDefault;
IOKIT_EXPORT const mach_port_t kIOMasterPortDefault; /* old name */

enum {
    kIOServiceInteractionAllowed = 1,
    kIORegistryIterateRecursively = 1,
    kIORegistryIterateParents = 2
};

IOKIT_EXPORT kern_return_t IOMainPort(mach_port_t bootstrapPort, mach_port_t* mainPort);
IOKIT_EXPORT kern_return_t IOMasterPort(mach_port_t bootstrapPort, mach_port_t* mainPort);

/* Notifications
 * -------------------------------------------------------------------------------------------------
 */

typedef struct IONotificationPort* IONotificationPortRef;
typedef void (*IOServiceMatchingCallback)(void* refcon, io_iterator_t iterator);
typedef void (*IOServiceInterestCallback)(void* refcon, io_service_t service, uint32_t messageType,
                                          void* messageArgument);
typedef void (*IOAsyncCallback0)(void* refcon, IOReturn result);
typedef void (*IOAsyncCallback1)(void* refcon, IOReturn result, void* arg0);
typedef void (*IOAsyncCallback2)(void* refcon, IOReturn result, void* arg0, void* arg1);
typedef void (*IOAsyncCallback)(void* refcon, IOReturn result, void** args, uint32_t numArgs);

IOKIT_EXPORT IONotificationPortRef IONotificationPortCreate(mach_port_t mainPort);
/* No call-back of the port runs after this returns, unless one is running on another thread right
 * now. */
IOKIT_EXPORT void IONotificationPortDestroy(IONotificationPortRef notify);
/* Borrowed: lives as long as the port. */
IOKIT_EXPORT CFRunLoopSourceRef IONotificationPortGetRunLoopSource(IONotificationPortRef notify);
/* A name for the wake_port of asynchronous calls. */
IOKIT_EXPORT mach_port_t IONotificationPortGetMachPort(IONotificationPortRef notify);
IOKIT_EXPORT void IONotificationPortSetDispatchQueue(IONotificationPortRef notify,
                                                     dispatch_queue_t queue);
/* Runs the call-backs that wait at `reference`, an IONotificationPortRef, on this thread: what a
 * program calls that received a message of its port. There are no Mach messages here; such a
 * program waits for opendext_notification_port_fd() instead. `unused` and `msg` are not looked at.
 */
IOKIT_EXPORT void IODispatchCalloutFromMessage(void* unused, mach_msg_header_t* msg,
                                               void* reference);
/* kIOReturnUnsupported: both are about Mach ports and their messages, which Linux does not have. */
IOKIT_EXPORT kern_return_t IONotificationPortSetImportanceReceiver(IONotificationPortRef notify);
IOKIT_EXPORT kern_return_t IOCreateReceivePort(uint32_t msgType, mach_port_t* recvPort);

/* The iterator holds what matches now and must be emptied to arm the notification; the call-back
 * comes when there is more. */
IOKIT_EXPORT kern_return_t IOServiceAddMatchingNotification(
    IONotificationPortRef notifyPort, const io_name_t notificationType, CFDictionaryRef matching,
    IOServiceMatchingCallback callback, void* refCon, io_iterator_t* notification);
IOKIT_EXPORT kern_return_t IOServiceAddInterestNotification(
    IONotificationPortRef notifyPort, io_service_t service, const io_name_t interestType,
    IOServiceInterestCallback callback, void* refCon, io_object_t* notification);

/* Handles
 * -------------------------------------------------------------------------------------------------------
 */

IOKIT_EXPORT kern_return_t IOObjectRelease(io_object_t object);
IOKIT_EXPORT kern_return_t IOObjectRetain(io_object_t object);
IOKIT_EXPORT kern_return_t IOObjectGetClass(io_object_t object, io_name_t className);
IOKIT_EXPORT CFStringRef IOObjectCopyClass(io_object_t object);
/* The super class of a class of the system or of a loaded driver; NULL for OSObject and for a class
 * that nobody knows. */
IOKIT_EXPORT CFStringRef IOObjectCopySuperclassForClass(CFStringRef classname);
/* Who brings the class: the bundle identifier of a driver, or of a part of OpenDext. */
IOKIT_EXPORT CFStringRef IOObjectCopyBundleIdentifierForClass(CFStringRef classname);
IOKIT_EXPORT boolean_t IOObjectConformsTo(io_object_t object, const io_name_t className);
IOKIT_EXPORT boolean_t IOObjectIsEqualTo(io_object_t object, io_object_t anObject);
IOKIT_EXPORT uint32_t IOObjectGetKernelRetainCount(io_object_t object);
IOKIT_EXPORT uint32_t IOObjectGetUserRetainCount(io_object_t object);
IOKIT_EXPORT uint32_t IOObjectGetRetainCount(io_object_t object);
/* 0 at the end, or when the iterator is no longer valid: the registry's tree changed while it was
 * walked. */
IOKIT_EXPORT io_object_t IOIteratorNext(io_iterator_t iterator);
IOKIT_EXPORT void IOIteratorReset(io_iterator_t iterator);
IOKIT_EXPORT boolean_t IOIteratorIsValid(io_iterator_t iterator);

/* Finding services
 * ---------------------------------------------------------------------------------------------- */

IOKIT_EXPORT CFMutableDictionaryRef IOServiceMatching(const char* name);
IOKIT_EXPORT CFMutableDictionaryRef IOServiceNameMatching(const char* name);
IOKIT_EXPORT CFMutableDictionaryRef IOBSDNameMatching(mach_port_t mainPort, uint32_t options,
                                                      const char* bsdName);
IOKIT_EXPORT CFMutableDictionaryRef IORegistryEntryIDMatching(uint64_t entryID);
IOKIT_EXPORT io_service_t IOServiceGetMatchingService(mach_port_t mainPort,
                                                      CFDictionaryRef matching);
IOKIT_EXPORT kern_return_t IOServiceGetMatchingServices(mach_port_t mainPort,
                                                        CFDictionaryRef matching,
                                                        io_iterator_t* existing);
/* Whether the service, registered or not, fits; does not consume the dictionary. Where it does not,
 * opendext_last_error_reason() says why. */
IOKIT_EXPORT kern_return_t IOServiceMatchPropertyTable(io_service_t service,
                                                       CFDictionaryRef matching,
                                                       boolean_t* matches);
IOKIT_EXPORT kern_return_t IOServiceGetBusyState(io_service_t service, uint32_t* busyState);
/* `waitTime` NULL: as long as it takes. kIOReturnTimeout when the time is over. */
IOKIT_EXPORT kern_return_t IOServiceWaitQuiet(io_service_t service, mach_timespec_t* waitTime);
IOKIT_EXPORT kern_return_t IOKitGetBusyState(mach_port_t mainPort, uint32_t* busyState);
IOKIT_EXPORT kern_return_t IOKitWaitQuiet(mach_port_t mainPort, mach_timespec_t* waitTime);
/* The same; there are no options: anything but 0 is kIOReturnUnsupported. */
IOKIT_EXPORT kern_return_t IOKitWaitQuietWithOptions(mach_port_t mainPort,
                                                     mach_timespec_t* waitTime,
                                                     IOOptionBits options);

/* The registry
 * --------------------------------------------------------------------------------------------------
 */

IOKIT_EXPORT io_registry_entry_t IORegistryGetRootEntry(mach_port_t mainPort);
IOKIT_EXPORT io_registry_entry_t IORegistryEntryFromPath(mach_port_t mainPort,
                                                         const io_string_t path);
IOKIT_EXPORT io_registry_entry_t IORegistryEntryCopyFromPath(mach_port_t mainPort,
                                                             CFStringRef path);
IOKIT_EXPORT kern_return_t IORegistryCreateIterator(mach_port_t mainPort, const io_name_t plane,
                                                    IOOptionBits options, io_iterator_t* iterator);
IOKIT_EXPORT kern_return_t IORegistryEntryCreateIterator(io_registry_entry_t entry,
                                                         const io_name_t plane,
                                                         IOOptionBits options,
                                                         io_iterator_t* iterator);
IOKIT_EXPORT kern_return_t IORegistryIteratorEnterEntry(io_iterator_t iterator);
IOKIT_EXPORT kern_return_t IORegistryIteratorExitEntry(io_iterator_t iterator);
IOKIT_EXPORT kern_return_t IORegistryEntryGetName(io_registry_entry_t entry, io_name_t name);
IOKIT_EXPORT kern_return_t IORegistryEntryGetNameInPlane(io_registry_entry_t entry,
                                                         const io_name_t plane, io_name_t name);
IOKIT_EXPORT kern_return_t IORegistryEntryGetLocationInPlane(io_registry_entry_t entry,
                                                             const io_name_t plane,
                                                             io_name_t location);
IOKIT_EXPORT kern_return_t IORegistryEntryGetPath(io_registry_entry_t entry, const io_name_t plane,
                                                  io_string_t path);
IOKIT_EXPORT CFStringRef IORegistryEntryCopyPath(io_registry_entry_t entry, const io_name_t plane);
IOKIT_EXPORT kern_return_t IORegistryEntryGetRegistryEntryID(io_registry_entry_t entry,
                                                             uint64_t* entryID);
IOKIT_EXPORT kern_return_t IORegistryEntryCreateCFProperties(io_registry_entry_t entry,
                                                             CFMutableDictionaryRef* properties,
                                                             CFAllocatorRef allocator,
                                                             IOOptionBits options);
IOKIT_EXPORT CFTypeRef IORegistryEntryCreateCFProperty(io_registry_entry_t entry, CFStringRef key,
                                                       CFAllocatorRef allocator,
                                                       IOOptionBits options);
IOKIT_EXPORT CFTypeRef IORegistryEntrySearchCFProperty(io_registry_entry_t entry,
                                                       const io_name_t plane, CFStringRef key,
                                                       CFAllocatorRef allocator,
                                                       IOOptionBits options);
IOKIT_EXPORT kern_return_t IORegistryEntryGetChildIterator(io_registry_entry_t entry,
                                                           const io_name_t plane,
                                                           io_iterator_t* iterator);
IOKIT_EXPORT kern_return_t IORegistryEntryGetChildEntry(io_registry_entry_t entry,
                                                        const io_name_t plane,
                                                        io_registry_entry_t* child);
IOKIT_EXPORT kern_return_t IORegistryEntryGetParentIterator(io_registry_entry_t entry,
                                                            const io_name_t plane,
                                                            io_iterator_t* iterator);
IOKIT_EXPORT kern_return_t IORegistryEntryGetParentEntry(io_registry_entry_t entry,
                                                         const io_name_t plane,
                                                         io_registry_entry_t* parent);
IOKIT_EXPORT boolean_t IORegistryEntryInPlane(io_registry_entry_t entry, const io_name_t plane);
/* Asks the driver to take the properties: SetProperties of its object. */
IOKIT_EXPORT kern_return_t IORegistryEntrySetCFProperties(io_registry_entry_t entry,
                                                          CFTypeRef properties);
IOKIT_EXPORT kern_return_t IORegistryEntrySetCFProperty(io_registry_entry_t entry,
                                                        CFStringRef propertyName,
                                                        CFTypeRef property);

/* Talking to a driver
 * ------------------------------------------------------------------------------------------- */

/* Makes the driver create a user client of `type`. `owningTask` is mach_task_self(). */
IOKIT_EXPORT kern_return_t IOServiceOpen(io_service_t service, task_port_t owningTask,
                                         uint32_t type, io_connect_t* connect);
/* Ends the connection and has the driver's Stop of the user client called, without waiting for it.
 * A later IOServiceOpen of the service, by any program, waits (10 s at most) until that is over, so
 * a driver for one program at a time can be opened again at once. */
IOKIT_EXPORT kern_return_t IOServiceClose(io_connect_t connect);
IOKIT_EXPORT kern_return_t IOConnectAddRef(io_connect_t connect);
IOKIT_EXPORT kern_return_t IOConnectRelease(io_connect_t connect);
IOKIT_EXPORT kern_return_t IOConnectGetService(io_connect_t connect, io_service_t* service);

/* Memory of the driver in this process, until IOConnectUnmapMemory64 or IOServiceClose. With
 * kIOMapAnywhere
 * `*atAddress` is only a result; without it, it is where the memory must lie. */
IOKIT_EXPORT kern_return_t IOConnectMapMemory64(io_connect_t connect, uint32_t memoryType,
                                                task_port_t intoTask, mach_vm_address_t* atAddress,
                                                mach_vm_size_t* ofSize, IOOptionBits options);
IOKIT_EXPORT kern_return_t IOConnectUnmapMemory64(io_connect_t connect, uint32_t memoryType,
                                                  task_port_t fromTask,
                                                  mach_vm_address_t atAddress);
/* The same under the names without a width. */
IOKIT_EXPORT kern_return_t IOConnectMapMemory(io_connect_t connect, uint32_t memoryType,
                                              task_port_t intoTask, mach_vm_address_t* atAddress,
                                              mach_vm_size_t* ofSize, IOOptionBits options);
IOKIT_EXPORT kern_return_t IOConnectUnmapMemory(io_connect_t connect, uint32_t memoryType,
                                                task_port_t fromTask, mach_vm_address_t atAddress);

/* At most 16 scalars each way; structures up to 4096 bytes travel in the message, larger ones as
 * memory.
 * `*outputCnt` and `*outputStructCnt` are room on entry and use on return. With
 * kIOConnectMethodVarOutputSize in `*outputStructCnt`, `outputStruct` is the address of a pointer
 * that gets memory of the size that the driver chose, to be given back with vm_deallocate (NULL and
 * 0 if it gave nothing). kIOReturnNotResponding: the driver died. */
IOKIT_EXPORT kern_return_t IOConnectCallMethod(mach_port_t connection, uint32_t selector,
                                               const uint64_t* input, uint32_t inputCnt,
                                               const void* inputStruct, size_t inputStructCnt,
                                               uint64_t* output, uint32_t* outputCnt,
                                               void* outputStruct, size_t* outputStructCnt);
IOKIT_EXPORT kern_return_t IOConnectCallScalarMethod(mach_port_t connection, uint32_t selector,
                                                     const uint64_t* input, uint32_t inputCnt,
                                                     uint64_t* output, uint32_t* outputCnt);
IOKIT_EXPORT kern_return_t IOConnectCallStructMethod(mach_port_t connection, uint32_t selector,
                                                     const void* inputStruct, size_t inputStructCnt,
                                                     void* outputStruct, size_t* outputStructCnt);
/* `reference` holds function and refcon at kIOAsyncCalloutFuncIndex and kIOAsyncCalloutRefconIndex;
 * completions come to the port that `wake_port` names, none if the call fails. */
IOKIT_EXPORT kern_return_t IOConnectCallAsyncMethod(mach_port_t connection, uint32_t selector,
                                                    mach_port_t wake_port, uint64_t* reference,
                                                    uint32_t referenceCnt, const uint64_t* input,
                                                    uint32_t inputCnt, const void* inputStruct,
                                                    size_t inputStructCnt, uint64_t* output,
                                                    uint32_t* outputCnt, void* outputStruct,
                                                    size_t* outputStructCnt);
IOKIT_EXPORT kern_return_t IOConnectCallAsyncScalarMethod(mach_port_t connection, uint32_t selector,
                                                          mach_port_t wake_port,
                                                          uint64_t* reference,
                                                          uint32_t referenceCnt,
                                                          const uint64_t* input, uint32_t inputCnt,
                                                          uint64_t* output, uint32_t* outputCnt);
IOKIT_EXPORT kern_return_t
IOConnectCallAsyncStructMethod(mach_port_t connection, uint32_t selector, mach_port_t wake_port,
                               uint64_t* reference, uint32_t referenceCnt, const void* inputStruct,
                               size_t inputStructCnt, void* outputStruct, size_t* outputStructCnt);

/* The port that is told of events of `type`: data queues (IODataQueueClient.h). Drivers have no
 * method to be asked with, so this remembers nothing: who waits for a queue is told in any case. */
IOKIT_EXPORT kern_return_t IOConnectSetNotificationPort(io_connect_t connect, uint32_t type,
                                                        mach_port_t port, uintptr_t reference);

/* Older forms of IOConnectCallMethod, of 32-bit times. Behind the named parameters come: as many
 * `int` as scalarInputCount, then as many `uint32_t*` as scalarOutputCount; or, for the forms with
 * a structure, its address after the scalars. `*structureSize` is room on entry and use on return.
 */
IOKIT_EXPORT kern_return_t IOConnectMethodScalarIScalarO(io_connect_t connect, uint32_t index,
                                                         IOItemCount scalarInputCount,
                                                         IOItemCount scalarOutputCount, ...);
IOKIT_EXPORT kern_return_t IOConnectMethodScalarIStructureO(io_connect_t connect, uint32_t index,
                                                            IOItemCount scalarInputCount,
                                                            IOByteCount* structureSize, ...);
IOKIT_EXPORT kern_return_t IOConnectMethodScalarIStructureI(io_connect_t connect, uint32_t index,
                                                            IOItemCount scalarInputCount,
                                                            IOByteCount structureSize, ...);
IOKIT_EXPORT kern_return_t IOConnectMethodStructureIStructureO(io_connect_t connect, uint32_t index,
                                                               IOItemCount structureInputSize,
                                                               IOByteCount* structureOutputSize,
                                                               void* inputStructure,
                                                               void* ouputStructure);

CF_EXTERN_C_END

#endif
