// SPDX-License-Identifier: Apache-2.0
#include <HIDDriverKit/HIDDriverKit.h>

extern "C" {
[[gnu::visibility("default")]] double HIDDriverKitVersionNumber = 0.1;
[[gnu::visibility("default")]] const unsigned char HIDDriverKitVersionString[] =
    "HIDDriverKit of OpenDext 0.1";
}
