// SPDX-License-Identifier: Apache-2.0
#include <DriverKit/OSBoolean.h>
#include <DriverKit/OSCollection.h>

#include "runtime/containers/container_class.h"

using namespace opendext::runtime;

OSMetaClass* gOSContainerMetaClass;
OSMetaClass* gOSCollectionMetaClass;
OSMetaClass* gOSBooleanMetaClass;
OSBooleanPtr kOSBooleanTrue;
OSBooleanPtr kOSBooleanFalse;

void OSContainer::free() {
    super::free();
}

void OSBoolean::retain() const {}
void OSBoolean::release() const {}
void OSBoolean::free() {}

namespace {

ContainerRegistration<OSContainer> g_container("OSContainer", "OSObject", &gOSContainerMetaClass);
ContainerRegistration<OSCollection> g_collection("OSCollection", "OSContainer",
                                                 &gOSCollectionMetaClass);
ContainerRegistration<OSBoolean> g_boolean("OSBoolean", "OSContainer", &gOSBooleanMetaClass);

struct MakeBooleans {
    MakeBooleans() {
        kOSBooleanTrue = new_container<OSBoolean>(gOSBooleanMetaClass);
        kOSBooleanFalse = new_container<OSBoolean>(gOSBooleanMetaClass);
    }
} g_make_booleans;

}  // namespace
