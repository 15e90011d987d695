// SPDX-License-Identifier: Apache-2.0
#include <DriverKit/OSArray.h>
#include <DriverKit/OSDictionary.h>
#include <DriverKit/OSSet.h>

#include <algorithm>
#include <vector>

#include "runtime/containers/container_class.h"
#include "runtime/containers/copied_collections.h"
#include "runtime/containers/retained.h"

using namespace opendext::runtime;

OSMetaClass* gOSArrayMetaClass;

struct OSArray_IVars {
    std::vector<Retained> objects;
    uint32_t capacity = 0;  // what was asked for
};

namespace {
ContainerRegistration<OSArray> g_array("OSArray", "OSCollection", &gOSArrayMetaClass);
}

namespace opendext::runtime {
void init_array(OSArray* array, uint32_t capacity) {
    array->ivars = new OSArray_IVars;
    array->ensureCapacity(capacity);
}
}  // namespace opendext::runtime

OSArrayPtr OSArray::withCapacity(uint32_t capacity) {
    auto* array = new_container<OSArray>(gOSArrayMetaClass);
    if (array != nullptr) init_array(array, capacity);
    return array;
}
OSArrayPtr OSArray::withObjects(const OSObject** values, uint32_t count, uint32_t capacity) {
    if (values == nullptr && count > 0) return nullptr;
    OSArray* array = withCapacity(capacity > count ? capacity : count);
    for (uint32_t i = 0; array != nullptr && i < count; ++i) {
        if (!array->setObject(values[i])) OSSafeReleaseNULL(array);
    }
    return array;
}
OSArrayPtr OSArray::withArray(const OSArray* other, uint32_t capacity) {
    if (other == nullptr) return nullptr;
    OSArray* array = withCapacity(capacity > other->getCount() ? capacity : other->getCount());
    if (array != nullptr) array->ivars->objects = other->ivars->objects;
    return array;
}

uint32_t OSArray::getCount() const {
    return static_cast<uint32_t>(ivars->objects.size());
}
uint32_t OSArray::getCapacity() const {
    return std::max(ivars->capacity, static_cast<uint32_t>(ivars->objects.capacity()));
}
uint32_t OSArray::ensureCapacity(uint32_t newCapacity) {
    ivars->capacity = std::max(ivars->capacity, newCapacity);
    // A promise of room, not room: the vector grows by itself, and the number may be anything.
    ivars->objects.reserve(std::min(newCapacity, uint32_t{4096}));
    return getCapacity();
}
void OSArray::flushCollection() {
    auto doomed = std::move(ivars->objects);  // releasing may run code that looks at the array
    ivars->objects.clear();
}
OSCollectionPtr OSArray::copyCollection(OSDictionary* cycleDict) const {
    CopiedCollections copied(cycleDict);
    if (OSCollection* known = copied.find(this)) return known;
    OSArray* copy = withCapacity(getCount());
    if (copy == nullptr) return nullptr;
    copied.add(this, copy);
    for (const Retained& object : ivars->objects)
        copy->setObject(copied.copy_of(object.get()).get());
    return copy;
}
bool OSArray::iterateObjects(OSCollectionIterateObjectsBlock block) const {
    const auto objects = ivars->objects;  // the block may change the array
    for (const Retained& object : objects) {
        if (block(object.get())) return true;
    }
    return false;
}

bool OSArray::setObject(const OSMetaClassBase* anObject) {
    return setObject(getCount(), anObject);
}
bool OSArray::setObject(uint32_t index, const OSMetaClassBase* anObject) {
    if (anObject == nullptr || index > getCount()) return false;
    ivars->objects.insert(ivars->objects.begin() + index, Retained(anObject));
    return true;
}
bool OSArray::merge(const OSArray* other) {
    if (other == nullptr) return false;
    const auto objects = other->ivars->objects;
    ivars->objects.insert(ivars->objects.end(), objects.begin(), objects.end());
    return true;
}
bool OSArray::replaceObject(uint32_t index, const OSMetaClassBase* anObject) {
    if (anObject == nullptr || index >= getCount()) return false;
    const Retained old = std::exchange(ivars->objects[index], Retained(anObject));
    return true;
}
void OSArray::removeObject(uint32_t index) {
    if (index >= getCount()) return;
    const Retained old = ivars->objects[index];
    ivars->objects.erase(ivars->objects.begin() + index);
}
OSObject* OSArray::getObject(uint32_t index) const {
    return index < getCount() ? ivars->objects[index].get() : nullptr;
}
OSObject* OSArray::getLastObject() const {
    return getCount() == 0 ? nullptr : ivars->objects.back().get();
}
uint32_t OSArray::getNextIndexOfObject(const OSMetaClassBase* anObject, uint32_t index) const {
    for (; index < getCount(); ++index) {
        if (ivars->objects[index].get() == anObject) return index;
    }
    return ~uint32_t{0};
}
bool OSArray::isEqualTo(const OSArray* other) const {
    if (other == nullptr || other->getCount() != getCount()) return false;
    if (OSDynamicCast(OSSet, this) || OSDynamicCast(OSSet, other)) {
        // The order of a set does not count. Only a set has this override.
        return OSDynamicCast(OSSet, this) && isEqualTo(static_cast<const OSMetaClassBase*>(other));
    }
    for (uint32_t i = 0; i < getCount(); ++i) {
        if (!ivars->objects[i]->isEqualTo(other->ivars->objects[i].get())) return false;
    }
    return true;
}
bool OSArray::isEqualTo(const OSMetaClassBase* anObject) const {
    return isEqualTo(OSDynamicCast(OSArray, anObject));
}
void OSArray::free() {
    delete ivars;
    super::free();
}
