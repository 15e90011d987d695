/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _OS_OSCOLLECTION_H
#define _OS_OSCOLLECTION_H

#include <DriverKit/OSContainer.h>

extern __attribute__((visibility("default"))) OSMetaClass* gOSCollectionMetaClass;

/* Return true to stop. */
typedef bool (^OSCollectionIterateObjectsBlock)(OSObject* object);

/* Base of arrays, dictionaries and sets. */
class __attribute__((visibility("default"))) OSCollection : public OSContainer {
  public:
    using super = OSContainer;

    virtual uint32_t getCount() const = 0;
    virtual uint32_t getCapacity() const = 0;
    /* The number of elements there is to be room for, at least `newCapacity`. Collections grow by
     * themselves too, and do not shrink. */
    virtual uint32_t ensureCapacity(uint32_t newCapacity) = 0;
    virtual void flushCollection() = 0;
    /* Copies the collection and the collections in it, each once; other objects are retained.
     * `cycleDict` holds what was copied so far; NULL at the top of a copy. Retained. */
    virtual OSCollectionPtr copyCollection(OSDictionary* cycleDict = nullptr) const = 0;
    /* Calls the block with each element (of a dictionary: each key). True if a call stopped it. */
    virtual bool iterateObjects(OSCollectionIterateObjectsBlock block) const = 0;
};

#endif /* _OS_OSCOLLECTION_H */
