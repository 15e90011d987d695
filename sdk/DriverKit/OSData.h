/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _OS_OSDATA_H
#define _OS_OSDATA_H

#include <DriverKit/OSContainer.h>

struct OSData_IVars;
extern __attribute__((visibility("default"))) OSMetaClass* gOSDataMetaClass;

/* Bytes. */
class __attribute__((visibility("default"))) OSData : public OSContainer {
  public:
    using super = OSContainer;

    static OSDataPtr withCapacity(uint32_t capacity);
    /* NULL if `bytes` is NULL and `numBytes` is not 0. */
    static OSDataPtr withBytes(const void* bytes, size_t numBytes);
    /* The caller keeps the bytes alive as long as the object; appending to it fails. */
    static OSDataPtr withBytesNoCopy(void* bytes, size_t numBytes);
    static OSDataPtr withData(const OSData* inData);
    /* NULL if the range is not within `inData`. */
    static OSDataPtr withData(const OSData* inData, size_t start, size_t numBytes);

    size_t getLength() const;
    size_t getCapacity() const;
    bool appendBytes(const void* bytes, size_t numBytes);
    bool appendBytes(const OSData* aDataObj);
    /* NULL if there are none. Valid until the next append. */
    const void* getBytesNoCopy() const;
    /* NULL if the range is not within the data. */
    const void* getBytesNoCopy(size_t start, size_t numBytes) const;
    bool isEqualTo(const OSData* aDataObj) const;
    bool isEqualTo(const void* bytes, size_t numBytes) const;
    bool isEqualTo(const OSString* aString) const;
    bool isEqualTo(const OSMetaClassBase* anObject) const override;
    void free() override;

    OSData_IVars* ivars;
};

#endif /* _OS_OSDATA_H */
