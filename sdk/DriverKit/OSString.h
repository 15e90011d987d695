/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _OS_OSSTRING_H
#define _OS_OSSTRING_H

#include <DriverKit/OSContainer.h>

struct OSString_IVars;
extern __attribute__((visibility("default"))) OSMetaClass* gOSStringMetaClass;
#define gOSSymbolMetaClass gOSStringMetaClass

/* A string of bytes without a zero, UTF-8 by convention. Immutable. OSSymbol is the same class. */
class __attribute__((visibility("default"))) OSString : public OSContainer {
  public:
    using super = OSContainer;

    static OSStringPtr withString(const OSString* aString);
    /* NULL for a NULL pointer. */
    static OSStringPtr withCString(const char* cString);
    /* At most `length` bytes of it. */
    static OSStringPtr withCString(const char* cString, size_t length);
    /* The caller keeps `cString` alive as long as the string. */
    static OSStringPtr withCStringNoCopy(const char* cString);

    size_t getLength() const;
    const char* getCStringNoCopy() const;
    bool isEqualTo(const OSString* aString) const;
    bool isEqualTo(const char* cString) const;
    bool isEqualTo(const OSData* aDataObject) const;
    bool isEqualTo(const OSMetaClassBase* anObject) const override;
    void free() override;

    OSString_IVars* ivars;
};

#define OSSTR(cStr) ({ OSString::withCString(cStr); })

#endif /* _OS_OSSTRING_H */
