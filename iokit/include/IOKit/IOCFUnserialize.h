/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OPENDEXT_IOKIT_IOCFUNSERIALIZE_H_
#define OPENDEXT_IOKIT_IOCFUNSERIALIZE_H_

#include <CoreFoundation/CFBase.h>
#include <CoreFoundation/CFString.h>
#include <stddef.h>

CF_EXTERN_C_BEGIN

/* What IOCFSerialize wrote, as a new object for the caller to release; NULL if the bytes are
 * something else, with a reason in *errorString (may be NULL), which the caller releases. The
 * allocator and the options are not used. WithSize tells the two forms apart by itself. */
extern __attribute__((visibility("default"))) CFTypeRef IOCFUnserialize(const char* buffer,
                                                                        CFAllocatorRef allocator,
                                                                        CFOptionFlags options,
                                                                        CFStringRef* errorString);
extern __attribute__((visibility("default"))) CFTypeRef
IOCFUnserializeBinary(const char* buffer, size_t bufferSize, CFAllocatorRef allocator,
                      CFOptionFlags options, CFStringRef* errorString);
extern __attribute__((visibility("default"))) CFTypeRef
IOCFUnserializeWithSize(const char* buffer, size_t bufferSize, CFAllocatorRef allocator,
                        CFOptionFlags options, CFStringRef* errorString);

CF_EXTERN_C_END

#endif
