/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OPENDEXT_IOKIT_IOCFSERIALIZE_H_
#define OPENDEXT_IOKIT_IOCFSERIALIZE_H_

#include <CoreFoundation/CFBase.h>
#include <CoreFoundation/CFData.h>

CF_EXTERN_C_BEGIN

enum { kIOCFSerializeToBinary = 1 };

/* The object (strings, numbers, booleans, data, and arrays, sets and dictionaries of them) as XML
 * with a zero byte at its end, or in binary; the caller releases it. NULL for other objects. */
extern __attribute__((visibility("default"))) CFDataRef IOCFSerialize(CFTypeRef object,
                                                                      CFOptionFlags options);

CF_EXTERN_C_END

#endif
