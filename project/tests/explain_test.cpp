// SPDX-License-Identifier: Apache-2.0
#include "project/explain.h"

#include <gtest/gtest.h>

#include "project/tests/temporary_folder.h"

namespace opendext::project {
namespace {

class ExplainTest : public ::testing::Test {
  protected:
    ExplainTest() {
        folder_.write("include/DriverKit/IOService.iig", "");
        folder_.write("include/SerialDriverKit/IOUserSerial.iig", "");
        folder_.write("api-names.txt",
                      "IOService\nIOUSBHostInterface\nRegisterService\nkIOReturnSuccess\n");
        target_.name = "Driver";
    }
    std::string explained(const std::string& printed) {
        std::string text;
        for (const auto& line : explain_failure(printed, target_, folder_.path()))
            text += line + "\n";
        return text;
    }
    TemporaryFolder folder_;
    Target target_;
};

TEST_F(ExplainTest, FrameworksThatAreNotThere) {
    EXPECT_EQ(
        explained("a.cpp:1:10: fatal error: 'USBDriverKit/IOUSBHostInterface.h' file not found\n"
                  "b.cpp:1:10: \x1b[1;31mfatal error: \x1b[0m'HIDDriverKit/X.h' file not found\n"),
        "Driver needs the frameworks USBDriverKit, HIDDriverKit, which this OpenDext does not have "
        "yet; it has DriverKit, SerialDriverKit\n");
}

TEST_F(ExplainTest, NamesThatNeverWereAndNamesOfOtherHeaders) {
    EXPECT_EQ(
        explained("a.cpp:1:1: error: use of undeclared identifier 'kIOReturnSucces'\n"),
        "no version of DriverKit that OpenDext knows has kIOReturnSucces (did you mean "
        "kIOReturnSuccess?): the source calls an interface that never existed, or one of its own "
        "that is not declared\n");
    EXPECT_NE(explained("error: unknown type name 'IOUSBHostInterface'")
                  .find("DriverKit has IOUSBHostInterface: include"),
              std::string::npos);
    EXPECT_EQ(explained("error: use of undeclared identifier 'my_helper'"), "")
        << "a name that cannot be DriverKit's needs no word";
    EXPECT_EQ(explained("error: expected ';'"), "");
}

TEST_F(ExplainTest, StepsThatWereLeftOutComeWithMissingFiles) {
    target_.skipped_steps = {"step \"Make version\""};
    target_.suspects = {"the search path x is not there"};
    EXPECT_EQ(explained("fatal error: 'version.h' file not found"),
              "a step before the build may make what is missing: step \"Make version\"\n"
              "a step before the build may make what is missing: the search path x is not there\n");
    EXPECT_EQ(explained("error: expected ';'"), "");
}

}  // namespace
}  // namespace opendext::project
