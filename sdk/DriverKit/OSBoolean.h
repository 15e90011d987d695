/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _OS_OSBOOLEAN_H
#define _OS_OSBOOLEAN_H

#include <DriverKit/OSContainer.h>

extern __attribute__((visibility("default"))) OSMetaClass* gOSBooleanMetaClass;

/* There are two objects of this class, compared by pointer; they are never freed. */
class __attribute__((visibility("default"))) OSBoolean : public OSContainer {
  public:
    using super = OSContainer;

    void retain() const override;
    void release() const override;
    void free() override;
};

extern __attribute__((visibility("default"))) OSBooleanPtr kOSBooleanTrue;
extern __attribute__((visibility("default"))) OSBooleanPtr kOSBooleanFalse;

#endif /* _OS_OSBOOLEAN_H */
