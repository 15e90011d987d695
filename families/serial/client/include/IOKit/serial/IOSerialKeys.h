/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OPENDEXT_IOKIT_SERIAL_IOSERIALKEYS_H_
#define OPENDEXT_IOKIT_SERIAL_IOSERIALKEYS_H_

/* Serial ports in the registry. */

#define kIOSerialBSDServiceValue "IOSerialBSDClient"
#define kIOSerialBSDTypeKey "IOSerialBSDClientType"
#define kIOSerialBSDAllTypes "IOSerialStream"
#define kIOSerialBSDModemType "IOSerialStream"
#define kIOSerialBSDRS232Type "IOSerialStream"
#define kIOTTYDeviceKey "IOTTYDevice"
#define kIOTTYBaseNameKey "IOTTYBaseName"
#define kIOTTYSuffixKey "IOTTYSuffix"
#define kIOCalloutDeviceKey "IOCalloutDevice"
#define kIODialinDeviceKey "IODialinDevice"
#define kIOTTYWaitForIdleKey "IOTTYWaitForIdle"

#endif
