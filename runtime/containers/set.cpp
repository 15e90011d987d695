// SPDX-License-Identifier: Apache-2.0
#include <Block.h>
#include <DriverKit/OSDictionary.h>
#include <DriverKit/OSOrderedSet.h>
#include <DriverKit/OSSet.h>

#include <vector>

#include "runtime/containers/container_class.h"
#include "runtime/containers/copied_collections.h"
#include "runtime/containers/retained.h"

using namespace opendext::runtime;

OSMetaClass* gOSSetMetaClass;
OSMetaClass* gOSOrderedSetMetaClass;

struct OSOrderedSet_IVars {
    OSOrderBlock order = nullptr;  // a copied block
};

namespace {
ContainerRegistration<OSSet> g_set("OSSet", "OSArray", &gOSSetMetaClass);
ContainerRegistration<OSOrderedSet> g_ordered_set("OSOrderedSet", "OSSet", &gOSOrderedSetMetaClass);
}  // namespace

namespace {
/// Fills `copy`, a new set, with copies of the members in their order.
OSCollection* copy_members(const OSSet* set, OSSet* copy, OSDictionary* seen) {
    CopiedCollections copied(seen);
    if (OSCollection* known = copied.find(set)) {
        OSSafeReleaseNULL(copy);
        return known;
    }
    if (copy == nullptr) return nullptr;
    copied.add(set, copy);
    for (uint32_t i = 0; i < set->getCount(); ++i)
        copy->OSArray::setObject(copied.copy_of(set->getObject(i)).get());
    return copy;
}
}  // namespace

bool OSSet::init() {
    return super::init();
}

OSSetPtr OSSet::withCapacity(uint32_t capacity) {
    auto* set = new_container<OSSet>(gOSSetMetaClass);
    if (set != nullptr) init_array(set, capacity);
    return set;
}
OSSetPtr OSSet::withObjects(const OSObject** values, uint32_t count, uint32_t capacity) {
    if (values == nullptr && count > 0) return nullptr;
    OSSet* set = withCapacity(capacity > count ? capacity : count);
    for (uint32_t i = 0; set != nullptr && i < count; ++i) set->setObject(values[i]);
    return set;
}
OSSetPtr OSSet::withArray(const OSArray* array, uint32_t capacity) {
    if (array == nullptr) return nullptr;
    OSSet* set = withCapacity(capacity > array->getCount() ? capacity : array->getCount());
    if (set != nullptr) set->merge(array);
    return set;
}
OSCollectionPtr OSSet::copyCollection(OSDictionary* cycleDict) const {
    return copy_members(this, withCapacity(getCount()), cycleDict);
}
bool OSSet::setObject(const OSMetaClassBase* anObject) {
    return anObject != nullptr && !containsObject(anObject) && OSArray::setObject(anObject);
}
bool OSSet::merge(const OSArray* array) {
    if (array == nullptr) return false;
    bool added = false;
    for (uint32_t i = 0; i < array->getCount(); ++i)
        added = setObject(array->getObject(i)) || added;
    return added;
}
void OSSet::removeObject(const OSMetaClassBase* anObject) {
    OSArray::removeObject(getNextIndexOfObject(anObject, 0));
}
bool OSSet::containsObject(const OSMetaClassBase* anObject) const {
    return anObject != nullptr && getNextIndexOfObject(anObject, 0) != ~uint32_t{0};
}
bool OSSet::member(const OSMetaClassBase* anObject) const {
    return containsObject(anObject);
}
OSObject* OSSet::getAnyObject() const {
    return getObject(0);
}
bool OSSet::isEqualTo(const OSMetaClassBase* anObject) const {
    auto* other = OSDynamicCast(OSSet, anObject);
    if (other == nullptr || other->getCount() != getCount()) return false;
    // Membership is by identity inside a set, but two sets from two messages hold equal, not
    // identical values. Each member stands for one of the other set.
    std::vector<bool> taken(getCount());
    for (uint32_t i = 0; i < getCount(); ++i) {
        uint32_t j = 0;
        while (j < getCount() && (taken[j] || !getObject(i)->isEqualTo(other->getObject(j)))) ++j;
        if (j == getCount()) return false;
        taken[j] = true;
    }
    return true;
}

bool OSOrderedSet::init() {
    return super::init();
}
void OSOrderedSet::free() {
    if (orderedIvars != nullptr) {
        if (orderedIvars->order != nullptr) Block_release(orderedIvars->order);
        delete orderedIvars;
    }
    super::free();
}
OSOrderedSetPtr OSOrderedSet::withCapacity(uint32_t capacity, OSOrderBlock orderBlock) {
    auto* set = new_container<OSOrderedSet>(gOSOrderedSetMetaClass);
    if (set == nullptr) return nullptr;
    init_array(set, capacity);
    set->orderedIvars = new OSOrderedSet_IVars;
    if (orderBlock != nullptr) set->orderedIvars->order = Block_copy(orderBlock);
    return set;
}
OSCollectionPtr OSOrderedSet::copyCollection(OSDictionary* cycleDict) const {
    return copy_members(this, withCapacity(getCount(), orderedIvars->order), cycleDict);
}
bool OSOrderedSet::setObject(const OSMetaClassBase* anObject) {
    if (anObject == nullptr || containsObject(anObject)) return false;
    uint32_t at = 0;
    if (orderedIvars->order != nullptr) {
        while (at < getCount() && orderedIvars->order(getObject(at), anObject) > 0) ++at;
    }
    return OSArray::setObject(at, anObject);
}
bool OSOrderedSet::setFirstObject(const OSMetaClassBase* anObject) {
    return anObject != nullptr && !containsObject(anObject) && OSArray::setObject(0, anObject);
}
bool OSOrderedSet::setLastObject(const OSMetaClassBase* anObject) {
    return anObject != nullptr && !containsObject(anObject) &&
           OSArray::setObject(getCount(), anObject);
}
OSObject* OSOrderedSet::getFirstObject() const {
    return getObject(0);
}
OSObject* OSOrderedSet::getLastObject() const {
    return OSArray::getLastObject();
}
int32_t OSOrderedSet::orderObject(const OSMetaClassBase* anObject) {
    return orderedIvars->order == nullptr ? 0 : orderedIvars->order(anObject, nullptr);
}
