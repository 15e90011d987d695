// SPDX-License-Identifier: Apache-2.0
#include "iokit/corefoundation/base64.h"

#include <gtest/gtest.h>

#include <string>

namespace opendext::cf {
namespace {

using Bytes = std::vector<uint8_t>;

Bytes bytes_of(std::string_view text) {
    return {text.begin(), text.end()};
}

TEST(Base64Test, EveryLengthComesBackWithPaddingAndWithout) {
    Bytes bytes;
    for (int i = 0; i < 70; ++i) {
        std::string text = to_base64(bytes);
        EXPECT_EQ(text.size() % 4, 0u);
        EXPECT_EQ(from_base64(text), bytes) << text;
        while (text.ends_with('=')) text.pop_back();
        EXPECT_EQ(from_base64(text), bytes) << text;
        bytes.push_back(static_cast<uint8_t>(i * 37 + 251));
    }
    EXPECT_EQ(to_base64(bytes_of("any carnal pleas")), "YW55IGNhcm5hbCBwbGVhcw==");
}

TEST(Base64Test, WhiteSpaceDoesNotCountAnywhere) {
    EXPECT_EQ(from_base64("\n\t\tQUJD\r\n\t\tRA =\n=\n"), bytes_of("ABCD"));
    EXPECT_EQ(from_base64(" \n"), Bytes());
    EXPECT_EQ(from_base64(""), Bytes());
}

TEST(Base64Test, WhatIsNotBase64IsRefused) {
    for (const char* bad : {"!", "QUJD!", "QUJ\x01", "A", "QUJDR", "QQ=Q",
                            "QQ=", "QUI==", "====", "QUJD=", "QUJD====", "Q=Q=", "=", "QU-_"})
        EXPECT_FALSE(from_base64(bad)) << bad;
}

}  // namespace
}  // namespace opendext::cf
