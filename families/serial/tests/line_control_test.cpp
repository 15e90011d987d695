// SPDX-License-Identifier: Apache-2.0
#include "families/serial/driver/line_control.h"

#include <gtest/gtest.h>

#include "families/serial/sdk/SerialConstants.h"

namespace opendext::serial {
namespace {

TEST(LineControl, TakesEverySettingAndWritesItBack) {
    LineControl control;
    uint32_t break_ms = 0;
    ASSERT_TRUE(
        control.apply("bits=7 parity=even stop=1.5 flow=rtscts dtr=1 rts=0 break=250ms", break_ms)
            .ok());
    EXPECT_EQ(control.data_bits, 7);
    EXPECT_EQ(control.parity, PD_RS232_PARITY_EVEN);
    EXPECT_EQ(control.half_stop_bits, 3);
    EXPECT_EQ(control.flow, LineControl::Flow::hardware);
    EXPECT_EQ(control.dtr, true);
    EXPECT_EQ(control.rts, false);
    EXPECT_EQ(break_ms, 250u);
    EXPECT_EQ(control.text(), "bits=7 parity=even stop=1.5 flow=rtscts dtr=1 rts=0");
    LineControl again;
    ASSERT_TRUE(again.apply(control.text(), break_ms).ok());
    EXPECT_EQ(again, control);
    EXPECT_EQ(break_ms, 0u);
    EXPECT_EQ(LineControl::unpacked(control.packed()), control);
}

TEST(LineControl, GivesSettingsBackToTheApplication) {
    LineControl control;
    uint32_t break_ms = 0;
    ASSERT_TRUE(control.apply("bits=5 dtr=0", break_ms).ok());
    ASSERT_TRUE(control.apply("bits=auto dtr=auto", break_ms).ok());
    EXPECT_EQ(control, LineControl{});
    EXPECT_EQ(control.text(), "");
    EXPECT_EQ(LineControl::unpacked({}), LineControl{});
}

TEST(LineControl, GoesOverWhatTheApplicationWants) {
    LineControl control;
    uint32_t break_ms = 0;
    ASSERT_TRUE(control.apply("bits=7 parity=odd flow=xonxoff", break_ms).ok());
    LineSettings line;
    line.baud = 4800;
    line.half_stop_bits = 4;
    line.hardware_flow = true;
    const LineSettings after = control.over(line);
    EXPECT_EQ(after.baud, 4800u);
    EXPECT_EQ(after.half_stop_bits, 4);
    EXPECT_EQ(after.data_bits, 7);
    EXPECT_EQ(after.parity, PD_RS232_PARITY_ODD);
    EXPECT_FALSE(after.hardware_flow);
    EXPECT_TRUE(after.software_flow_in && after.software_flow_out);
    EXPECT_EQ(flow_word(after), "xonxoff");
    EXPECT_EQ(LineControl{}.over(line), line);
}

TEST(LineControl, RefusesWrongWordsAndChangesNothing) {
    for (const auto& [words, reason] : std::initializer_list<std::pair<const char*, const char*>>{
             {"bits=7 parity=evan", "parity=evan is not possible: give none, odd, even"},
             {"bits=9", "bits=9 is not possible: give 5, 6, 7, 8, or auto"},
             {"bits=7 speed=1", "there is no setting \"speed\""},
             {"bits=7 dtr", "\"dtr\" is not of the form KEY=VALUE"},
             {"bits=7 =1", "\"=1\" is not of the form KEY=VALUE"},
             {"bits=7 dtr=", "dtr= is not possible"},
             {"break=0", "break=0 is not possible: give 1ms to 10s"},
             {"break=11s", "break=11s is not possible"},
             {"break=5min", "break=5min is not possible"},
             {"break=-1", "break=-1 is not possible"}}) {
        LineControl control;
        uint32_t break_ms = 7;
        const Status status = control.apply(words, break_ms);
        ASSERT_FALSE(status.ok()) << words;
        EXPECT_NE(status.error().message.find(reason), std::string::npos) << status.error().message;
        EXPECT_EQ(control, LineControl{}) << words;
        EXPECT_EQ(break_ms, 7u) << words;
    }
}

TEST(LineControl, IgnoresPackedValuesThatNoLineHas) {
    EXPECT_EQ(LineControl::unpacked({4, 9, 7, 3, 2, 200}), LineControl{});
}

TEST(LineControl, ReadsLengthsOfBreaks) {
    for (const auto& [word, length] : std::initializer_list<std::pair<const char*, uint32_t>>{
             {"break=250", 250}, {"break=0.25s", 250}, {"break=10s", 10'000}, {"break=1ms", 1}}) {
        LineControl control;
        uint32_t break_ms = 0;
        EXPECT_TRUE(control.apply(word, break_ms).ok()) << word;
        EXPECT_EQ(break_ms, length) << word;
    }
}

}  // namespace
}  // namespace opendext::serial
