// SPDX-License-Identifier: Apache-2.0
#ifndef HIDDRIVERKIT_IOHIDEVENTSERVICEKEYS_H
#define HIDDRIVERKIT_IOHIDEVENTSERVICEKEYS_H

/// Properties of event services. Source: docs/facts/driverkit-api.csv (IOHIDEventServiceKeys.h).
/// Accelerations are numbers of type IOFixed; 0 turns acceleration off. Linux desktops accelerate
/// by themselves: here they are kept as properties, and drivers and programs read them back.

/// Pointers.
#define kIOHIDPointerAccelerationKey "HIDPointerAcceleration"          ///< number
#define kIOHIDPointerAccelerationTypeKey "HIDPointerAccelerationType"  ///< string: the key in force
#define kIOHIDPointerAccelerationSupportKey "HIDSupportsPointerAcceleration"       ///< boolean
#define kIOHIDPointerAccelerationMultiplierKey "HIDPointerAccelerationMultiplier"  ///< number
#define kHIDPointerReportRateKey "HIDPointerReportRate"           ///< number: reports a second
#define kIOHIDMouseAccelerationTypeKey "HIDMouseAcceleration"     ///< number
#define kIOHIDTrackpadAccelerationType "HIDTrackpadAcceleration"  ///< number
#define kHIDAccelParametricCurvesKey "HIDAccelCurves"             ///< array of dictionaries
#define kIOHIDUseLinearScalingMouseAccelerationKey \
    "HIDUseLinearScalingMouseAcceleration"  ///< boolean

/// Scrolling.
#define kIOHIDScrollAccelerationKey "HIDScrollAcceleration"          ///< number
#define kIOHIDScrollAccelerationTypeKey "HIDScrollAccelerationType"  ///< string: the key in force
#define kIOHIDScrollAccelerationSupportKey "HIDSupportsScrollAcceleration"   ///< boolean
#define kIOHIDMouseScrollAccelerationKey "HIDMouseScrollAcceleration"        ///< number
#define kIOHIDTrackpadScrollAccelerationKey "HIDTrackpadScrollAcceleration"  ///< number
#define kHIDScrollAccelParametricCurvesKey "HIDScrollAccelCurves"  ///< array of dictionaries
#define kIOHIDScrollReportRateKey "HIDScrollReportRate"            ///< number: reports a second
#define kIOHIDScrollResolutionKey "HIDScrollResolution"            ///< IOFixed: lines an inch
#define kIOHIDScrollResolutionXKey "HIDScrollResolutionX"          ///< the same of one axis
#define kIOHIDScrollResolutionYKey "HIDScrollResolutionY"
#define kIOHIDScrollResolutionZKey "HIDScrollResolutionZ"

/// All of it.
#define kIOHIDServiceAccelerationProperties "IOHIDSetAcceleration"  ///< dictionary of the above
#define kIOHIDDropAccelPropertyEventsKey "DropAccelPropertyEvents"  ///< boolean
#define kIOHIDEventDriverHandlesReport \
    "IOHIDEventDriverHandlesReport"  ///< boolean: the driver
                                     ///< parses reports itself
#define kIOHIDEventServiceSensorControlOptionsKey "HIDDefaultSensorControlOptions"  ///< number:
///< bits of IOHIDServiceSensorControlOptions

/// Digitizers.
#define kIOHIDSurfaceDimensionsKey "SurfaceDimensions"  ///< dictionary of the next two
#define kIOHIDWidthKey "Width"                          ///< IOFixed: millimetres
#define kIOHIDHeightKey "Height"                        ///< IOFixed: millimetres
#define kIOHIDDigitizerTipThresholdKey \
    "DigitizerTipThreshold"  ///< number, percent: from this
                             ///< pressure on the tip touches

#endif /* HIDDRIVERKIT_IOHIDEVENTSERVICEKEYS_H */
