/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OPENDEXT_COREFOUNDATION_CFPROPERTYLIST_H_
#define OPENDEXT_COREFOUNDATION_CFPROPERTYLIST_H_

/* Property lists: strings, numbers, booleans, dates, data, arrays, and dictionaries with string
 * keys. Reads the XML, the binary and the OpenStep form, and writes the first two. Bytes from
 * anybody are safe to read: depth, size and repetition are limited (64 levels, a million objects).
 * An error is of the domain kCFErrorDomainCocoa with one of the codes below; its description says
 * what is wrong and where (line and column, or offset). */

#include <CoreFoundation/CFBase.h>
#include <CoreFoundation/CFData.h>
#include <CoreFoundation/CFError.h>
#include <CoreFoundation/CFStream.h>
#include <CoreFoundation/CFString.h>

CF_EXTERN_C_BEGIN

typedef enum CFPropertyListMutabilityOptions {
    kCFPropertyListImmutable = 0,
    kCFPropertyListMutableContainers = 1,
    kCFPropertyListMutableContainersAndLeaves = 2 /* strings and data too */
} CFPropertyListMutabilityOptions;

typedef enum CFPropertyListFormat {
    kCFPropertyListOpenStepFormat = 1, /* read only */
    kCFPropertyListXMLFormat_v1_0 = 100,
    kCFPropertyListBinaryFormat_v1_0 = 200
} CFPropertyListFormat;

enum {
    kCFPropertyListReadCorruptError = 3840,        /* not of any form, or broken */
    kCFPropertyListReadUnknownVersionError = 3841, /* a binary form that is not version 0 */
    kCFPropertyListReadStreamError = 3842,
    kCFPropertyListWriteStreamError = 3851 /* also: what is to be written is no property list */
};

/* A copy of everything below. With an immutable copy, parts that are immutable already are shared.
 * NULL if it is no property list. */
CF_EXPORT CFPropertyListRef CFPropertyListCreateDeepCopy(CFAllocatorRef allocator,
                                                         CFPropertyListRef propertyList,
                                                         CFOptionFlags mutabilityOption);
/* Whether it can be written in that form. */
CF_EXPORT Boolean CFPropertyListIsValid(CFPropertyListRef plist, CFPropertyListFormat format);
/* `format` and `error` may be NULL. */
CF_EXPORT CFPropertyListRef CFPropertyListCreateWithData(CFAllocatorRef allocator, CFDataRef data,
                                                         CFOptionFlags options,
                                                         CFPropertyListFormat* format,
                                                         CFErrorRef* error);
/* `streamLength` 0: to the end. The stream is open. */
CF_EXPORT CFPropertyListRef CFPropertyListCreateWithStream(
    CFAllocatorRef allocator, CFReadStreamRef stream, CFIndex streamLength, CFOptionFlags options,
    CFPropertyListFormat* format, CFErrorRef* error);
/* The number of bytes written, 0 after an error. The stream is open. `options` is not used. */
CF_EXPORT CFIndex CFPropertyListWrite(CFPropertyListRef propertyList, CFWriteStreamRef stream,
                                      CFPropertyListFormat format, CFOptionFlags options,
                                      CFErrorRef* error);
CF_EXPORT CFDataRef CFPropertyListCreateData(CFAllocatorRef allocator,
                                             CFPropertyListRef propertyList,
                                             CFPropertyListFormat format, CFOptionFlags options,
                                             CFErrorRef* error);

/* The older forms of the above: the words of an error instead of the error. */
CF_EXPORT CFPropertyListRef CFPropertyListCreateFromXMLData(CFAllocatorRef allocator,
                                                            CFDataRef xmlData,
                                                            CFOptionFlags mutabilityOption,
                                                            CFStringRef* errorString);
CF_EXPORT CFDataRef CFPropertyListCreateXMLData(CFAllocatorRef allocator,
                                                CFPropertyListRef propertyList);
CF_EXPORT CFIndex CFPropertyListWriteToStream(CFPropertyListRef propertyList,
                                              CFWriteStreamRef stream, CFPropertyListFormat format,
                                              CFStringRef* errorString);
CF_EXPORT CFPropertyListRef CFPropertyListCreateFromStream(
    CFAllocatorRef allocator, CFReadStreamRef stream, CFIndex streamLength,
    CFOptionFlags mutabilityOption, CFPropertyListFormat* format, CFStringRef* errorString);

CF_EXTERN_C_END

#endif
