// SPDX-License-Identifier: Apache-2.0
// Values as text and bytes; what is read may be hostile.
#include <CoreFoundation/CoreFoundation.h>
#include <IOKit/IOCFSerialize.h>
#include <IOKit/IOCFUnserialize.h>
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "iokit/client/serialize.h"

namespace opendext::testing {
namespace {

Value sample() {
    return Dictionary{
        {"Name", "a & <b>"},
        {"Rate", Number{9600, 32}},
        {"Large", Number{0x123456789abcdef0, 64}},
        {"On", true},
        {"Off", false},
        {"Data", Data{0, 1, 2, 253}},
        {"Empty", Dictionary{}},
        {"List", Array{"x", Array{}, Dictionary{{"k", Set{{Value("y")}}}}}},
    };
}

TEST(Serialized, EachFormGivesTheValueBack) {
    const Result<Value> text = client::from_xml(client::to_xml(sample()));
    ASSERT_TRUE(text.ok()) << text.error().text();
    EXPECT_EQ(sample(), *text);
    const Result<Value> bytes = client::from_binary(client::to_binary(sample()));
    ASSERT_TRUE(bytes.ok()) << bytes.error().text();
    EXPECT_EQ(sample(), *bytes);
    EXPECT_EQ(32U, bytes->dictionary()->at("Rate").number()->bits);
    EXPECT_EQ(Value("a & <b>"), text->dictionary()->at("Name"));
}

TEST(Serialized, TextMayHaveAHeadCommentsAndRepetitions) {
    const Result<Value> read = client::from_xml(
        "<?xml version=\"1.0\"?>\n<!DOCTYPE plist>\n<plist version=\"1.0\"><!-- all --><array>\n"
        "<string ID=\"1\">x</string><string IDREF=\"1\"/><integer size=\"16\">-1</integer>"
        "<data format=\"hex\">00ff</data><data> /w\n= = "
        "</data><data>/w</data><true/><dict/></array></plist>");
    ASSERT_TRUE(read.ok()) << read.error().text();
    EXPECT_EQ(Value(Array{"x", "x", Number{0xffff, 16}, Data{0, 255}, Data{255}, Data{255}, true,
                          Dictionary{}}),
              *read);
}

TEST(Serialized, ARefusalNamesTheLine) {
    for (const char* bad : {"", "text", "<array>", "<dict>\n<string>x</string></dict>", "<thing/>",
                            "<string>&other;</string>", "<integer>x</integer>", "<data>!</data>",
                            "<data>QUJDR</data>", "<data>QQ=Q</data>",
                            "<array><string IDREF=\"9\"/></array>", "</array>"}) {
        const Result<Value> read = client::from_xml(bad);
        ASSERT_FALSE(read.ok()) << bad;
        EXPECT_NE(std::string::npos, read.error().message.find("line ")) << read.error().message;
    }
}

TEST(Serialized, WhatIsTooMuchIsRefused) {
    std::string deep;
    for (int i = 0; i < 100000; ++i) deep += "<array>";
    EXPECT_FALSE(client::from_xml(deep).ok());
    // Each line doubles what is there.
    std::string bomb = "<array><array ID=\"0\"><string>x</string><string>x</string></array>";
    for (int i = 1; i < 64; ++i) {
        const std::string before = std::to_string(i - 1);
        bomb += "<array ID=\"" + std::to_string(i) + "\"><array IDREF=\"" + before +
                "\"/><array IDREF=\"" + before + "\"/></array>";
    }
    EXPECT_FALSE(client::from_xml(bomb + "</array>").ok());
}

TEST(Serialized, WhateverBytesComeItIsAnErrorOrAValue) {
    std::mt19937 random(9);
    const std::vector<uint8_t> bytes = client::to_binary(sample());
    const std::string text = client::to_xml(sample());
    for (int i = 0; i < 5000; ++i) {
        std::vector<uint8_t> binary = bytes;
        std::string xml = text;
        for (uint32_t n = 1 + random() % 4; n > 0; --n) {
            binary[random() % binary.size()] = static_cast<uint8_t>(random());
            xml[random() % xml.size()] = static_cast<char>(random() % 128);
        }
        binary.resize(random() % (binary.size() + 1));
        (void)client::from_binary(binary);
        (void)client::from_xml(xml);
    }
}

// Facts: IOCFSerialize, IOCFUnserialize, IOCFUnserializeBinary, IOCFUnserializeWithSize
TEST(Serialized, ObjectsGoThroughBothForms) {
    CFMutableDictionaryRef object = CFDictionaryCreateMutable(
        nullptr, 0, &kCFTypeDictionaryKeyCallBacks, &kCFTypeDictionaryValueCallBacks);
    CFDictionarySetValue(object, CFSTR("Name"), CFSTR("head"));
    CFDictionarySetValue(object, CFSTR("On"), kCFBooleanTrue);

    CFDataRef text = IOCFSerialize(object, 0);
    ASSERT_NE(nullptr, text);
    const char* bytes = reinterpret_cast<const char*>(CFDataGetBytePtr(text));
    EXPECT_STREQ("<dict><key>Name</key><string>head</string><key>On</key><true/></dict>", bytes);
    CFTypeRef back = IOCFUnserialize(bytes, kCFAllocatorDefault, 0, nullptr);
    ASSERT_NE(nullptr, back);
    EXPECT_TRUE(CFEqual(object, back));
    CFRelease(back);

    CFDataRef binary = IOCFSerialize(object, kIOCFSerializeToBinary);
    ASSERT_NE(nullptr, binary);
    for (CFDataRef data : {text, binary}) {
        back = IOCFUnserializeWithSize(reinterpret_cast<const char*>(CFDataGetBytePtr(data)),
                                       static_cast<size_t>(CFDataGetLength(data)),
                                       kCFAllocatorDefault, 0, nullptr);
        ASSERT_NE(nullptr, back);
        EXPECT_TRUE(CFEqual(object, back));
        CFRelease(back);
    }
    CFStringRef error = nullptr;
    EXPECT_EQ(nullptr, IOCFUnserializeBinary("nonsense", 8, kCFAllocatorDefault, 0, &error));
    ASSERT_NE(nullptr, error);
    CFRelease(error);
    EXPECT_EQ(nullptr, IOCFUnserialize("<thing/>", kCFAllocatorDefault, 0, &error));
    EXPECT_TRUE(CFEqual(CFSTR("line 1: <thing> is no value"), error));
    CFRelease(error);
    EXPECT_EQ(nullptr, IOCFSerialize(nullptr, 0));
    CFRelease(text);
    CFRelease(binary);
    CFRelease(object);
}

}  // namespace
}  // namespace opendext::testing
