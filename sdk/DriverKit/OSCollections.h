/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DRIVERKIT_OSCOLLECTIONS_H
#define DRIVERKIT_OSCOLLECTIONS_H

/* All containers, and their C functions. Create functions give a retained object, Get functions do
 * not. A NULL object, a missing key or an object of another class gives NULL, 0 or false.
 * docs/facts/driverkit-api.csv (OSCollections.h). */
#include <DriverKit/OSArray.h>
#include <DriverKit/OSBoolean.h>
#include <DriverKit/OSCollection.h>
#include <DriverKit/OSData.h>
#include <DriverKit/OSDictionary.h>
#include <DriverKit/OSNumber.h>
#include <DriverKit/OSOrderedSet.h>
#include <DriverKit/OSSerialization.h>
#include <DriverKit/OSSet.h>
#include <DriverKit/OSString.h>
#include <os/base.h>

typedef uint64_t OSCollectionType;
enum : uint64_t {
    kOSCollectionTypeDictionary = 1,
    kOSCollectionTypeArray = 2,
    kOSCollectionTypeSet = 3,
    kOSCollectionTypeNumber = 4,
    kOSCollectionTypeSymbol = 8,
    kOSCollectionTypeString = 9,
    kOSCollectionTypeData = 10,
    kOSCollectionTypeBoolean = 11,
    kOSCollectionTypeSerialization = 13,
};
/* An index that means "at the end". */
constexpr size_t kOSArrayAppend = ~(size_t)0;

/* Return false to stop. */
typedef bool (^OSArrayApplier)(OSObjectPtr value);
typedef bool (^OSDictionaryApplier)(const char* key, OSObjectPtr value);

extern "C" {
extern __attribute__((visibility("default"))) void OSCollectionsInitialize(void);
extern __attribute__((visibility("default"))) OSCollectionType OSCollectionTypeID(OSObjectPtr obj);
extern __attribute__((visibility("default"))) const char* OSCollectionTypeName(OSCollectionType t);
extern __attribute__((visibility("default"))) void OSObjectRetain(OSObjectPtr container);
extern __attribute__((visibility("default"))) void OSObjectRelease(OSObjectPtr container);
extern __attribute__((visibility("default"))) void OSObjectLog(OSObjectPtr obj);

extern __attribute__((visibility("default"))) OSDictionaryPtr OSDictionaryCreate(void);
extern __attribute__((visibility("default"))) uint32_t OSDictionaryGetCount(OSDictionaryPtr obj);
extern __attribute__((visibility("default"))) OSObjectPtr OSDictionaryGetValue(OSDictionaryPtr obj,
                                                                               const char* key);
extern __attribute__((visibility("default"))) bool OSDictionarySetValue(OSDictionaryPtr obj,
                                                                        const char* key,
                                                                        OSObjectPtr value);
extern __attribute__((visibility("default"))) uint64_t
OSDictionaryGetUInt64Value(OSDictionaryPtr obj, const char* key);
extern __attribute__((visibility("default"))) void OSDictionarySetUInt64Value(OSDictionaryPtr obj,
                                                                              const char* key,
                                                                              uint64_t value);
extern __attribute__((visibility("default"))) const char* OSDictionaryGetStringValue(
    OSDictionaryPtr obj, const char* key);
extern __attribute__((visibility("default"))) void OSDictionarySetStringValue(OSDictionaryPtr obj,
                                                                              const char* key,
                                                                              const char* value);
extern __attribute__((visibility("default"))) bool OSDictionaryApply(OSDictionaryPtr obj,
                                                                     OSDictionaryApplier applier);

extern __attribute__((visibility("default"))) OSArrayPtr OSArrayCreate(void);
extern __attribute__((visibility("default"))) uint32_t OSArrayGetCount(OSArrayPtr obj);
extern __attribute__((visibility("default"))) OSObjectPtr OSArrayGetValue(OSArrayPtr obj,
                                                                          size_t index);
extern __attribute__((visibility("default"))) bool OSArraySetValue(OSArrayPtr obj, size_t index,
                                                                   OSObjectPtr value);
extern __attribute__((visibility("default"))) bool OSArrayAppendValue(OSArrayPtr obj,
                                                                      OSObjectPtr value);
extern __attribute__((visibility("default"))) bool OSArrayReplaceValue(OSArrayPtr obj, size_t index,
                                                                       OSObjectPtr value);
extern __attribute__((visibility("default"))) uint64_t OSArrayGetUInt64Value(OSArrayPtr obj,
                                                                             size_t index);
extern __attribute__((visibility("default"))) void OSArraySetUInt64Value(OSArrayPtr obj,
                                                                         size_t index,
                                                                         uint64_t value);
extern __attribute__((visibility("default"))) const char* OSArrayGetStringValue(OSArrayPtr obj,
                                                                                size_t index);
extern __attribute__((visibility("default"))) void OSArraySetStringValue(OSArrayPtr obj,
                                                                         size_t index,
                                                                         const char* value);
extern __attribute__((visibility("default"))) bool OSArrayApply(OSArrayPtr obj,
                                                                OSArrayApplier applier);

extern __attribute__((visibility("default"))) OSDataPtr OSDataCreate(const void* bytes,
                                                                     size_t length);
extern __attribute__((visibility("default"))) bool OSDataAppendBytes(OSDataPtr data,
                                                                     const void* bytes,
                                                                     size_t length);
extern __attribute__((visibility("default"))) size_t OSDataGetLength(OSDataPtr obj);
/* The bytes copied: less than asked for at the end of the data. */
extern __attribute__((visibility("default"))) size_t OSDataGetBytes(OSDataPtr obj, void* buffer,
                                                                    size_t offset, size_t length);
extern __attribute__((visibility("default"))) const void* OSDataGetBytesPtr(OSDataPtr obj,
                                                                            size_t offset,
                                                                            size_t length);

extern __attribute__((visibility("default"))) OSNumberPtr
OSNumberCreateWithUInt64Value(uint64_t value);
extern __attribute__((visibility("default"))) uint64_t OSNumberGetUInt64Value(OSNumberPtr obj);

extern __attribute__((visibility("default"))) OSStringPtr OSStringCreate(const char* cstring,
                                                                         size_t length);
extern __attribute__((visibility("default"))) size_t OSStringGetLength(OSStringPtr string);
extern __attribute__((visibility("default"))) const char* OSStringGetStringPtr(OSStringPtr obj);

extern __attribute__((visibility("default"))) OSSerializationPtr
OSCreateSerializationFromObject(OSObjectPtr obj);
extern __attribute__((visibility("default"))) OSSerializationPtr OSCreateSerializationFromBytes(
    const void* bytes, size_t length, OSSerializationFreeBufferHandler freeBuffer);
extern __attribute__((visibility("default"))) OSObjectPtr
OSCreateObjectFromSerialization(OSSerializationPtr serial);
extern __attribute__((visibility("default"))) const void* OSSerializationGetBytes(
    OSSerializationPtr serial, size_t* length);
}

#endif /* DRIVERKIT_OSCOLLECTIONS_H */
