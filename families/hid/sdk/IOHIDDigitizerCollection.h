// SPDX-License-Identifier: Apache-2.0
#ifndef HIDDRIVERKIT_IOHIDDIGITIZERCOLLECTION_H
#define HIDDRIVERKIT_IOHIDDIGITIZERCOLLECTION_H

#include <DriverKit/OSContainer.h>
#include <HIDDriverKit/IOHIDDeviceTypes.h>
#include <HIDDriverKit/IOHIDElement.h>

class OSArray;
struct IOHIDDigitizerCollection_IVars;
extern __attribute__((visibility("default"))) OSMetaClass* gIOHIDDigitizerCollectionMetaClass;

/// What a driver knows of one finger, stylus, puck or hand on a digitizer: the elements that tell
/// of it, and where it was. Made and used on the queue of the event service. Facts:
/// docs/facts/driverkit-api.csv (IOHIDDigitizerCollection).
class __attribute__((visibility("default"))) IOHIDDigitizerCollection : public OSContainer {
  public:
    using super = OSContainer;

    /// @param parentCollection  the descriptor's collection of it, or NULL; retained
    /// @return  NULL: out of memory. The caller releases it.
    static IOHIDDigitizerCollection* withType(IOHIDDigitizerCollectionType type,
                                              IOHIDElement* parentCollection);

    bool init() override;
    void free() override;
    /// What withType does; once.
    bool initWithType(IOHIDDigitizerCollectionType type, IOHIDElement* parentCollection);

    IOHIDDigitizerCollectionType getType();
    /// NULL: none.
    IOHIDElement* getParentCollection();
    /// Retains it.
    void addElement(IOHIDElement* element);
    /// In the order in which they were added; never NULL. Not retained for the caller.
    OSArray* getElements();

    /// Whether it touches; false at first.
    bool getTouch();
    void setTouch(bool touch);
    /// Whether it is near enough to be seen; false at first.
    bool getInRange();
    void setInRange(bool inRange);
    /// Where it is: 0 to 1 over the surface; 0 at first.
    IOFixed getX();
    void setX(IOFixed x);
    IOFixed getY();
    void setY(IOFixed y);
    IOFixed getZ();
    void setZ(IOFixed z);

    IOHIDDigitizerCollection_IVars* ivars;
};

#endif /* HIDDRIVERKIT_IOHIDDIGITIZERCOLLECTION_H */
