// SPDX-License-Identifier: Apache-2.0
#include "families/hid/cli/recording.h"

#include <gtest/gtest.h>

#include "families/hid/cli/decode.h"
#include "families/hid/cli/models.h"
#include "families/hid/cli/typing.h"
#include "families/hid/parse/report_descriptor.h"
#include "families/hid/parse/report_fields.h"

namespace opendext::hid {
namespace {

constexpr std::string_view kMouse =
    "# hid-recorder\n"
    "D: 0\n"
    "R: 52 05 01 09 02 a1 01 09 01 a1 00 05 09 19 01 29 03 15 00 25 01 95 03 75 01 81 02 95 01 75 "
    "05 81 01 05 01 09 30 09 31 09 38 15 81 25 7f 75 08 95 03 81 06 c0 c0\n"
    "N: A mouse\n"
    "P: usb-0000:00:14.0-1/input0\r\n"
    "I: 3 046d c077\n"
    "\n"
    "E: 000000.000000 4 00 01 ff 00\n"
    "E: 000001.250000 4 01 00 00 00\n";

TEST(Recording, IsReadAndWritten) {
    const auto recording = parse_recording(kMouse, "mouse.hid");
    ASSERT_TRUE(recording.ok()) << recording.error().text();
    EXPECT_EQ(recording->name, "A mouse");
    EXPECT_EQ(recording->place, "usb-0000:00:14.0-1/input0");
    EXPECT_EQ(recording->bus, 3u);
    EXPECT_EQ(recording->vendor, 0x46du);
    EXPECT_EQ(recording->product, 0xc077u);
    EXPECT_EQ(recording->descriptor.size(), 52u);
    ASSERT_EQ(recording->reports.size(), 2u);
    EXPECT_EQ(recording->reports[1].microseconds, 1'250'000u);
    EXPECT_EQ(recording->reports[1].bytes, (std::vector<uint8_t>{1, 0, 0, 0}));
    std::string again = recording_head(*recording);
    for (const RecordedReport& report : recording->reports)
        again += recording_line(report.microseconds, report.bytes.data(), report.bytes.size());
    const auto second = parse_recording(again, "again");
    ASSERT_TRUE(second.ok()) << second.error().text();
    EXPECT_EQ(second->descriptor, recording->descriptor);
    EXPECT_EQ(second->name, recording->name);
    EXPECT_EQ(second->reports[1].microseconds, 1'250'000u);
}

TEST(Recording, OneOfSeveralDevicesIsTaken) {
    const std::string two = std::string(kMouse) + "D:1\nN: Another\nR: 3 a1 01 c0\nI: 5 1 2\n";
    EXPECT_EQ(parse_recording(two, "two")->name, "A mouse");
    EXPECT_EQ(parse_recording(two, "two", 1)->name, "Another");
    const auto none = parse_recording(two, "two", 2);
    ASSERT_FALSE(none.ok());
    EXPECT_EQ(none.error().text(), "two: it has no device 2");
}

TEST(Recording, WrongLinesAreNamedWithLineKeyValueAndFix) {
    const struct {
        const char* line;
        const char* said;
    } kWrong[] = {
        {"X: 1", "f:1: key X: is none of N:, P:, I:, R:, E:, D: and #"},
        {"hello", "f:1: \"hello\" is none of the keys"},
        {"I: 3 zz 1",
         "f:1: key I: wants bus, vendor and product as three hexadecimal numbers, not "
         "\"zz\""},
        {"I: 3", "not \"\""},
        {"R: 2 05", "key R: says 2 bytes, 1 follow"},
        {"R: x", "wants a length of 1 to 65535 bytes first, not \"x\""},
        {"R: 1 123", "\"123\" is no byte"},
        {"R: 1 c0", "f:1: key R: "},
        {"E: 12 1 00", "key E: wants a time such as 000001.250000 first, not \"12\""},
        {"E: 0.5 1 00", "key E: wants a time"},
        {"E: 000000.000001 1 00\nE: 000000.000000 1 00", "f:2: key E: the time goes back"},
        {"E: 000000.000000 0", "wants a length of 1 to 65535"},
        {"D: x", "key D: wants the number of a device"},
        {"N: only a name", "there is no R: line"},
        {"", "it has no device 0"},
    };
    for (const auto& wrong : kWrong) {
        const auto recording = parse_recording(wrong.line, "f");
        ASSERT_FALSE(recording.ok()) << wrong.line;
        EXPECT_NE(recording.error().text().find(wrong.said), std::string::npos)
            << wrong.line << " -> " << recording.error().text();
    }
}

TEST(Hex, IsReadInTheFormsThatPeopleWrite) {
    const std::vector<uint8_t> bytes{0, 1, 0xab};
    for (const char* text : {"00 01 ab", "0001AB", "0x00,0x01,0xab", "0 1 ab", "00:01:ab"})
        EXPECT_EQ(*parse_hex(text, "x"), bytes) << text;
    for (const char* text : {"", "0g", "123", "0x", "-1"})
        EXPECT_FALSE(parse_hex(text, "x").ok()) << text;
}

TEST(Models, AreDevicesAndCanBeExplained) {
    EXPECT_EQ(find_model("fridge"), nullptr);
    for (const Model& model : models()) {
        const auto parsed = parse_descriptor(model.descriptor);
        ASSERT_TRUE(parsed.ok()) << model.name << ": " << parsed.error().text();
        EXPECT_GT(parsed->max_report_size(ReportType::input), 0u) << model.name;
        const auto text = explain_descriptor(model.descriptor);
        ASSERT_TRUE(text.ok());
        EXPECT_NE(text->find("Collection (application)"), std::string::npos);
        EXPECT_NE(text->find("input report, "), std::string::npos) << *text;
    }
    const std::vector<uint8_t> cut{0x05, 0x01, 0xa1};
    EXPECT_FALSE(explain_descriptor(cut).ok());
}

/// The usages of the keyboard page that are on in a report.
std::vector<uint32_t> pressed(const ReportDescriptor& keyboard, const KeyReport& report) {
    std::vector<uint32_t> usages;
    for (const Element& element : keyboard.elements) {
        if (element.usage_page != 7 || element.report_type != ReportType::input ||
            element.usage == 0 || element.kind == ElementKind::array)
            continue;
        if (read_value(element, report.bytes).value_or(0) != 0) usages.push_back(element.usage);
    }
    return usages;
}

TEST(Typing, EachCharacterIsPressedAndReleased) {
    const auto keyboard = parse_descriptor(find_model("keyboard")->descriptor);
    const auto reports = type_text(*keyboard, "aA!\n");
    ASSERT_TRUE(reports.ok()) << reports.error().text();
    ASSERT_EQ(reports->size(), 8u);
    using Usages = std::vector<uint32_t>;
    EXPECT_EQ(pressed(*keyboard, (*reports)[0]), Usages{4});
    EXPECT_EQ(pressed(*keyboard, (*reports)[1]), Usages{});
    EXPECT_EQ(pressed(*keyboard, (*reports)[2]), (Usages{0xe1, 4}));
    EXPECT_EQ(pressed(*keyboard, (*reports)[4]), (Usages{0xe1, 30}));
    EXPECT_EQ(pressed(*keyboard, (*reports)[6]), Usages{40});
}

TEST(Typing, EveryPrintableCharacterHasAKey) {
    const auto keyboard = parse_descriptor(find_model("keyboard")->descriptor);
    std::string all;
    for (char c = 0x20; c < 0x7f; c++) all += c;
    const auto reports = type_text(*keyboard, all);
    ASSERT_TRUE(reports.ok()) << reports.error().text();
    EXPECT_EQ(reports->size(), all.size() * 2);
}

TEST(Typing, WhatCannotBeTypedIsNamed) {
    const auto keyboard = parse_descriptor(find_model("keyboard")->descriptor);
    const auto umlaut = type_text(*keyboard, "gr\xc3\xbc");
    ASSERT_FALSE(umlaut.ok());
    EXPECT_NE(umlaut.error().text().find("character 195 (byte 3 of the text)"), std::string::npos)
        << umlaut.error().text();
    const auto mouse = parse_descriptor(find_model("mouse")->descriptor);
    const auto on_mouse = type_text(*mouse, "a");
    ASSERT_FALSE(on_mouse.ok());
    EXPECT_NE(on_mouse.error().text().find("lacks usage 4 of the Keyboard page"),
              std::string::npos);
}

}  // namespace
}  // namespace opendext::hid
