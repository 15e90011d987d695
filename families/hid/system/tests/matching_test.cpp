// SPDX-License-Identifier: Apache-2.0
#include "families/hid/system/matching.h"

#include <gtest/gtest.h>

#include "families/hid/system/description.h"

namespace opendext::hid {
namespace {

const Data kKeyboard{0x05, 0x01, 0x09, 0x06, 0xa1, 0x01, 0x05, 0x07, 0x19, 0x04, 0x29, 0x0b,
                     0x15, 0x00, 0x25, 0x01, 0x75, 0x01, 0x95, 0x08, 0x81, 0x02, 0xc0};

Dictionary pair(int page, int usage) {
    return {{"DeviceUsagePage", Value(page)}, {"DeviceUsage", Value(usage)}};
}

daemon::Entry nub() {
    daemon::Entry entry;
    entry.id = 1;
    entry.name = "IOHIDInterface";
    entry.classes = {"IOHIDInterface", "IOService", "IORegistryEntry"};
    entry.properties = describe_device({{"ReportDescriptor", Value(kKeyboard)},
                                        {"VendorID", Value(0x46d)},
                                        {"ProductID", Value(0xc31c)},
                                        {"VersionNumber", Value(0x110)},
                                        {"LocationID", Value(0x14200000)},
                                        {"Transport", Value("USB")},
                                        {"Manufacturer", Value("Someone")},
                                        {"SerialNumber", Value("42")},
                                        {"BootProtocol", Value(1)}},
                                       "")
                           ->properties;
    return entry;
}

int64_t score(Dictionary table) {
    const auto verdict = match_hid(nub(), table);
    return verdict.matches ? verdict.score : -1;
}

TEST(HidMatching, ScoresAreThoseOfTheFacts) {
    EXPECT_EQ(score({}), 0);
    EXPECT_EQ(score({{"Transport", Value("USB")}}), 1000);
    EXPECT_EQ(score({{"LocationID", Value(0x14200000)}}), 0);
    EXPECT_EQ(score({{"Transport", Value("USB")}, {"LocationID", Value(0x14200000)}}), 3000);
    EXPECT_EQ(score({{"VendorID", Value(0x46d)}}), 5000);
    EXPECT_EQ(score({{"ProductID", Value(0xc31c)}}), 0);
    EXPECT_EQ(score({{"VendorID", Value(0x46d)}, {"ProductID", Value(0xc31c)}}), 6000);
    EXPECT_EQ(score({{"VendorID", Value(0x46d)}, {"ProductID", Value("*")}}), 6000);
    const Array several{Value(1), Value(0xc31c)};
    EXPECT_EQ(score({{"VendorID", Value(0x46d)}, {"ProductIDArray", Value(several)}}), 5975);
    EXPECT_EQ(score({{"VendorID", Value(0x46d)},
                     {"ProductID", Value(0xc300)},
                     {"ProductIDMask", Value(0xff00)}}),
              5950);
    EXPECT_EQ(score({{"VendorID", Value(0x46d)},
                     {"ProductIDArray", Value(Array{Value(0xc300)})},
                     {"ProductIDMask", Value(0xff00)}}),
              5925);
    EXPECT_EQ(score({{"VendorID", Value(0x46d)}, {"VersionNumber", Value(0x110)}}), 5100);
    EXPECT_EQ(score({{"VendorID", Value(0x46d)}, {"Manufacturer", Value("Someone")}}), 5100);
    EXPECT_EQ(score({{"VendorID", Value(0x46d)}, {"SerialNumber", Value("42")}}), 5100);
    EXPECT_EQ(score({{"SerialNumber", Value("42")}}), 0);
    EXPECT_EQ(score({{"DeviceUsagePairs", Value(Array{pair(1, 6)})}}), 1200);
    EXPECT_EQ(score({{"DeviceUsagePairs", Value(Array{pair(1, 2), pair(1, 6)})}}), 1200);
    EXPECT_EQ(
        score({{"DeviceUsagePairs", Value(Array{Dictionary{{"DeviceUsagePage", Value(1)}}})}}),
        1150);
    EXPECT_EQ(score(pair(1, 6)), 1200);
    EXPECT_EQ(score({{"DeviceUsagePage", Value(1)}}), 1150);
    EXPECT_EQ(score({{"DeviceUsage", Value(99)}}), 0) << "a usage without a page says nothing";
    EXPECT_EQ(score({{"PrimaryUsagePage", Value(1)}}), 1100);
    EXPECT_EQ(score({{"PrimaryUsagePage", Value(1)}, {"PrimaryUsage", Value(6)}}), 1200);
    Dictionary both = pair(1, 6);
    both.insert_or_assign("PrimaryUsagePage", Value(1));
    EXPECT_EQ(score(both), 1200) << "the primary usage counts only where no pair did";
    EXPECT_EQ(score({{"BootProtocol", Value(1)}}), 0);
}

TEST(HidMatching, AKeyThatDiffersRejectsAndSaysWhy) {
    const struct {
        Dictionary table;
        const char* said;
    } kWrong[] = {
        {{{"Transport", Value("Bluetooth")}}, "Transport is \"USB\", wanted \"Bluetooth\""},
        {{{"VendorID", Value(1)}}, "VendorID is 1133, wanted 1"},
        {{{"ProductID", Value(1)}}, "ProductID is 49948, wanted 1"},
        {{{"ProductIDArray", Value(Array{Value(1)})}}, "none of ProductIDArray"},
        {{{"ModelNumber", Value(1)}}, "ModelNumber is absent, wanted 1"},
        {{{"LocationID", Value(1)}}, "LocationID is"},
        {{{"DeviceUsagePairs", Value(Array{pair(1, 2)})}}, "none of DeviceUsagePairs"},
        {{{"DeviceUsagePairs", Value(Array{})}}, "none of DeviceUsagePairs"},
        {pair(12, 1), "DeviceUsagePage 12 with DeviceUsage 1 is not among"},
        {{{"PrimaryUsagePage", Value(2)}}, "PrimaryUsagePage is 1, wanted 2"},
        {{{"PrimaryUsage", Value(2)}}, "PrimaryUsage is 6, wanted 2"},
        {{{"BootProtocol", Value(2)}}, "BootProtocol is 1, wanted 2"},
        {{{"HIDDefaultBehavior", Value("")}}, "no property HIDDefaultBehavior"},
    };
    for (const auto& wrong : kWrong) {
        const auto verdict = match_hid(nub(), wrong.table);
        EXPECT_FALSE(verdict.matches) << wrong.said;
        EXPECT_NE(verdict.reason.find(wrong.said), std::string::npos) << verdict.reason;
    }
}

TEST(HidMatching, ANubWithoutUsagePairsMatchesNothing) {
    daemon::Entry entry = nub();
    entry.properties.erase("DeviceUsagePairs");
    EXPECT_FALSE(match_hid(entry, {}).matches);
    entry.properties["DeviceUsagePairs"] = Value("a text");
    EXPECT_FALSE(match_hid(entry, {}).matches);
}

TEST(HidMatching, TablesOfStrangeTypesAreHarmless) {
    for (const char* key : {"VendorID", "ProductID", "ProductIDArray", "ProductIDMask", "Transport",
                            "DeviceUsagePairs", "DeviceUsagePage", "PrimaryUsage"}) {
        for (const Value& value : {Value("text"), Value(Array{Value("x"), Value(Dictionary{})}),
                                   Value(Dictionary{}), Value(Data{1}), Value(true), Value()})
            (void)score({{key, value}});
    }
}

TEST(DeviceDescription, WhatFollowsFromTheDescriptorIsAdded) {
    const auto device = describe_device({{"ReportDescriptor", Value(kKeyboard)}}, "Virtual");
    ASSERT_TRUE(device.ok()) << device.error().text();
    const Dictionary& properties = device->properties;
    EXPECT_EQ(*opendext::find(properties, "DeviceUsagePairs"), Value(Array{pair(1, 6)}));
    EXPECT_EQ(find_number(properties, "PrimaryUsage")->raw, 6u);
    EXPECT_EQ(find_number(properties, "MaxInputReportSize")->raw, 1u);
    EXPECT_EQ(find_number(properties, "MaxOutputReportSize")->raw, 0u);
    EXPECT_EQ(*find_string(properties, "Transport"), "Virtual");
    EXPECT_FALSE(device->numbered);
}

TEST(DeviceDescription, WhatIsWrongIsNamed) {
    const auto said = [](Dictionary given) {
        const auto device = describe_device(std::move(given), "Virtual");
        return device.ok() ? std::string() : device.error().text();
    };
    EXPECT_EQ(said({}),
              "property ReportDescriptor is missing: the bytes of the HID report descriptor");
    EXPECT_EQ(said({{"ReportDescriptor", Value("text")}}),
              "property ReportDescriptor is a string, it has to be data");
    EXPECT_NE(said({{"ReportDescriptor", Value(Data{0xc0})}}).find("property ReportDescriptor"),
              std::string::npos);
    EXPECT_EQ(said({{"ReportDescriptor", Value(kKeyboard)}, {"VendorID", Value("1")}}),
              "property VendorID is a string, it has to be a number");
    EXPECT_EQ(
        said({{"ReportDescriptor", Value(kKeyboard)}, {"Product", Value(std::string(256, 'x'))}}),
        "property Product is longer than 255 bytes");
}

TEST(DeviceDescription, KeysOfTheRegistryAreNotADevicesToSet) {
    const auto device = describe_device({{"ReportDescriptor", Value(kKeyboard)},
                                         {"IOServiceDEXTEntitlements", Value(true)},
                                         {"CFBundleIdentifier", Value("org.example.other")},
                                         {"OpenDextNode", Value("/dev/mem")},
                                         {"MaxInputReportSize", Value(99999)},
                                         {"Category", Value("kept")}},
                                        "Virtual");
    ASSERT_TRUE(device.ok());
    EXPECT_EQ(device->left_out,
              (std::vector<std::string>{"CFBundleIdentifier", "IOServiceDEXTEntitlements",
                                        "OpenDextNode"}));
    EXPECT_EQ(opendext::find(device->properties, "IOServiceDEXTEntitlements"), nullptr);
    EXPECT_EQ(opendext::find(device->properties, "OpenDextNode"), nullptr);
    EXPECT_EQ(find_number(device->properties, "MaxInputReportSize")->raw, 1u);
    EXPECT_NE(opendext::find(device->properties, "Category"), nullptr);
}

}  // namespace
}  // namespace opendext::hid
