/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _OS_OSORDEREDSET_H
#define _OS_OSORDEREDSET_H

#include <DriverKit/OSSet.h>

struct OSOrderedSet_IVars;
extern __attribute__((visibility("default"))) OSMetaClass* gOSOrderedSetMetaClass;

/* Greater than 0: obj1 comes first; less: obj2; 0: equal, the later one comes first. `obj1` is a
 * member and `obj2` the object to be added, except in orderObject. */
typedef int32_t (^OSOrderBlock)(const OSMetaClassBase* obj1, const OSMetaClassBase* obj2);

/* A set with an order. */
class __attribute__((visibility("default"))) OSOrderedSet : public OSSet {
  public:
    using super = OSSet;

    static OSOrderedSetPtr withCapacity(uint32_t capacity, OSOrderBlock orderBlock = nullptr);

    bool init() override;
    void free() override;
    OSCollectionPtr copyCollection(OSDictionary* cycleDict = nullptr) const override;
    /* To its place by the block; without a block to the front. False if it is a member already. */
    bool setObject(const OSMetaClassBase* anObject);
    /* To the front or the end, whatever the block says. */
    bool setFirstObject(const OSMetaClassBase* anObject);
    bool setLastObject(const OSMetaClassBase* anObject);
    OSObject* getFirstObject() const;
    OSObject* getLastObject() const;
    /* What the order block says of the object and NULL; 0 without a block. */
    int32_t orderObject(const OSMetaClassBase* anObject);

    OSOrderedSet_IVars* orderedIvars;
};

#endif /* _OS_OSORDEREDSET_H */
