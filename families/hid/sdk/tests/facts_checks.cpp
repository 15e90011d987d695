// SPDX-License-Identifier: Apache-2.0
// Checks of the rows of HIDDriverKit that no rule of sdk/facts/checks.py covers; its form is that
// of sdk/facts/handwritten.cpp.
// clang-format off: the name of a row and its check have a line each.

// Variables.
// Row: HIDDriverKitVersionNumber: extern double HIDDriverKitVersionNumber
static_assert(std::is_same_v<decltype(HIDDriverKitVersionNumber), double>);
// Row: HIDDriverKitVersionString: extern const unsigned char HIDDriverKitVersionString[]
static_assert(std::is_same_v<decltype(HIDDriverKitVersionString), const unsigned char[]>);

// A value that is an expression: system 0x38, subsystem 0xe, message 7.
// Row: kIOHIDSystemButtonPressedDuringDarkBoot: #define kIOHIDSystemButtonPressedDuringDarkBoot iokit_family_msg(sub_iokit_hidsystem, 7)
static_assert(same(kIOHIDSystemButtonPressedDuringDarkBoot, 0xe0038007));
