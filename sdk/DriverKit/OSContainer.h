/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _OS_OSCONTAINER_H
#define _OS_OSCONTAINER_H

/* What all OS containers have in common: they are values without identity that travel by copy in
 * messages. A container is not locked: one thread at a time, or readers only. Objects that a
 * container holds are retained by it; what a getter returns is not retained for the caller; `with…`
 * and `Create…` results are (the caller releases them). Signatures: docs/facts/driverkit-api.csv.
 */
#include <DriverKit/OSObject.h>

class OSContainer;
class OSCollection;
class OSString;
class OSData;
class OSNumber;
class OSBoolean;
class OSArray;
class OSDictionary;
class OSSet;
class OSOrderedSet;
class OSSerialization;

typedef OSObject* OSObjectPtr;
typedef OSContainer* OSContainerPtr;
typedef OSCollection* OSCollectionPtr;
typedef OSString* OSStringPtr;
typedef OSString OSSymbol;
typedef OSData* OSDataPtr;
typedef OSNumber* OSNumberPtr;
typedef OSBoolean* OSBooleanPtr;
typedef OSArray* OSArrayPtr;
typedef OSDictionary* OSDictionaryPtr;
typedef OSSet* OSSetPtr;
typedef OSOrderedSet* OSOrderedSetPtr;
typedef OSSerialization* OSSerializationPtr;

extern __attribute__((visibility("default"))) OSMetaClass* gOSContainerMetaClass;

/* Base of values. Not made by itself. */
class __attribute__((visibility("default"))) OSContainer : public OSObject {
  public:
    using super = OSObject;

    void free() override;

    /* Where a compiler names this function, a `*` is missing: objects are made by with… and Create…
     * functions and held by pointer. Write `OSString *name;` instead of `OSString name;`. */
    virtual void declare_a_pointer_to_it_instead() const = 0; /* OSString *name; */
};

#endif /* _OS_OSCONTAINER_H */
