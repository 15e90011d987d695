// SPDX-License-Identifier: Apache-2.0
#ifndef HIDDRIVERKIT_IOHIDKEYS_H
#define HIDDRIVERKIT_IOHIDKEYS_H

/// Keys of devices, event services and element dictionaries that are in no other header, and values
/// of some. Source: docs/facts/driverkit-api.csv (IOHIDKeys.h); those that match:
/// docs/facts/plist-keys.csv. Properties that nothing here reads are kept as they are set.
#include <DriverKit/IOReturn.h>
#include <HIDDriverKit/IOHIDDeviceKeys.h>
#include <HIDDriverKit/IOHIDEventServiceKeys.h>

/// Class of devices, for matching.
#define kIOHIDDeviceKey "IOHIDDevice"

/// Values of the property Transport.
#define kIOHIDTransportUSBValue "USB"
#define kIOHIDTransportBluetoothValue "Bluetooth"
#define kIOHIDTransportBluetoothLowEnergyValue "BluetoothLowEnergy"
#define kIOHIDTransportAIDBValue "AID"
#define kIOHIDTransportI2CValue "I2C"
#define kIOHIDTransportSPIValue "SPI"
#define kIOHIDTransportSerialValue "Serial"
#define kIOHIDTransportIAPValue "iAP"
#define kIOHIDTransportAirPlayValue "AirPlay"
#define kIOHIDTransportSPUValue "SPU"
#define kIOHIDTransportBTAACPValue "BT-AACP"
#define kIOHIDTransportFIFOValue "FIFO"
#define kIOHIDTransportInductiveInBandValue "Inductive In-Band"
#define kIOHIDTransportVirtualValue "Virtual"  ///< made by a driver or a program

/// Properties of a device. Those of matching first.
#define kIOHIDProductIDArrayKey "ProductIDArray"  ///< array of numbers: any of them matches
#define kIOHIDProductIDMaskKey "ProductIDMask"    ///< number: bits of the product id that count
#define kIOHIDModelNumberKey "ModelNumber"        ///< number
#define kIOHIDVendorIDSourceKey "VendorIDSource"  ///< number: who gave the vendor id
#define kIOHIDUniqueIDKey "UniqueID"              ///< number: of the device while it is there
#define kIOHIDAltHandlerIdKey "alt_handler_id"    ///< number
#define kIOHIDCategoryKey "Category"              ///< string
#define kIOHIDCategoryAutomotiveValue "Automotive"
#define kIOHIDDisplayIntegratedKey "DisplayIntegrated"  ///< boolean: part of a screen
#define kIOHIDResetKey "Reset"                          ///< set: the device is to begin anew
#define kIOHIDDeviceSuspendKey "IOHIDDeviceSuspend"     ///< boolean: no reports
/// boolean: the system takes its events
#define kIOHIDDeviceOpenedByEventSystemKey "DeviceOpenedByEventSystem"
#define kIOHIDPowerOnDelayNSKey "HIDPowerOnDelayNS"             ///< number: nanoseconds
#define kIOHIDMaxResponseLatencyKey "MaxResponseLatency"        ///< number: microseconds
#define kIOHIDSampleIntervalKey "SampleInterval"                ///< number: microseconds
#define kIOHIDMaxReportBufferCountKey "MaxReportBufferCount"    ///< number: reports kept for a user
#define kIOHIDReportBufferEntrySizeKey "ReportBufferEntrySize"  ///< number: bytes for each

/// Properties of sensors: microseconds, but for the number of events.
#define kIOHIDSensorPropertyReportIntervalKey kIOHIDReportIntervalKey
#define kIOHIDSensorPropertySampleIntervalKey "SampleInterval"
#define kIOHIDSensorPropertyBatchIntervalKey kIOHIDBatchIntervalKey
#define kIOHIDSensorPropertyReportLatencyKey kIOHIDSensorPropertyBatchIntervalKey
#define kIOHIDSensorPropertyMaxFIFOEventsKey "MaxFIFOEvents"

/// Keys of an element's dictionary: what IOHIDElement's getters give, by name.
#define kIOHIDElementKey "Elements"  ///< array of dictionaries: those of a device or collection
#define kIOHIDElementCookieKey "ElementCookie"
#define kIOHIDElementTypeKey "Type"                      ///< IOHIDElementType
#define kIOHIDElementCollectionTypeKey "CollectionType"  ///< IOHIDElementCollectionType
#define kIOHIDElementUsageKey "Usage"
#define kIOHIDElementUsagePageKey "UsagePage"
#define kIOHIDElementMinKey "Min"              ///< logical minimum
#define kIOHIDElementMaxKey "Max"              ///< logical maximum
#define kIOHIDElementScaledMinKey "ScaledMin"  ///< physical minimum
#define kIOHIDElementScaledMaxKey "ScaledMax"  ///< physical maximum
#define kIOHIDElementSizeKey "Size"            ///< bits of all its fields
#define kIOHIDElementReportSizeKey "ReportSize"
#define kIOHIDElementReportCountKey "ReportCount"
#define kIOHIDElementReportIDKey "ReportID"
#define kIOHIDElementIsArrayKey "IsArray"
#define kIOHIDElementIsRelativeKey "IsRelative"
#define kIOHIDElementIsWrappingKey "IsWrapping"
#define kIOHIDElementIsNonLinearKey "IsNonLinear"
#define kIOHIDElementHasPreferredStateKey "HasPreferredState"
#define kIOHIDElementHasNullStateKey "HasNullState"
#define kIOHIDElementFlagsKey "Flags"
#define kIOHIDElementUnitKey "Unit"
#define kIOHIDElementUnitExponentKey "UnitExponent"
#define kIOHIDElementNameKey "Name"
#define kIOHIDElementValueLocationKey "ValueLocation"
#define kIOHIDElementDuplicateIndexKey "DuplicateIndex"  ///< which of several with one usage
#define kIOHIDElementParentCollectionKey "ParentCollection"
#define kIOHIDElementVendorSpecificKey "VendorSpecific"
#define kIOHIDElementVariableSizeKey "VariableSize"

