// SPDX-License-Identifier: Apache-2.0
#include <DriverKit/OSObject.h>

#include "runtime/objects/class_registry.h"

bool OSObject::init() {
    return true;
}
void OSObject::free() {
    opendext::runtime::deallocate_object(this);
}
void OSObject::retain() const {
    OSMetaClassBase::retain();
}
void OSObject::release() const {
    OSMetaClassBase::release();
}
