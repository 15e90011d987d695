// SPDX-License-Identifier: Apache-2.0
// The two roots of every class: reference counts, casts, the ends of the dispatch chains.
#include <DriverKit/OSMetaClass.h>
#include <DriverKit/OSObject.h>

#include <DriverKit/IOLib.h>
#include <DriverKit/IOService.h>

#include "runtime/log/log.h"
#include "runtime/objects/class_registry.h"
#include "runtime/service/service_ivars.h"
#include "runtime/service/start_trace.h"

using namespace opendext::runtime;

kern_return_t OSMetaClassBase::Dispatch(const IORPC) {
    return kIOReturnUnsupported;
}

void OSMetaClassBase::retain() const {
    const int before = __c11_atomic_fetch_add(&refcount, 1, __ATOMIC_RELAXED);
    if (before <= 0) panic("retain of a %s that is being freed", GetClassName());
}

void OSMetaClassBase::release() const {
    if (reserved & kObjectIsClass) return;
    // The last reference is ours alone: no barrier, which is what a release costs, and nothing
    // stored where free() is about to look.
    const bool last =
        (reserved & kObjectIsUnlisted) != 0 && __c11_atomic_load(&refcount, __ATOMIC_ACQUIRE) == 1;
    const int before = last ? 1 : __c11_atomic_fetch_sub(&refcount, 1, __ATOMIC_ACQ_REL);
    if (before <= 0) panic("release of a %s without a reference", GetClassName());
    if (before != 1) return;
    auto* object = static_cast<OSObject*>(const_cast<OSMetaClassBase*>(this));
    auto* proxy = (reserved & kObjectIsRemote) != 0 ? OSDynamicCast(IOService, object) : nullptr;
    if (proxy != nullptr) {
        // A proxy was never initialised: free() of a driver's class would look for its ivars.
        if (const auto* family = proxy->IOService::ivars->proxy_methods) family->free(proxy);
        proxy->IOService::free();
    } else {
        object->free();
    }
}

const OSMetaClass* OSMetaClassBase::getMetaClass() const {
    return meta;
}
bool OSMetaClassBase::isEqualTo(const OSMetaClassBase* anObject) const {
    return this == anObject;
}
bool OSMetaClassBase::IsRemote() {
    return (reserved & kObjectIsRemote) != 0;
}
const OSMetaClass* OSMetaClassBase::GetClass() {
    return getMetaClass();
}

const char* OSMetaClassBase::GetClassName() const {
    if (reserved & kObjectIsClass) return class_name(static_cast<const OSMetaClass*>(this));
    return class_name(meta);
}
const char* OSMetaClassBase::GetClassName() {
    return static_cast<const OSMetaClassBase*>(this)->GetClassName();
}

uint32_t OSMetaClassBase::getRetainCount() const {
    return static_cast<uint32_t>(__c11_atomic_load(&refcount, __ATOMIC_RELAXED));
}

OSMetaClassBase* OSMetaClassBase::safeMetaCast(const OSMetaClassBase* anObject,
                                               const OSMetaClass* toMeta) {
    if (anObject == nullptr) return nullptr;
    if (!is_kind_of(anObject->getMetaClass(), toMeta)) {
        StartTrace::cast_failed(anObject, toMeta);
        return nullptr;
    }
    return const_cast<OSMetaClassBase*>(anObject);
}

OSMetaClassBase* OSMetaClassBase::requiredMetaCast(const OSMetaClassBase* anObject,
                                                   const OSMetaClass* toMeta) {
    OSMetaClassBase* cast = safeMetaCast(anObject, toMeta);
    if (cast == nullptr && anObject != nullptr) {
        panic("OSRequiredCast: a %s is not a %s", anObject->GetClassName(), class_name(toMeta));
    }
    return cast;
}

kern_return_t OSMetaClass::New(OSObject*) {
    return kIOReturnUnsupported;
}
kern_return_t OSMetaClass::Dispatch(const IORPC) {
    return kIOReturnUnsupported;
}

extern "C" {

kern_return_t opendext_register_class(OSClassLoadInformation* info) {
    return register_class(info);
}

kern_return_t OSObjectAllocate(OSMetaClass* meta, OSObject** pObject) {
    if (pObject == nullptr) return kIOReturnBadArgument;
    *pObject = nullptr;
    if (meta == nullptr) return kIOReturnBadArgument;
    OSObject* object = allocate_object(meta);
    if (object == nullptr) return kIOReturnNoMemory;
    if (!object->init()) {
        object->release();
        return kIOReturnError;
    }
    *pObject = object;
    return kIOReturnSuccess;
}

kern_return_t opendext_wrong_action_type(OSMetaClassBase* self, const char* method,
                                         OSMetaClassBase* action, const char* wanted) {
    log_driver_bug(
        "%s: call of %s dropped: its action is a %s, wanted is a %s (make it with CreateAction…)",
        self ? self->GetClassName() : "?", method, action ? action->GetClassName() : "NULL",
        wanted);
    return kIOReturnBadArgument;
}

}  // extern "C"
