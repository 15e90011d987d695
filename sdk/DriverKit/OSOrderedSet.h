/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _OS_OSORDEREDSET_H
#define _OS_OSORDEREDSET_H

#include <DriverKit/OSSet.h>

struct OSOrderedSet_IVars;
extern __attribute__((visibility("default"))) OSMetaClass* gOSOrderedSetMetaClass;

/* Greater than 0: obj1 comes first; less: obj2; 0: equal, the later one comes first. */
typedef int32_t (^OSOrderBlock)(const OSMetaClassBase* obj1, const OSMetaClassBase* obj2);

/* A set with an order. */
class __attribute__((visibility("default"))) OSOrderedSet : public OSSet {
  public:
    using super = OSSet;

    static OSOrderedSetPtr withCapacity(uint32_t capacity, OSOrderBlock orderBlock = nullptr);

    bool init() override;
    void free() override;
    bool setObject(const OSMetaClassBase* anObject);
    bool setFirstObject(const OSMetaClassBase* anObject);
    bool setLastObject(const OSMetaClassBase* anObject);
    OSObject* getFirstObject() const;
    OSObject* getLastObject() const;
    /* The place of the object; -1 if it is not a member. */
    int32_t orderObject(const OSMetaClassBase* anObject);

    OSOrderedSet_IVars* orderedIvars;
};

#endif /* _OS_OSORDEREDSET_H */
