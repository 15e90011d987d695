// SPDX-License-Identifier: Apache-2.0
#include <DriverKit/OSArray.h>
#include <HIDDriverKit/IOHIDDigitizerCollection.h>

#include <new>

#include "runtime/containers/container_class.h"

OSMetaClass* gIOHIDDigitizerCollectionMetaClass;

struct IOHIDDigitizerCollection_IVars {
    IOHIDDigitizerCollectionType type = kIOHIDDigitizerCollectionTypeStylus;
    IOHIDElement* parent = nullptr;
    OSArray* elements = nullptr;
    bool touch = false;
    bool in_range = false;
    IOFixed x = 0;
    IOFixed y = 0;
    IOFixed z = 0;
};

namespace {

opendext::runtime::ContainerRegistration<IOHIDDigitizerCollection> g_collection(
    "IOHIDDigitizerCollection", "OSContainer", &gIOHIDDigitizerCollectionMetaClass);

}  // namespace

IOHIDDigitizerCollection* IOHIDDigitizerCollection::withType(IOHIDDigitizerCollectionType type,
                                                             IOHIDElement* parentCollection) {
    auto* collection = OSTypeAlloc(IOHIDDigitizerCollection);
    if (collection != nullptr && !collection->initWithType(type, parentCollection)) {
        OSSafeReleaseNULL(collection);
    }
    return collection;
}

bool IOHIDDigitizerCollection::init() {
    if (!super::init()) return false;
    ivars = new (std::nothrow) IOHIDDigitizerCollection_IVars;
    if (ivars == nullptr) return false;
    ivars->elements = OSArray::withCapacity(4);
    return ivars->elements != nullptr;
}

bool IOHIDDigitizerCollection::initWithType(IOHIDDigitizerCollectionType type,
                                            IOHIDElement* parentCollection) {
    if (ivars == nullptr || ivars->parent != nullptr) return false;
    ivars->type = type;
    ivars->parent = parentCollection;
    if (parentCollection != nullptr) parentCollection->retain();
    return true;
}

void IOHIDDigitizerCollection::free() {
    if (ivars != nullptr) {
        OSSafeReleaseNULL(ivars->parent);
        OSSafeReleaseNULL(ivars->elements);
    }
    delete ivars;
    ivars = nullptr;
    super::free();
}

IOHIDDigitizerCollectionType IOHIDDigitizerCollection::getType() {
    return ivars->type;
}
IOHIDElement* IOHIDDigitizerCollection::getParentCollection() {
    return ivars->parent;
}
void IOHIDDigitizerCollection::addElement(IOHIDElement* element) {
    (void)ivars->elements->setObject(element);
}
OSArray* IOHIDDigitizerCollection::getElements() {
    return ivars->elements;
}
bool IOHIDDigitizerCollection::getTouch() {
    return ivars->touch;
}
void IOHIDDigitizerCollection::setTouch(bool touch) {
    ivars->touch = touch;
}
bool IOHIDDigitizerCollection::getInRange() {
    return ivars->in_range;
}
void IOHIDDigitizerCollection::setInRange(bool inRange) {
    ivars->in_range = inRange;
}
IOFixed IOHIDDigitizerCollection::getX() {
    return ivars->x;
}
void IOHIDDigitizerCollection::setX(IOFixed x) {
    ivars->x = x;
}
IOFixed IOHIDDigitizerCollection::getY() {
    return ivars->y;
}
void IOHIDDigitizerCollection::setY(IOFixed y) {
    ivars->y = y;
}
IOFixed IOHIDDigitizerCollection::getZ() {
    return ivars->z;
}
void IOHIDDigitizerCollection::setZ(IOFixed z) {
    ivars->z = z;
}
