/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _OS_OSDICTIONARY_H
#define _OS_OSDICTIONARY_H

#include <DriverKit/OSCollection.h>

struct OSDictionary_IVars;
extern __attribute__((visibility("default"))) OSMetaClass* gOSDictionaryMetaClass;

/* Return true to stop. */
typedef bool (^OSDictionaryIterateObjectsBlock)(OSObject* key, OSObject* value);
typedef bool (*OSDictionaryIterateObjectsCallback)(void* refcon, OSObject* key, OSObject* value);

/* Objects by string; iteration is in the order of the keys' bytes. */
class __attribute__((visibility("default"))) OSDictionary : public OSCollection {
  public:
    using super = OSCollection;

    static OSDictionaryPtr withCapacity(uint32_t capacity);
    /* Keys are OSStrings. NULL if one is not. */
    static OSDictionaryPtr withObjects(const OSObject** values, const OSObject** keys,
                                       uint32_t count, uint32_t capacity = 0);
    static OSDictionaryPtr withDictionary(const OSDictionary* dictionary, uint32_t capacity = 0);

    uint32_t getCount() const override;
    uint32_t getCapacity() const override;
    uint32_t ensureCapacity(uint32_t newCapacity) override;
    void flushCollection() override;
    OSCollectionPtr copyCollection(OSDictionary* cycleDict = nullptr) const override;
    bool iterateObjects(OSCollectionIterateObjectsBlock block) const override;
    bool iterateObjects(OSDictionaryIterateObjectsBlock block) const;

    /* Replaces what was there. False for a key that is no string, or a NULL value. */
    bool setObject(const OSObject* aKey, const OSMetaClassBase* anObject);
    bool setObject(const char* aKey, const OSMetaClassBase* anObject);
    void removeObject(const OSObject* aKey);
    void removeObject(const char* aKey);
    bool merge(const OSDictionary* otherDictionary);
    OSObject* getObject(const OSObject* aKey) const;
    OSObject* getObject(const char* aKey) const;
    bool isEqualTo(const OSDictionary* aDictionary) const;
    /* Only for the keys in `keys`: a dictionary's keys, or strings of an array or set. */
    bool isEqualTo(const OSDictionary* aDictionary, const OSCollection* keys) const;
    bool isEqualTo(const OSMetaClassBase* anObject) const override;
    void free() override;

    OSDictionary_IVars* ivars;
};

#endif /* _OS_OSDICTIONARY_H */
