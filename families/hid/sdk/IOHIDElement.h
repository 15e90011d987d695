// SPDX-License-Identifier: Apache-2.0
#ifndef HIDDRIVERKIT_IOHIDELEMENT_H
#define HIDDRIVERKIT_IOHIDELEMENT_H

#include <DriverKit/IOReturn.h>
#include <DriverKit/OSContainer.h>
#include <HIDDriverKit/IOHIDDeviceTypes.h>

class OSArray;
class OSData;
struct IOHIDElement_IVars;
extern __attribute__((visibility("default"))) OSMetaClass* gIOHIDElementMetaClass;

/// One element of a device's report descriptor: a collection, a field, an array, or one usage of an
/// array (HID 1.11, 6.2.2.4). Made by IOHIDInterface from the descriptor;
/// IOHIDInterface::getElements has them all. The interface puts the values of each input report in
/// before the driver's handleReport is called, in the order of the reports: read them on the queue
/// of the event service. What a getter returns is not retained for the caller and lives as long as
/// the interface. Facts: docs/facts/driverkit-api.csv (IOHIDElement).
class __attribute__((visibility("default"))) IOHIDElement : public OSContainer {
  public:
    using super = OSContainer;

    bool init() override;
    void free() override;

    /// NULL: directly below the device.
    IOHIDElement* getParentElement();
    /// Of a collection what it holds, of an array its usages; NULL for the others.
    OSArray* getChildElements();
    /// Names the element in commands to the device and in descriptions; never 0.
    IOHIDElementCookie getCookie();
    IOHIDElementType getType();
    /// Of a collection; physical for the others.
    IOHIDElementCollectionType getCollectionType();
    /// Bits: kIOHIDElementFlags…
    uint32_t getFlags();
    uint32_t getUsagePage();
    /// 0xffffffff for an array: its children have usages.
    uint32_t getUsage();
    /// Whether it is this usage, or lies in a collection that is.
    bool conformsTo(uint32_t usagePage, uint32_t usage);

    /// 0: the device's reports have no ids.
    uint32_t getReportID();
    /// Bits of one field.
    uint32_t getReportSize();
    /// Fields with this usage side by side; with more than one the value is data.
    uint32_t getReportCount();

    /// The extent of the values; of a signed element as a 32-bit two's complement.
    uint32_t getLogicalMin();
    uint32_t getLogicalMax();
    /// What the extent of values measures, in getUnit() times ten to getUnitExponent(); the logical
    /// extent if the device does not say.
    uint32_t getPhysicalMin();
    uint32_t getPhysicalMax();
    /// Nibbles of HID 1.11, 6.2.2.7; 0: none.
    uint32_t getUnit();
    /// As the descriptor has it: 0 to 7, and 8 to 15 for -8 to -1; a larger byte is sign-extended.
    uint32_t getUnitExponent();

    /// The time of the report that brought the value, as mach_absolute_time; 0: none yet. It
    /// changes with each report that has the element, not only with the value; that of an array's
    /// usage changes when it goes on or off.
    uint64_t getTimeStamp();
    /// The value, sign-extended for signed elements; of an array's usage 1 while it is on. 0 before
    /// the first report, for collections, and for elements of more than 32 bits (getDataValue has
    /// those).
    /// @param options  kIOHIDValueOptionsFlagPrevious: the value before the last report;
    ///                 kIOHIDValueOptionsUpdateElementValues: asks the device first (blocks; what
    ///                 is there stays when it fails)
    uint32_t getValue(IOOptionBits options);
    /// Sets the value that commit(kIOHIDElementCommitDirectionOut) sends. Bits beyond the element's
    /// are dropped.
    void setValue(uint32_t value);
    /// All bits of the element from the lowest on, the last byte filled with zeros. NULL for
    /// collections. Valid until the next call of this element's getDataValue.
    /// @param options  as getValue
    OSData* getDataValue(IOOptionBits options);
    /// Sets what commit(kIOHIDElementCommitDirectionOut) sends. Shorter data is filled with zeros,
    /// longer cut.
    void setDataValue(OSData* value);

    /// The value in another scale. A value outside the logical extent gives the nearest end of the
    /// scale.
    /// @param type  kIOHIDValueScaleTypePhysical: linear from the logical to the physical extent;
    ///              kIOHIDValueScaleTypeExponent: that times ten to the unit's exponent;
    ///              kIOHIDValueScaleTypeCalibrated: to the range that a calibration gave, -1 to 1
    ///              without one
    /// @return  rounded to a whole number
    uint32_t getScaledValue(IOHIDValueScaleType type);
    /// The same with 16 bits behind the point; what does not fit gives the largest or smallest
    /// number.
    IOFixed getScaledFixedValue(IOHIDValueScaleType type);

    /// Reads the element's report from the device, or sends it with the values that its elements
    /// have. Blocks until the device answered or the request timed out.
    /// @return  kIOReturnBadArgument for a collection; kIOReturnNotWritable for an input element to
    ///          be sent; kIOReturnNoDevice if the device is gone; else what the device answered
    IOReturn commit(IOHIDElementCommitDirection direction);

    IOHIDElement_IVars* ivars;
};

#endif /* HIDDRIVERKIT_IOHIDELEMENT_H */
