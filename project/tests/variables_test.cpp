// SPDX-License-Identifier: Apache-2.0
#include "project/variables.h"

#include <gtest/gtest.h>

namespace opendext::project {
namespace {

const Variables kVariables = {
    {"PRODUCT_NAME", "$(TARGET_NAME)"},
    {"TARGET_NAME", "My Driver 1"},
    {"EMPTY", ""},
    {"LOOP", "$(POOL)"},
    {"POOL", "${LOOP}"},
    {"KIND", "NAME"},
    {"LONG", "x$(EMPTY)y"},
};

std::string expanded(std::string_view text) {
    auto result = expand(text, kVariables);
    return result.ok() ? result.value() : "error: " + result.error().message;
}

TEST(Variables, AreReplacedInBothForms) {
    EXPECT_EQ(expanded("a $(TARGET_NAME) b ${TARGET_NAME}"), "a My Driver 1 b My Driver 1");
    EXPECT_EQ(expanded("$(PRODUCT_NAME)"), "My Driver 1") << "through another variable";
    EXPECT_EQ(expanded("$(PRODUCT_$(KIND))"), "My Driver 1") << "a name made of a variable";
    EXPECT_EQ(expanded("$(LONG)"), "xy");
    EXPECT_EQ(expanded("100$ and $5 and $"), "100$ and $5 and $") << "a lone sign stays";
}

TEST(Variables, ModifiersMakeIdentifiers) {
    EXPECT_EQ(expanded("$(PRODUCT_NAME:rfc1034identifier)"), "My-Driver-1");
    EXPECT_EQ(expanded("com.example.${PRODUCT_NAME:c99extidentifier}"), "com.example.My_Driver_1");
    EXPECT_EQ(expanded("$(PRODUCT_NAME:rfc1034identifier:lower)"), "my-driver-1");
    EXPECT_EQ(expanded("$(PRODUCT_NAME:upper)"), "MY DRIVER 1");
    EXPECT_EQ(expanded("$(NONE:default=other)"), "other");
    EXPECT_EQ(expanded("$(EMPTY:default=other)"), "other");
}

TEST(Variables, ErrorsNameVariableAndWayOut) {
    EXPECT_EQ(expanded("$(NONE)"),
              "error: $(NONE) has no value: give it one with --set NONE=VALUE");
    EXPECT_EQ(expanded("$(PRODUCT_BUNDLE_IDENTIFIER)"),
              "error: $(PRODUCT_BUNDLE_IDENTIFIER) has no value: give it one with --bundle-id "
              "com.example.driver");
    EXPECT_EQ(
        expanded("$(TARGET_NAME:shout)"),
        "error: unknown modifier \"shout\": use rfc1034identifier, c99extidentifier, identifier, "
        "lower, upper, quote, dir, file, base, suffix, standardizepath, not or default=TEXT");
    EXPECT_NE(expanded("$(LOOP)").find("refers to itself"), std::string::npos)
        << expanded("$(LOOP)");
    EXPECT_EQ(expanded("a $(TARGET"), "error: \"$(TARGET\" is not closed: add ')'");
}

TEST(Variables, InPropertyListsNameThePlace) {
    auto plist = bundle::parse_plist(
        "<plist>\n<dict>\n<key>$(KIND)</key>\n<array><string>${TARGET_NAME}</string><integer>1</"
        "integer></array>\n</dict></plist>",
        "I");
    ASSERT_TRUE(plist.ok());
    auto done = expand(plist.value(), kVariables);
    ASSERT_TRUE(done.ok()) << done.error().message;
    EXPECT_EQ(done->root,
              Value(Dictionary{{"NAME", Array{Value("My Driver 1"), Value(uint64_t{1})}}}));

    plist = bundle::parse_plist(
        "<plist>\n<dict>\n  <key>a</key><string>$(NONE)</string>\n</dict></plist>", "I");
    done = expand(plist.value(), kVariables);
    ASSERT_FALSE(done.ok());
    EXPECT_EQ(done.error().message,
              "I:3:3: a: $(NONE) has no value: give it one with --set NONE=VALUE");
}

}  // namespace
}  // namespace opendext::project
