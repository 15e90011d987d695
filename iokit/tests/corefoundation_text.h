// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CoreFoundation/CoreFoundation.h>
#include <gtest/gtest.h>

#include <string>

#include "iokit/corefoundation/object.h"

/// The text of a string of at most 4 KiB; "(null)" for none.
inline std::string text_of(CFStringRef string) {
    if (string == nullptr) return "(null)";
    char buffer[4096];
    EXPECT_TRUE(CFStringGetCString(string, buffer, sizeof buffer, kCFStringEncodingUTF8));
    return buffer;
}

/// The same of a reference that is the caller's, which is given back.
inline std::string taken(CFStringRef string) {
    const opendext::cf::Owned own(string);
    return text_of(string);
}
