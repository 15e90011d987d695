// SPDX-License-Identifier: Apache-2.0
#ifndef HIDDRIVERKIT_HIDDRIVERKIT_H
#define HIDDRIVERKIT_HIDDRIVERKIT_H

/// Everything that a driver of a human interface device includes.
#include <HIDDriverKit/IOHIDDevice.h>
#include <HIDDriverKit/IOHIDDeviceKeys.h>
#include <HIDDriverKit/IOHIDDeviceTypes.h>
#include <HIDDriverKit/IOHIDDigitizerCollection.h>
#include <HIDDriverKit/IOHIDElement.h>
#include <HIDDriverKit/IOHIDEventService.h>
#include <HIDDriverKit/IOHIDEventServiceKeys.h>
#include <HIDDriverKit/IOHIDEventServiceTypes.h>
#include <HIDDriverKit/IOHIDInterface.h>
#include <HIDDriverKit/IOHIDKeys.h>
#include <HIDDriverKit/IOHIDProperties.h>
#include <HIDDriverKit/IOHIDUsageTables.h>
#include <HIDDriverKit/IOUserHIDDevice.h>
#include <HIDDriverKit/IOUserHIDEventDriver.h>
#include <HIDDriverKit/IOUserHIDEventService.h>
#include <HIDDriverKit/IOUserUSBHostHIDDevice.h>

#ifdef __cplusplus
extern "C" {
#endif
/// Of this library: as in its name, major.minor.
extern double HIDDriverKitVersionNumber;
/// The same in words.
extern const unsigned char HIDDriverKitVersionString[];
#ifdef __cplusplus
}
#endif

#endif /* HIDDRIVERKIT_HIDDRIVERKIT_H */
