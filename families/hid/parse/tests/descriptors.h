// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// Report descriptors of devices as they are sold, written for tests: each line is one item, with
/// what it says behind it.
namespace opendext::hid::tests {

using Bytes = std::vector<uint8_t>;

/// Eight modifier bits, five lights, six keys (HID 1.11, appendix B.1).
inline const Bytes boot_keyboard = {
    0x05, 0x01,  // Usage Page (Generic Desktop)
    0x09, 0x06,  // Usage (Keyboard)
    0xa1, 0x01,  // Collection (Application)
    0x05, 0x07,  //   Usage Page (Keyboard)
    0x19, 0xe0,  //   Usage Minimum (Left Control)
    0x29, 0xe7,  //   Usage Maximum (Right GUI)
    0x15, 0x00,  //   Logical Minimum (0)
    0x25, 0x01,  //   Logical Maximum (1)
    0x75, 0x01,  //   Report Size (1)
    0x95, 0x08,  //   Report Count (8)
    0x81, 0x02,  //   Input (Data, Variable, Absolute)
    0x95, 0x01,  //   Report Count (1)
    0x75, 0x08,  //   Report Size (8)
    0x81, 0x01,  //   Input (Constant)
    0x95, 0x05,  //   Report Count (5)
    0x75, 0x01,  //   Report Size (1)
    0x05, 0x08,  //   Usage Page (LEDs)
    0x19, 0x01,  //   Usage Minimum (Num Lock)
    0x29, 0x05,  //   Usage Maximum (Kana)
    0x91, 0x02,  //   Output (Data, Variable, Absolute)
    0x95, 0x01,  //   Report Count (1)
    0x75, 0x03,  //   Report Size (3)
    0x91, 0x01,  //   Output (Constant)
    0x95, 0x06,  //   Report Count (6)
    0x75, 0x08,  //   Report Size (8)
    0x15, 0x00,  //   Logical Minimum (0)
    0x25, 0x65,  //   Logical Maximum (101)
    0x05, 0x07,  //   Usage Page (Keyboard)
    0x19, 0x00,  //   Usage Minimum (0)
    0x29, 0x65,  //   Usage Maximum (101)
    0x81, 0x00,  //   Input (Data, Array)
    0xc0,        // End Collection
};

/// Three buttons, two axes and a wheel in a pointer in a mouse.
inline const Bytes wheel_mouse = {
    0x05, 0x01,  // Usage Page (Generic Desktop)
    0x09, 0x02,  // Usage (Mouse)
    0xa1, 0x01,  // Collection (Application)
    0x09, 0x01,  //   Usage (Pointer)
    0xa1, 0x00,  //   Collection (Physical)
    0x05, 0x09,  //     Usage Page (Button)
    0x19, 0x01,  //     Usage Minimum (1)
    0x29, 0x03,  //     Usage Maximum (3)
    0x15, 0x00,  //     Logical Minimum (0)
    0x25, 0x01,  //     Logical Maximum (1)
    0x95, 0x03,  //     Report Count (3)
    0x75, 0x01,  //     Report Size (1)
    0x81, 0x02,  //     Input (Data, Variable, Absolute)
    0x95, 0x01,  //     Report Count (1)
    0x75, 0x05,  //     Report Size (5)
    0x81, 0x03,  //     Input (Constant, Variable)
    0x05, 0x01,  //     Usage Page (Generic Desktop)
    0x09, 0x30,  //     Usage (X)
    0x09, 0x31,  //     Usage (Y)
    0x09, 0x38,  //     Usage (Wheel)
    0x15, 0x81,  //     Logical Minimum (-127)
    0x25, 0x7f,  //     Logical Maximum (127)
    0x75, 0x08,  //     Report Size (8)
    0x95, 0x03,  //     Report Count (3)
    0x81, 0x06,  //     Input (Data, Variable, Relative)
    0xc0,        //   End Collection
    0xc0,        // End Collection
};

/// Two sticks of 12 bits, a hat switch with a null state and ten buttons; fields cross bytes.
inline const Bytes gamepad = {
    0x05, 0x01,        // Usage Page (Generic Desktop)
    0x09, 0x05,        // Usage (Game Pad)
    0xa1, 0x01,        // Collection (Application)
    0x09, 0x30,        //   Usage (X)
    0x09, 0x31,        //   Usage (Y)
    0x09, 0x32,        //   Usage (Z)
    0x09, 0x35,        //   Usage (Rz)
    0x16, 0x00, 0xf8,  //   Logical Minimum (-2048)
    0x26, 0xff, 0x07,  //   Logical Maximum (2047)
    0x75, 0x0c,        //   Report Size (12)
    0x95, 0x04,        //   Report Count (4)
    0x81, 0x02,        //   Input (Data, Variable, Absolute)
    0x09, 0x39,        //   Usage (Hat Switch)
    0x15, 0x01,        //   Logical Minimum (1)
    0x25, 0x08,        //   Logical Maximum (8)
    0x35, 0x00,        //   Physical Minimum (0)
    0x46, 0x3b, 0x01,  //   Physical Maximum (315)
    0x65, 0x14,        //   Unit (Degrees)
    0x75, 0x04,        //   Report Size (4)
    0x95, 0x01,        //   Report Count (1)
    0x81, 0x42,        //   Input (Data, Variable, Absolute, Null State)
    0x65, 0x00,        //   Unit (None)
    0x45, 0x00,        //   Physical Maximum (0)
    0x05, 0x09,        //   Usage Page (Button)
    0x19, 0x01,        //   Usage Minimum (1)
    0x29, 0x0a,        //   Usage Maximum (10)
    0x15, 0x00,        //   Logical Minimum (0)
    0x25, 0x01,        //   Logical Maximum (1)
    0x75, 0x01,        //   Report Size (1)
    0x95, 0x0a,        //   Report Count (10)
    0x81, 0x02,        //   Input (Data, Variable, Absolute)
    0x75, 0x02,        //   Report Size (2)
    0x95, 0x01,        //   Report Count (1)
    0x81, 0x03,        //   Input (Constant, Variable)
    0xc0,              // End Collection
};

/// Media keys: one 16-bit slot.
inline const Bytes consumer_control = {
    0x05, 0x0c,        // Usage Page (Consumer)
    0x09, 0x01,        // Usage (Consumer Control)
    0xa1, 0x01,        // Collection (Application)
    0x85, 0x03,        //   Report ID (3)
    0x15, 0x01,        //   Logical Minimum (1)
    0x26, 0x3c, 0x02,  //   Logical Maximum (572)
    0x19, 0x01,        //   Usage Minimum (1)
    0x2a, 0x3c, 0x02,  //   Usage Maximum (572)
    0x75, 0x10,        //   Report Size (16)
    0x95, 0x01,        //   Report Count (1)
    0x81, 0x00,        //   Input (Data, Array)
    0xc0,              // End Collection
};

/// Two fingers, each a logical collection, with a scan time, and the most contacts as a feature.
inline const Bytes touch_screen = {
    0x05, 0x0d,                    // Usage Page (Digitizer)
    0x09, 0x04,                    // Usage (Touch Screen)
    0xa1, 0x01,                    // Collection (Application)
    0x85, 0x01,                    //   Report ID (1)
    0x09, 0x22,                    //   Usage (Finger)
    0xa1, 0x02,                    //   Collection (Logical)
    0x09, 0x42,                    //     Usage (Tip Switch)
    0x15, 0x00,                    //     Logical Minimum (0)
    0x25, 0x01,                    //     Logical Maximum (1)
    0x75, 0x01,                    //     Report Size (1)
    0x95, 0x01,                    //     Report Count (1)
    0x81, 0x02,                    //     Input (Data, Variable, Absolute)
    0x75, 0x07,                    //     Report Size (7)
    0x81, 0x03,                    //     Input (Constant, Variable)
    0x09, 0x51,                    //     Usage (Contact Identifier)
    0x25, 0x0f,                    //     Logical Maximum (15)
    0x75, 0x08,                    //     Report Size (8)
    0x81, 0x02,                    //     Input (Data, Variable, Absolute)
    0xa4,                          //     Push
    0x05, 0x01,                    //     Usage Page (Generic Desktop)
    0x26, 0xff, 0x0f,              //     Logical Maximum (4095)
    0x75, 0x10,                    //     Report Size (16)
    0x55, 0x0e,                    //     Unit Exponent (-2)
    0x65, 0x11,                    //     Unit (Centimeter)
    0x46, 0xb8, 0x0b,              //     Physical Maximum (3000)
    0x09, 0x30,                    //     Usage (X)
    0x81, 0x02,                    //     Input (Data, Variable, Absolute)
    0x46, 0xd0, 0x07,              //     Physical Maximum (2000)
    0x09, 0x31,                    //     Usage (Y)
    0x81, 0x02,                    //     Input (Data, Variable, Absolute)
    0xb4,                          //     Pop
    0xc0,                          //   End Collection
    0x09, 0x22,                    //   Usage (Finger)
    0xa1, 0x02,                    //   Collection (Logical)
    0x09, 0x42,                    //     Usage (Tip Switch)
    0x25, 0x01,                    //     Logical Maximum (1)
    0x75, 0x01,                    //     Report Size (1)
    0x81, 0x02,                    //     Input (Data, Variable, Absolute)
    0x75, 0x07,                    //     Report Size (7)
    0x81, 0x03,                    //     Input (Constant, Variable)
    0x09, 0x51,                    //     Usage (Contact Identifier)
    0x25, 0x0f,                    //     Logical Maximum (15)
    0x75, 0x08,                    //     Report Size (8)
    0x81, 0x02,                    //     Input (Data, Variable, Absolute)
    0xa4,                          //     Push
    0x05, 0x01,                    //     Usage Page (Generic Desktop)
    0x26, 0xff, 0x0f,              //     Logical Maximum (4095)
    0x75, 0x10,                    //     Report Size (16)
    0x09, 0x30,                    //     Usage (X)
    0x81, 0x02,                    //     Input (Data, Variable, Absolute)
    0x09, 0x31,                    //     Usage (Y)
    0x81, 0x02,                    //     Input (Data, Variable, Absolute)
    0xb4,                          //     Pop
    0xc0,                          //   End Collection
    0x55, 0x0c,                    //   Unit Exponent (-4)
    0x66, 0x01, 0x10,              //   Unit (Seconds)
    0x47, 0xff, 0xff, 0x00, 0x00,  //   Physical Maximum (65535)
    0x27, 0xff, 0xff, 0x00, 0x00,  //   Logical Maximum (65535)
    0x75, 0x10,                    //   Report Size (16)
    0x09, 0x56,                    //   Usage (Scan Time)
    0x81, 0x02,                    //   Input (Data, Variable, Absolute)
    0x09, 0x54,                    //   Usage (Contact Count)
    0x25, 0x02,                    //   Logical Maximum (2)
    0x75, 0x08,                    //   Report Size (8)
    0x81, 0x02,                    //   Input (Data, Variable, Absolute)
    0x85, 0x02,                    //   Report ID (2)
    0x09, 0x55,                    //   Usage (Contact Count Maximum)
    0xb1, 0x02,                    //   Feature (Data, Variable, Absolute)
    0xc0,                          // End Collection
};

/// A pen with tilt and pressure.
inline const Bytes stylus = {
    0x05, 0x0d,        // Usage Page (Digitizer)
    0x09, 0x02,        // Usage (Pen)
    0xa1, 0x01,        // Collection (Application)
    0x09, 0x20,        //   Usage (Stylus)
    0xa1, 0x00,        //   Collection (Physical)
    0x09, 0x42,        //     Usage (Tip Switch)
    0x09, 0x44,        //     Usage (Barrel Switch)
    0x09, 0x45,        //     Usage (Eraser)
    0x09, 0x3c,        //     Usage (Invert)
    0x09, 0x32,        //     Usage (In Range)
    0x15, 0x00,        //     Logical Minimum (0)
    0x25, 0x01,        //     Logical Maximum (1)
    0x75, 0x01,        //     Report Size (1)
    0x95, 0x05,        //     Report Count (5)
    0x81, 0x02,        //     Input (Data, Variable, Absolute)
    0x95, 0x03,        //     Report Count (3)
    0x81, 0x03,        //     Input (Constant, Variable)
    0x05, 0x01,        //     Usage Page (Generic Desktop)
    0x09, 0x30,        //     Usage (X)
    0x09, 0x31,        //     Usage (Y)
    0x26, 0xff, 0x7f,  //     Logical Maximum (32767)
    0x75, 0x10,        //     Report Size (16)
    0x95, 0x02,        //     Report Count (2)
    0x81, 0x02,        //     Input (Data, Variable, Absolute)
    0x05, 0x0d,        //     Usage Page (Digitizer)
    0x09, 0x30,        //     Usage (Tip Pressure)
    0x26, 0xff, 0x03,  //     Logical Maximum (1023)
    0x95, 0x01,        //     Report Count (1)
    0x81, 0x02,        //     Input (Data, Variable, Absolute)
    0x09, 0x3d,        //     Usage (X Tilt)
    0x09, 0x3e,        //     Usage (Y Tilt)
    0x15, 0xa6,        //     Logical Minimum (-90)
    0x25, 0x5a,        //     Logical Maximum (90)
    0x35, 0xa6,        //     Physical Minimum (-90)
    0x45, 0x5a,        //     Physical Maximum (90)
    0x65, 0x14,        //     Unit (Degrees)
    0x75, 0x08,        //     Report Size (8)
    0x95, 0x02,        //     Report Count (2)
    0x81, 0x02,        //     Input (Data, Variable, Absolute)
    0xc0,              //   End Collection
    0xc0,              // End Collection
};

/// A vendor's own: 63 bytes in and out as report 1, features 2 (a number) and 3 (16 bytes).
inline const Bytes vendor_device = {
    0x06, 0x42, 0xff,              // Usage Page (Vendor 0xff42)
    0x09, 0x01,                    // Usage (1)
    0xa1, 0x01,                    // Collection (Application)
    0x85, 0x01,                    //   Report ID (1)
    0x09, 0x10,                    //   Usage (0x10)
    0x15, 0x00,                    //   Logical Minimum (0)
    0x26, 0xff, 0x00,              //   Logical Maximum (255)
    0x75, 0x08,                    //   Report Size (8)
    0x95, 0x3f,                    //   Report Count (63)
    0x81, 0x02,                    //   Input (Data, Variable, Absolute)
    0x09, 0x11,                    //   Usage (0x11)
    0x91, 0x02,                    //   Output (Data, Variable, Absolute)
    0x85, 0x02,                    //   Report ID (2)
    0x09, 0x20,                    //   Usage (0x20)
    0x17, 0x00, 0x00, 0x00, 0x80,  //   Logical Minimum (-2147483648)
    0x27, 0xff, 0xff, 0xff, 0x7f,  //   Logical Maximum (2147483647)
    0x75, 0x20,                    //   Report Size (32)
    0x95, 0x01,                    //   Report Count (1)
    0xb1, 0x02,                    //   Feature (Data, Variable, Absolute)
    0x85, 0x03,                    //   Report ID (3)
    0x09, 0x21,                    //   Usage (0x21)
    0x15, 0x00,                    //   Logical Minimum (0)
    0x26, 0xff, 0x00,              //   Logical Maximum (255)
    0x75, 0x08,                    //   Report Size (8)
    0x95, 0x10,                    //   Report Count (16)
    0xb2, 0x02, 0x01,              //   Feature (Data, Variable, Absolute, Buffered Bytes)
    0xc0,                          // End Collection
};

/// One interface, four devices by report id: all keys as bits, media keys, power keys, a pointer.
inline const Bytes gaming_keyboard = {
    0x05, 0x01,        // Usage Page (Generic Desktop)
    0x09, 0x06,        // Usage (Keyboard)
    0xa1, 0x01,        // Collection (Application)
    0x85, 0x01,        //   Report ID (1)
    0x05, 0x07,        //   Usage Page (Keyboard)
    0x15, 0x00,        //   Logical Minimum (0)
    0x25, 0x01,        //   Logical Maximum (1)
    0x19, 0xe0,        //   Usage Minimum (Left Control)
    0x29, 0xe7,        //   Usage Maximum (Right GUI)
    0x75, 0x01,        //   Report Size (1)
    0x95, 0x08,        //   Report Count (8)
    0x81, 0x02,        //   Input (Data, Variable, Absolute)
    0x19, 0x04,        //   Usage Minimum (A)
    0x29, 0x73,        //   Usage Maximum (F24)
    0x95, 0x70,        //   Report Count (112)
    0x81, 0x02,        //   Input (Data, Variable, Absolute)
    0xc0,              // End Collection
    0x05, 0x0c,        // Usage Page (Consumer)
    0x09, 0x01,        // Usage (Consumer Control)
    0xa1, 0x01,        // Collection (Application)
    0x85, 0x02,        //   Report ID (2)
    0x15, 0x00,        //   Logical Minimum (0)
    0x26, 0xff, 0x03,  //   Logical Maximum (1023)
    0x19, 0x00,        //   Usage Minimum (0)
    0x2a, 0xff, 0x03,  //   Usage Maximum (1023)
    0x75, 0x10,        //   Report Size (16)
    0x95, 0x02,        //   Report Count (2)
    0x81, 0x00,        //   Input (Data, Array)
    0xc0,              // End Collection
    0x05, 0x01,        // Usage Page (Generic Desktop)
    0x09, 0x80,        // Usage (System Control)
    0xa1, 0x01,        // Collection (Application)
    0x85, 0x03,        //   Report ID (3)
    0x15, 0x01,        //   Logical Minimum (1)
    0x25, 0x03,        //   Logical Maximum (3)
    0x09, 0x82,        //   Usage (System Sleep)
    0x09, 0x81,        //   Usage (System Power Down)
    0x09, 0x83,        //   Usage (System Wake Up)
    0x75, 0x02,        //   Report Size (2)
    0x95, 0x01,        //   Report Count (1)
    0x81, 0x00,        //   Input (Data, Array)
    0x75, 0x06,        //   Report Size (6)
    0x81, 0x03,        //   Input (Constant, Variable)
    0xc0,              // End Collection
    0x09, 0x02,        // Usage (Mouse)
    0xa1, 0x01,        // Collection (Application)
    0x85, 0x04,        //   Report ID (4)
    0x09, 0x01,        //   Usage (Pointer)
    0xa1, 0x00,        //   Collection (Physical)
    0x16, 0x01, 0x80,  //     Logical Minimum (-32767)
    0x26, 0xff, 0x7f,  //     Logical Maximum (32767)
    0x75, 0x10,        //     Report Size (16)
    0x95, 0x02,        //     Report Count (2)
    0x09, 0x30,        //     Usage (X)
    0x09, 0x31,        //     Usage (Y)
    0x81, 0x06,        //     Input (Data, Variable, Relative)
    0xc0,              //   End Collection
    0xc0,              // End Collection
};

/// A security key: reports of 64 bytes, no ids.
inline const Bytes security_key = {
    0x06, 0xd0, 0xf1,  // Usage Page (FIDO Alliance)
    0x09, 0x01,        // Usage (U2F Authenticator Device)
    0xa1, 0x01,        // Collection (Application)
    0x09, 0x20,        //   Usage (Input Report Data)
    0x15, 0x00,        //   Logical Minimum (0)
    0x26, 0xff, 0x00,  //   Logical Maximum (255)
    0x75, 0x08,        //   Report Size (8)
    0x95, 0x40,        //   Report Count (64)
    0x81, 0x02,        //   Input (Data, Variable, Absolute)
    0x09, 0x21,        //   Usage (Output Report Data)
    0x91, 0x02,        //   Output (Data, Variable, Absolute)
    0xc0,              // End Collection
};

/// An uninterruptible power supply: features with units, text by index, and one that may change.
inline const Bytes power_supply = {
    0x05, 0x84,                    // Usage Page (Power Device)
    0x09, 0x04,                    // Usage (UPS)
    0xa1, 0x01,                    // Collection (Application)
    0x09, 0x24,                    //   Usage (Power Summary)
    0xa1, 0x00,                    //   Collection (Physical)
    0x85, 0x10,                    //     Report ID (16)
    0x09, 0xfe,                    //     Usage (iProduct)
    0x79, 0x02,                    //     String Index (2)
    0x75, 0x08,                    //     Report Size (8)
    0x95, 0x01,                    //     Report Count (1)
    0x15, 0x00,                    //     Logical Minimum (0)
    0x26, 0xff, 0x00,              //     Logical Maximum (255)
    0xb1, 0x22,                    //     Feature (Data, Variable, Absolute, No Preferred)
    0x85, 0x11,                    //     Report ID (17)
    0x09, 0x30,                    //     Usage (Voltage)
    0x75, 0x10,                    //     Report Size (16)
    0x27, 0xff, 0xff, 0x00, 0x00,  //     Logical Maximum (65535)
    0x67, 0x21, 0xd1, 0xf0, 0x00,  //     Unit (Volt)
    0x55, 0x05,                    //     Unit Exponent (5)
    0xb1, 0xa2,                    //     Feature (Data, Variable, Absolute, No Preferred, Volatile)
    0x05, 0x85,                    //     Usage Page (Battery System)
    0x85, 0x12,                    //     Report ID (18)
    0x09, 0x66,                    //     Usage (Remaining Capacity)
    0x25, 0x64,                    //     Logical Maximum (100)
    0x65, 0x00,                    //     Unit (None)
    0x55, 0x00,                    //     Unit Exponent (0)
    0x75, 0x07,                    //     Report Size (7)
    0x81, 0xa2,                    //     Input (Data, Variable, Absolute, No Preferred, Volatile)
    0x09, 0xd0,                    //     Usage (AC Present)
    0x75, 0x01,                    //     Report Size (1)
    0x25, 0x01,                    //     Logical Maximum (1)
    0x81, 0x02,                    //     Input (Data, Variable, Absolute)
    0xc0,                          //   End Collection
    0xc0,                          // End Collection
};

/// A steering wheel with pedals: axes of 16 bits without sign.
inline const Bytes steering_wheel = {
    0x05, 0x01,                    // Usage Page (Generic Desktop)
    0x09, 0x04,                    // Usage (Joystick)
    0xa1, 0x01,                    // Collection (Application)
    0xa1, 0x02,                    //   Collection (Logical)
    0x09, 0x30,                    //     Usage (X)
    0x15, 0x00,                    //     Logical Minimum (0)
    0x27, 0xff, 0xff, 0x00, 0x00,  //     Logical Maximum (65535)
    0x35, 0x00,                    //     Physical Minimum (0)
    0x47, 0xff, 0xff, 0x00, 0x00,  //     Physical Maximum (65535)
    0x75, 0x10,                    //     Report Size (16)
    0x95, 0x01,                    //     Report Count (1)
    0x81, 0x02,                    //     Input (Data, Variable, Absolute)
    0x05, 0x02,                    //     Usage Page (Simulation)
    0x09, 0xc4,                    //     Usage (Accelerator)
    0x09, 0xc5,                    //     Usage (Brake)
    0x25, 0xff,                    //     Logical Maximum (255, as one byte)
    0x45, 0xff,                    //     Physical Maximum (255, as one byte)
    0x75, 0x08,                    //     Report Size (8)
    0x95, 0x02,                    //     Report Count (2)
    0x81, 0x02,                    //     Input (Data, Variable, Absolute)
    0xc0,                          //   End Collection
    0xa1, 0x02,                    //   Collection (Logical)
    0x06, 0x00, 0xff,              //     Usage Page (Vendor 0xff00)
    0x09, 0x02,                    //     Usage (2)
    0x95, 0x07,                    //     Report Count (7)
    0x91, 0x02,                    //     Output (Data, Variable, Absolute)
    0xc0,                          //   End Collection
    0xc0,                          // End Collection
};

/// A light sensor: states as named arrays whose selectors are usages of four bytes.
inline const Bytes light_sensor = {
    0x05, 0x20,                    // Usage Page (Sensor)
    0x09, 0x41,                    // Usage (Light: Ambient Light)
    0xa1, 0x00,                    // Collection (Physical)
    0x0a, 0x01, 0x02,              //   Usage (Event: Sensor State)
    0x15, 0x00,                    //   Logical Minimum (0)
    0x25, 0x02,                    //   Logical Maximum (2)
    0x75, 0x08,                    //   Report Size (8)
    0x95, 0x01,                    //   Report Count (1)
    0xa1, 0x04,                    //   Collection (Named Array)
    0x0b, 0x00, 0x08, 0x20, 0x00,  //     Usage (Sensor: Unknown)
    0x0b, 0x01, 0x08, 0x20, 0x00,  //     Usage (Sensor: Ready)
    0x0b, 0x02, 0x08, 0x20, 0x00,  //     Usage (Sensor: Not Available)
    0x81, 0x00,                    //     Input (Data, Array)
    0xc0,                          //   End Collection
    0x0a, 0xd1, 0x04,              //   Usage (Data Field: Illuminance)
    0x27, 0xff, 0xff, 0xff, 0x7f,  //   Logical Maximum (2147483647)
    0x55, 0x0d,                    //   Unit Exponent (-3)
    0x67, 0xe1, 0x00, 0x00, 0x01,  //   Unit (Lux)
    0x75, 0x20,                    //   Report Size (32)
    0x81, 0x02,                    //   Input (Data, Variable, Absolute)
    0xc0,                          // End Collection
};

struct Named {
    std::string_view name;
    const Bytes& bytes;
};
inline const std::initializer_list<Named> devices = {
    {"boot-keyboard", boot_keyboard},
    {"wheel-mouse", wheel_mouse},
    {"gamepad", gamepad},
    {"consumer-control", consumer_control},
    {"touch-screen", touch_screen},
    {"stylus", stylus},
    {"vendor-device", vendor_device},
    {"gaming-keyboard", gaming_keyboard},
    {"security-key", security_key},
    {"power-supply", power_supply},
    {"steering-wheel", steering_wheel},
    {"light-sensor", light_sensor},
};

}  // namespace opendext::hid::tests