/// Bounds in matching dictionaries of elements.
#define kIOHIDElementCookieMinKey "ElementCookieMin"
#define kIOHIDElementCookieMaxKey "ElementCookieMax"
#define kIOHIDElementUsageMinKey "UsageMin"
#define kIOHIDElementUsageMaxKey "UsageMax"

/// Calibration of an element, numbers: logical values from the saturation's minimum to its maximum
/// become the range from Min to Max; those in the dead zone become its middle; granularity is the
/// step between values.
#define kIOHIDElementCalibrationMinKey "CalibrationMin"
#define kIOHIDElementCalibrationMaxKey "CalibrationMax"
#define kIOHIDElementCalibrationSaturationMinKey "CalibrationSaturationMin"
#define kIOHIDElementCalibrationSaturationMaxKey "CalibrationSaturationMax"
#define kIOHIDElementCalibrationDeadZoneMinKey "CalibrationDeadZoneMin"
#define kIOHIDElementCalibrationDeadZoneMaxKey "CalibrationDeadZoneMax"
#define kIOHIDElementCalibrationGranularityKey "CalibrationGranularity"

/// Keyboards.
#define kIOHIDKeyboardLanguageKey "KeyboardLanguage"                                ///< string
#define kIOHIDKeyboardLayoutValueKey "HIDKeyboardLayoutValue"                       ///< number
#define kIOHIDKeyboardFunctionKeyCountKey "HIDKeyboardFunctionKeyCount"             ///< number
#define kIOHIDKeyboardSupportsEscKey "HIDKeyboardSupportsEscKey"                    ///< boolean
#define kIOHIDKeyboardSupportsDoNotDisturbKey "HIDKeyboardSupportsDoNotDisturbKey"  ///< boolean
#define kIOHIDKeyboardCapsLockDelay "CapsLockDelay"  ///< number: milliseconds
#define kIOHIDKeyboardEjectDelay "EjectDelay"        ///< number: milliseconds
#define kIOHIDStandardTypeKey "StandardType"         ///< kIOHIDStandardType…
/// Which usage stands for which, as text of pairs: with the function key held, with keyboard
/// usages, always, with Num Lock.
#define kFnFunctionUsageMapKey "FnFunctionUsageMap"
#define kFnKeyboardUsageMapKey "FnKeyboardUsageMap"
#define kKeyboardUsageMapKey "KeyboardUsageMap"
#define kNumLockKeyboardUsageMapKey "NumLockKeyboardUsageMap"

/// Pointers, wheels and digitizers.
#define kIOHIDPointerAccelerationAlgorithmKey \
    "HIDPointerAccelerationAlgorithm"                                          ///< …AlgorithmType…
#define kIOHIDScrollAccelerationAlgorithmKey "HIDScrollAccelerationAlgorithm"  ///< …AlgorithmType…
#define kIOHIDPointerAccelerationMinimumKey "HIDPointerAccelerationMinimum"    ///< IOFixed
#define kIOHIDPrimaryTrackpadCanBeDisabledKey "PrimaryTrackpadCanBeDisabled"   ///< boolean
#define kIOHIDDigitizerSurfaceSwitchKey "DigitizerSurfaceSwitch"               ///< boolean
#define kIOHIDDigitizerGestureCharacterStateKey "DigitizerCharacterGestureState"

/// Of the event system: a message to services, of the HID system's subsystem.
#ifndef iokit_family_msg
#define iokit_family_msg(sub, message) ((uint32_t)(sys_iokit | (sub) | (message)))
#endif
#define kIOHIDSystemButtonPressedDuringDarkBoot iokit_family_msg(sub_iokit_hidsystem, 7)

/// How a device is opened. Bits.
enum {
    kIOHIDOptionsTypeNone = 0,
    kIOHIDOptionsTypeSeizeDevice = 1,           ///< nobody else gets its reports
    kIOHIDOptionsTypeMaskPrivate = 0x00ff0000,  ///< bits that are not for drivers
};

/// How a queue of values takes them. Bits.
enum {
    kIOHIDQueueOptionsTypeNone = 0,
    kIOHIDQueueOptionsTypeEnqueueAll = 1,  ///< also values that did not change
};

/// Arrangement of a keyboard's keys.
enum {
    kIOHIDStandardTypeANSI = 0,
    kIOHIDStandardTypeISO = 1,
    kIOHIDStandardTypeJIS = 2,
    kIOHIDStandardTypeUnspecified = 0xffffffff,
};

/// Number of a keyboard's keys.
enum {
    kIOHIDKeyboardPhysicalLayoutTypeUnknown = 0,
    kIOHIDKeyboardPhysicalLayoutType101 = 1,
    kIOHIDKeyboardPhysicalLayoutType103 = 2,
    kIOHIDKeyboardPhysicalLayoutType102 = 3,
    kIOHIDKeyboardPhysicalLayoutType104 = 4,
    kIOHIDKeyboardPhysicalLayoutType106 = 5,
    kIOHIDKeyboardPhysicalLayoutTypeVendor = 6,
};

/// How movements are accelerated.
enum {
    kIOHIDAccelerationAlgorithmTypeTable = 0,
    kIOHIDAccelerationAlgorithmTypeParametric = 1,
    kIOHIDAccelerationAlgorithmTypeDefault = 2,
};

#endif /* HIDDRIVERKIT_IOHIDKEYS_H */
