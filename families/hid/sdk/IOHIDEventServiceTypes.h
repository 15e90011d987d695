// SPDX-License-Identifier: Apache-2.0
#ifndef HIDDRIVERKIT_IOHIDEVENTSERVICETYPES_H
#define HIDDRIVERKIT_IOHIDEVENTSERVICETYPES_H

/// What event services dispatch. Names and values: docs/facts/driverkit-api.csv
/// (IOHIDEventServiceTypes.h). Numbers of type IOFixed have 16 bits before and 16 behind the point.
#include <DriverKit/IOTypes.h>

/// Options of dispatchKeyboardEvent.
typedef enum {
    kIOHIDKeyboardEventOptionsNoKeyRepeat = 1 << 8,  ///< a key that is held does not repeat
} IOHIDKeyboardEventOptions;

/// Options of dispatchRelativePointerEvent and dispatchAbsolutePointerEvent.
typedef enum {
    kIOHIDPointerEventOptionsNoAcceleration = 1 << 8,  ///< movements are taken as they are
} IOHIDPointerEventOptions;

/// Options of dispatchRelativeScrollWheelEvent.
typedef enum {
    kIOHIDScrollEventOptionsNoAcceleration = 1 << 8,  ///< movements are taken as they are
} IOHIDScrollEventOptions;

/// Property HIDDefaultSensorControlOptions: what is done with a sensor's events. Bits.
enum IOHIDServiceSensorControlOptions : uint32_t {
    kIOHIDServiceSensorControlDecimation = 1,       ///< some are left out to keep the rate
    kIOHIDServiceSensorControlAggregation = 2,      ///< several become one
    kIOHIDServiceSensorControlDispatchControl = 4,  ///< the service decides when they go out
};

/// A stylus at one time. Flags are 0 or 1.
typedef struct IOHIDDigitizerStylusData {
    uint32_t identifier;       ///< of the transducer while it is in range
    uint64_t uniqueID;         ///< of the tool for good: its serial number; 0: unknown
    uint32_t positionChanged;  ///< x or y is not what it was
    uint32_t rangeChanged;     ///< inRange is not what it was
    uint32_t tipChanged;       ///< tip is not what it was
    IOFixed x;                 ///< 0 (left) to 1 (right) of the surface
    IOFixed y;                 ///< 0 (top) to 1 (bottom) of the surface
    IOFixed tipPressure;       ///< 0 to 1
    IOFixed barrelPressure;    ///< 0 to 1
    IOFixed tiltX;             ///< degrees from upright
    IOFixed tiltY;             ///< degrees from upright
    IOFixed twist;             ///< degrees around its axis
    uint32_t invert;           ///< the eraser's end points down
    uint32_t pointerType;      ///< what the device calls the tool; 0: unknown
    uint32_t effect;           ///< of the tool on what it draws; 0: none
    uint32_t inRange;          ///< near enough to be seen
    uint32_t tip;              ///< touches
    uint32_t barrelSwitch;     ///< the button on the side is down
    uint32_t eraser;           ///< the eraser touches
} IOHIDDigitizerStylusData;

/// One finger at one time. Flags are 0 or 1.
typedef struct IOHIDDigitizerTouchData {
    uint32_t identifier;       ///< of the contact while it lasts
    uint32_t positionChanged;  ///< x or y is not what it was
    uint32_t rangeChanged;     ///< inRange is not what it was
    uint32_t touchChanged;     ///< touch is not what it was
    IOFixed x;                 ///< 0 (left) to 1 (right) of the surface
    IOFixed y;                 ///< 0 (top) to 1 (bottom) of the surface
    uint32_t inRange;          ///< near enough to be seen
    uint32_t touch;            ///< touches
    uint32_t touchValid;       ///< meant: not a palm
} IOHIDDigitizerTouchData;

#endif /* HIDDRIVERKIT_IOHIDEVENTSERVICETYPES_H */
