/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _OS_OSSERIALIZATION_H
#define _OS_OSSERIALIZATION_H

#include <DriverKit/OSContainer.h>

struct OSSerialization_IVars;
extern __attribute__((visibility("default"))) OSMetaClass* gOSSerializationMetaClass;

typedef void (^OSSerializationFreeBufferHandler)(const void* buffer, size_t length);

/* The bytes of a container; for this version of the runtime only, not for files. */
class __attribute__((visibility("default"))) OSSerialization : public OSContainer {
  public:
    using super = OSContainer;

    /* NULL if the object cannot be serialised. */
    static OSSerializationPtr createFromObject(OSObjectPtr const object);
    /* The bytes stay the caller's until `freeBuffer` is called (at the latest when the object is
     * freed). */
    static OSSerializationPtr createFromBytes(const void* bytes, size_t length,
                                              OSSerializationFreeBufferHandler freeBuffer);
    static void freeBuffer(const void* buffer, size_t length);

    /* The container; retained. NULL if the bytes do not parse. */
    OSObjectPtr copyObject();
    /* Valid as long as the object. */
    const void* finalizeBuffer(size_t* length);
    void free() override;

    OSSerialization_IVars* ivars;
};

#endif /* _OS_OSSERIALIZATION_H */
