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
    /* Room for `newCapacity` elements; the capacity afterwards. Collections grow by themselves too.
     */
    virtual uint32_t ensureCapacity(uint32_t newCapacity) = 0;
    virtual void flushCollection() = 0;
    /* Copies the collection and the collections in it; `cycleDict` is not needed and may be NULL.
     * Retained. */
    virtual OSCollectionPtr copyCollection(OSDictionary* cycleDict = nullptr) const = 0;
    /* Calls the block with each element (of a dictionary: each key). True if a call stopped it. */
    virtual bool iterateObjects(OSCollectionIterateObjectsBlock block) const = 0;
};

#endif /* _OS_OSCOLLECTION_H */
