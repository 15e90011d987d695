// SPDX-License-Identifier: Apache-2.0
#ifndef HIDDRIVERKIT_IOHIDDEVICETYPES_H
#define HIDDRIVERKIT_IOHIDDEVICETYPES_H

/// Types of devices, elements and reports. Names and values: docs/facts/driverkit-api.csv
/// (IOHIDDeviceTypes.h). "HID 1.11" is the Device Class Definition for Human Interface Devices.
#include <DriverKit/IOTypes.h>

/// Names an element of a device: the same for every reader of one report descriptor, from 1 up.
typedef uint32_t IOHIDElementCookie;

/// Which way a report goes.
enum IOHIDReportType : unsigned int {
    kIOHIDReportTypeInput = 0,    ///< from the device, at its own time
    kIOHIDReportTypeOutput = 1,   ///< to the device: keyboard lights, force
    kIOHIDReportTypeFeature = 2,  ///< both ways, on request: settings
    kIOHIDReportTypeCount = 3,    ///< how many types there are; not a type
};

/// What a request asks of a device.
typedef enum {
    kIOHIDReportCommandSetReport = 0,
    kIOHIDReportCommandGetReport = 1,
} HIDReportCommandType;

/// What an element is. Sums of kind and use: inputs are below 128.
enum IOHIDElementType : unsigned int {
    kIOHIDElementTypeInput_Misc = 1,
    kIOHIDElementTypeInput_Button = 2,     ///< on or off
    kIOHIDElementTypeInput_Axis = 3,       ///< a position or a movement
    kIOHIDElementTypeInput_ScanCodes = 4,  ///< an array of usages that are on, and keys in it
    kIOHIDElementTypeInput_NULL = 5,
    kIOHIDElementTypeOutput = 129,
    kIOHIDElementTypeFeature = 257,
    kIOHIDElementTypeCollection = 513,  ///< has no value, but elements
};

/// What the elements of a collection have in common (HID 1.11, 6.2.2.6).
enum IOHIDElementCollectionType : unsigned int {
    kIOHIDElementCollectionTypePhysical = 0,     ///< measured at one point
    kIOHIDElementCollectionTypeApplication = 1,  ///< one thing that a user sees: a mouse
    kIOHIDElementCollectionTypeLogical = 2,      ///< one piece of data
    kIOHIDElementCollectionTypeReport = 3,
    kIOHIDElementCollectionTypeNamedArray = 4,
    kIOHIDElementCollectionTypeUsageSwitch = 5,
    kIOHIDElementCollectionTypeUsageModifier = 6,
};

/// IOHIDElement::getFlags: bits of the descriptor's item (HID 1.11, 6.2.2.5).
typedef uint32_t IOHIDElementFlags;
enum {
    kIOHIDElementFlagsConstantMask = 0x0001,      ///< not set: data
    kIOHIDElementFlagsVariableMask = 0x0002,      ///< not set: array
    kIOHIDElementFlagsRelativeMask = 0x0004,      ///< not set: absolute
    kIOHIDElementFlagsWrapMask = 0x0008,          ///< rolls over at the end of its range
    kIOHIDElementFlagsNonLinearMask = 0x0010,     ///< not proportional to what it measures
    kIOHIDElementFlagsNoPreferredMask = 0x0020,   ///< does not return to a state by itself
    kIOHIDElementFlagsNullStateMask = 0x0040,     ///< values out of range mean "no value"
    kIOHIDElementFlagsVolativeMask = 0x0080,      ///< the device changes it by itself
    kIOHIDElementFlagsBufferedByteMask = 0x0100,  ///< a stream of bytes, not a number
};

/// How IOHIDElement::getValue reads. Bits.
typedef uint32_t IOHIDValueOptions;
enum {
    kIOHIDValueOptionsFlagRelativeSimple = 1 << 0,   ///< of relative elements the last value
    kIOHIDValueOptionsFlagPrevious = 1 << 1,         ///< the value before the present one
    kIOHIDValueOptionsUpdateElementValues = 1 << 2,  ///< asks the device first
};

/// How IOHIDElement::getScaledValue scales.
typedef uint32_t IOHIDValueScaleType;
enum {
    kIOHIDValueScaleTypeCalibrated = 0,  ///< to the range of the element's calibration
    kIOHIDValueScaleTypePhysical = 1,    ///< from the logical to the physical extent
    kIOHIDValueScaleTypeExponent = 2,    ///< physical, times ten to the unit's exponent
};

/// Where values go at IOHIDElement::commit and IOHIDInterface::commitElements.
typedef enum {
    kIOHIDElementCommitDirectionIn = 0,   ///< from the device into the elements
    kIOHIDElementCommitDirectionOut = 1,  ///< from the elements to the device
} IOHIDElementCommitDirection;

/// Options of reports. Bits of IOOptionBits; the low byte is the report's id where a call has none
/// of its own.
enum {
    kIOHIDReportOptionNotInterrupt = 0x100,  ///< handleReport: not from the device by itself
    kIOHIDReportOptionVariableSize = 0x200,  ///< may be shorter than the descriptor says
};

/// Time to complete a request, in milliseconds: what 0 stands for, and the bounds of a device's
/// RequestTimeout property.
#define kIOHIDDeviceMinAsyncRequestTimeout 50
#define kIOHIDDeviceDefaultAsyncRequestTimeout 1000
#define kIOHIDDeviceMaxAsyncRequestTimeout 1200000

/// Called once when a request is over. `bufferSizeRemaining` bytes of the buffer were not used.
typedef void (*IOHIDCompletionAction)(void* target, void* parameter, IOReturn status,
                                      uint32_t bufferSizeRemaining);

/// What to call when a request is over.
typedef struct IOHIDCompletion {
    void* target;                  ///< first argument
    IOHIDCompletionAction action;  ///< NULL: nothing is called
    void* parameter;               ///< second argument
} IOHIDCompletion;

/// What an IOHIDDigitizerCollection tells of. Its numbers have no source: name them.
typedef enum {
    kIOHIDDigitizerCollectionTypeStylus,
    kIOHIDDigitizerCollectionTypePuck,
    kIOHIDDigitizerCollectionTypeFinger,
    kIOHIDDigitizerCollectionTypeHand,
} IOHIDDigitizerCollectionType;

#endif /* HIDDRIVERKIT_IOHIDDEVICETYPES_H */
