// SPDX-License-Identifier: Apache-2.0
#ifndef HIDDRIVERKIT_IOHIDDEVICEKEYS_H
#define HIDDRIVERKIT_IOHIDDEVICEKEYS_H

/// Properties of IOHIDDevice and IOHIDInterface, and keys of what IOUserHIDDevice's
/// newDeviceDescription returns. Source: docs/facts/driverkit-api.csv (IOHIDDeviceKeys.h);
/// matching: docs/facts/plist-keys.csv.

#define kIOHIDTransportKey "Transport"          ///< string: "USB", "Bluetooth", "Virtual"…
#define kIOHIDVendorIDKey "VendorID"            ///< number
#define kIOHIDProductIDKey "ProductID"          ///< number
#define kIOHIDVersionNumberKey "VersionNumber"  ///< number
#define kIOHIDManufacturerKey "Manufacturer"    ///< string
#define kIOHIDProductKey "Product"              ///< string
#define kIOHIDSerialNumberKey "SerialNumber"    ///< string
#define kIOHIDCountryCodeKey "CountryCode"      ///< number: layout of a keyboard, 0 = none
#define kIOHIDLocationIDKey "LocationID"        ///< number: place on its bus
#define kIOHIDPhysicalDeviceUniqueIDKey \
    "PhysicalDeviceUniqueID"                          ///< string: the same for all
                                                      ///< interfaces of one device
#define kIOHIDReportDescriptorKey "ReportDescriptor"  ///< data
#define kIOHIDReportIntervalKey "ReportInterval"      ///< number: microseconds between reports
#define kIOHIDBatchIntervalKey "BatchInterval"        ///< number: microseconds, 0 = at once
#define kIOHIDRequestTimeoutKey "RequestTimeout"      ///< number: microseconds for a request
#define kIOHIDBuiltInKey "Built-In"                   ///< boolean: part of the computer
#define kIOHIDDeviceAccessEntitlementKey \
    "HIDDeviceAccessEntitlement"  ///< string: what a program
                                  ///< needs to open it

/// Made from the report descriptor.
#define kIOHIDPrimaryUsageKey "PrimaryUsage"              ///< number: of the first application
#define kIOHIDPrimaryUsagePageKey "PrimaryUsagePage"      ///< number
#define kIOHIDDeviceUsagePairsKey "DeviceUsagePairs"      ///< array of dictionaries of the next two
#define kIOHIDDeviceUsageKey "DeviceUsage"                ///< number
#define kIOHIDDeviceUsagePageKey "DeviceUsagePage"        ///< number
#define kIOHIDMaxInputReportSizeKey "MaxInputReportSize"  ///< number: bytes, an id included
#define kIOHIDMaxOutputReportSizeKey "MaxOutputReportSize"    ///< number: bytes, an id included
#define kIOHIDMaxFeatureReportSizeKey "MaxFeatureReportSize"  ///< number: bytes, an id included

#endif /* HIDDRIVERKIT_IOHIDDEVICEKEYS_H */
