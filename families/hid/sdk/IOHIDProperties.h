// SPDX-License-Identifier: Apache-2.0
#ifndef HIDDRIVERKIT_IOHIDPROPERTIES_H
#define HIDDRIVERKIT_IOHIDPROPERTIES_H

/// Properties of event services that users set. They are kept and read back, and reach the driver
/// in SetProperties; the Linux desktop has settings of its own and does not read them. Source:
/// docs/facts/driverkit-api.csv (IOHIDProperties.h). Two names of one key are both in use.

#define kIOHIDServiceInitialKeyRepeatDelayKey "HIDInitialKeyRepeat"  ///< number: nanoseconds
#define kIOHIDServiceKeyRepeatDelayKey "HIDKeyRepeat"                ///< number: nanoseconds
#define kIOHIDServiceLockKeyDelayKey "LockKeyDelay"                  ///< number: milliseconds
#define kIOHIDServiceEjectDelayKey "EjectDelay"                      ///< number: milliseconds
#define kIOHIDServiceCapsLockStateKey "HIDCapsLockState"             ///< boolean
#define kIOHIDKeyboardCapsLockDelayOverride "CapsLockDelayOverride"  ///< number: milliseconds
#define kIOHIDKeyboardCapsLockDelayOverrideKey "CapsLockDelayOverride"
/// array of dictionaries: which usage a user wants for which
#define kIOHIDUserKeyUsageMapKey "UserKeyMapping"
#define kIOHIDPointerButtonMode "HIDPointerButtonMode"  ///< number: what the buttons do
#define kIOHIDPointerButtonModeKey "HIDPointerButtonMode"
#define kIOHIDMouseAccelerationType "HIDMouseAcceleration"       ///< number: IOFixed
#define kIOHIDIdleTimeMicrosecondsKey "HIDIdleTimeMicroseconds"  ///< number: since the last event

#endif /* HIDDRIVERKIT_IOHIDPROPERTIES_H */
