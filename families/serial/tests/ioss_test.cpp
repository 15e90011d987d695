// SPDX-License-Identifier: Apache-2.0
#include <IOKit/serial/ioss.h>

#include <gtest/gtest.h>

namespace {

// Facts: _MAKE_EXT
TEST(ExtendedSpeeds, AreOddSoThatNoRealSpeedIsOneOfThem) {
    EXPECT_EQ(3, _MAKE_EXT(1));
    EXPECT_EQ(0x201, _MAKE_EXT(256));
    EXPECT_EQ(9, _MAKE_EXT(1 + 3)) << "an expression is an argument as well";
    EXPECT_EQ(BEXT32, _MAKE_EXT(32));
    for (int multiple = 1; multiple <= 256; multiple *= 2) EXPECT_EQ(1, _MAKE_EXT(multiple) % 2);
}

}  // namespace
