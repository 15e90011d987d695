/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _OS_OSARRAY_H
#define _OS_OSARRAY_H

#include <DriverKit/OSCollection.h>

struct OSArray_IVars;
extern __attribute__((visibility("default"))) OSMetaClass* gOSArrayMetaClass;

/* Objects by index. */
class __attribute__((visibility("default"))) OSArray : public OSCollection {
  public:
    using super = OSCollection;

    static OSArrayPtr withCapacity(uint32_t capacity);
    static OSArrayPtr withObjects(const OSObject** values, uint32_t count, uint32_t capacity = 0);
    static OSArrayPtr withArray(const OSArray* array, uint32_t capacity = 0);

    uint32_t getCount() const override;
    uint32_t getCapacity() const override;
    uint32_t ensureCapacity(uint32_t newCapacity) override;
    void flushCollection() override;
    OSCollectionPtr copyCollection(OSDictionary* cycleDict = nullptr) const override;
    bool iterateObjects(OSCollectionIterateObjectsBlock block) const override;

    /* Appends. False for NULL. */
    bool setObject(const OSMetaClassBase* anObject);
    /* Inserts before `index`; false if it is beyond the end. */
    bool setObject(uint32_t index, const OSMetaClassBase* anObject);
    /* Appends all of `otherArray`. */
    bool merge(const OSArray* otherArray);
    bool replaceObject(uint32_t index, const OSMetaClassBase* anObject);
    void removeObject(uint32_t index);
    /* NULL beyond the end. */
    OSObject* getObject(uint32_t index) const;
    OSObject* getLastObject() const;
    /* The first index >= `index` at which this very object is; ~0 if none. */
    uint32_t getNextIndexOfObject(const OSMetaClassBase* anObject, uint32_t index) const;
    bool isEqualTo(const OSArray* anArray) const;
    bool isEqualTo(const OSMetaClassBase* anObject) const override;
    void free() override;

    OSArray_IVars* ivars;
};

#endif /* _OS_OSARRAY_H */
