/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _OS_OSSET_H
#define _OS_OSSET_H

#include <DriverKit/OSArray.h>

extern __attribute__((visibility("default"))) OSMetaClass* gOSSetMetaClass;

/* Objects, each once. Membership is by identity. */
class __attribute__((visibility("default"))) OSSet : public OSArray {
  public:
    using super = OSArray;

    static OSSetPtr withCapacity(uint32_t capacity);
    static OSSetPtr withObjects(const OSObject** values, uint32_t count, uint32_t capacity = 0);
    static OSSetPtr withArray(const OSArray* array, uint32_t capacity = 0);

    bool init() override;
    OSCollectionPtr copyCollection(OSDictionary* cycleDict = nullptr) const override;
    /* False if it is a member already. */
    bool setObject(const OSMetaClassBase* anObject);
    bool merge(const OSArray* otherArray);
    void removeObject(const OSMetaClassBase* anObject);
    bool containsObject(const OSMetaClassBase* anObject) const;
    bool member(const OSMetaClassBase* anObject) const;
    OSObject* getAnyObject() const;
    /* True for a set with equal members, in whatever order. */
    bool isEqualTo(const OSMetaClassBase* anObject) const override;
};

#endif /* _OS_OSSET_H */
