// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <random>

#include "families/hid/parse/report_fields.h"
#include "families/hid/parse/tests/descriptors.h"

namespace opendext::hid {
namespace {

using namespace tests;

ReportDescriptor parsed(const Bytes& bytes) {
    auto result = parse_descriptor(bytes);
    EXPECT_TRUE(result.ok()) << (result.ok() ? "" : result.error().text());
    return result.ok() ? std::move(result).value() : ReportDescriptor{};
}

const Element& with_usage(const ReportDescriptor& device, uint32_t page, uint32_t usage) {
    for (const Element& element : device.elements) {
        if (element.usage_page == page && element.usage == usage && !element.is_collection()) {
            return element;
        }
    }
    ADD_FAILURE() << "no element " << page << ":" << usage;
    return device.elements.front();
}

std::vector<uint32_t> keys_of(const ReportDescriptor& keyboard, const Bytes& report) {
    std::vector<uint32_t> usages;
    const Element& array = with_usage(keyboard, 7, usage_of_array);
    for (const Cookie cookie : selected_items(keyboard, array, report)) {
        usages.push_back(keyboard.element(cookie)->usage);
    }
    return usages;
}

TEST(Fields, MouseMovementsAreSigned) {
    const ReportDescriptor mouse = parsed(wheel_mouse);
    const Bytes report = {0x05, 0x7f, 0x81, 0xff};
    EXPECT_EQ(read_value(with_usage(mouse, 9, 1), report), 1);
    EXPECT_EQ(read_value(with_usage(mouse, 9, 2), report), 0);
    EXPECT_EQ(read_value(with_usage(mouse, 9, 3), report), 1);
    EXPECT_EQ(read_value(with_usage(mouse, 1, 0x30), report), 127);
    EXPECT_EQ(read_value(with_usage(mouse, 1, 0x31), report), -127);
    EXPECT_EQ(read_value(with_usage(mouse, 1, 0x38), report), -1);
    EXPECT_TRUE(with_usage(mouse, 1, 0x38).is_relative());
    EXPECT_FALSE(with_usage(mouse, 9, 1).is_relative());
}

TEST(Fields, KeysOfAnArrayAreThoseInItsSlots) {
    const ReportDescriptor keyboard = parsed(boot_keyboard);
    const Bytes report = {0x02, 0, 0x1d, 0x04, 0x04, 0, 0, 0};
    EXPECT_EQ(read_value(with_usage(keyboard, 7, 0xe1), report), 1);  // shift
    EXPECT_EQ(read_value(with_usage(keyboard, 7, 0xe0), report), 0);
    EXPECT_EQ(keys_of(keyboard, report), (std::vector<uint32_t>{0x04, 0x1d}));
    EXPECT_EQ(read_value(with_usage(keyboard, 7, 0x04), report), 1);
    EXPECT_EQ(read_value(with_usage(keyboard, 7, 0x05), report), 0);
    EXPECT_EQ(keys_of(keyboard, {0, 0, 0, 0, 0, 0, 0, 0}), (std::vector<uint32_t>{}));
    // Too many keys: the keyboard says ErrorRollOver in all slots.
    EXPECT_EQ(keys_of(keyboard, {0, 0, 1, 1, 1, 1, 1, 1}), (std::vector<uint32_t>{1}));
    // Out of the logical range: nothing is selected.
    EXPECT_EQ(keys_of(keyboard, {0, 0, 0x66, 0xff, 0, 0, 0, 0}), (std::vector<uint32_t>{}));
}

TEST(Fields, SlotsCountFromTheLogicalMinimum) {
    const ReportDescriptor media = parsed(consumer_control);
    const Element& array = with_usage(media, 0x0c, usage_of_array);
    const auto selected = selected_items(media, array, Bytes{3, 0xe9, 0x00});
    ASSERT_EQ(selected.size(), 1U);
    EXPECT_EQ(media.element(selected[0])->usage, 0xe9U);
    EXPECT_EQ(selected_items(media, array, Bytes{3, 0, 0}), (std::vector<Cookie>{}));
    EXPECT_EQ(selected_items(media, array, Bytes{3, 0x3d, 0x02}), (std::vector<Cookie>{}));
    EXPECT_EQ(selected_items(media, media.elements[0], Bytes{3, 1, 0}), (std::vector<Cookie>{}));
}

TEST(Fields, OfAnArrayDifferByWhatOneReportSelectsAndTheOtherDoesNot) {
    const ReportDescriptor keyboard = parsed(boot_keyboard);
    const Element& array = with_usage(keyboard, 7, usage_of_array);
    const Cookie a = with_usage(keyboard, 7, 4).cookie;
    const Cookie b = with_usage(keyboard, 7, 5).cookie;
    std::vector<Cookie> off{99};
    std::vector<Cookie> on{99};
    // b comes twice, and a only moves.
    differing_items(keyboard, array, Bytes{0, 0, 4, 0, 0, 0, 0, 0}, Bytes{0, 0, 5, 4, 5, 0, 0, 0},
                    off, on);
    EXPECT_EQ(off, (std::vector<Cookie>{}));
    EXPECT_EQ(on, (std::vector<Cookie>{b}));
    // A short report selects nothing in the slots that it does not have.
    differing_items(keyboard, array, Bytes{0, 0, 5, 4, 0, 0, 0, 0}, Bytes{0, 0, 5}, off, on);
    EXPECT_EQ(off, (std::vector<Cookie>{a}));
    EXPECT_EQ(on, (std::vector<Cookie>{}));
    differing_items(keyboard, with_usage(keyboard, 7, 0xe1), Bytes{0}, Bytes{2}, off, on);
    EXPECT_EQ(off.size() + on.size(), 0U);  // no array
}

/// An array of so many slots of a byte, of 30 buttons.
ReportDescriptor array_of(uint8_t slots) {
    return parsed(Bytes{0x05, 0x09, 0x09, 0x01, 0xa1, 0x01, 0x19,  0x01, 0x29, 0x1e, 0x15,
                        0x01, 0x25, 0x1e, 0x75, 0x08, 0x95, slots, 0x81, 0x00, 0xc0});
}

TEST(Fields, OfArraysOfAllLengthsDifferAsTheirSelectionsDo) {
    std::mt19937 random(7);
    for (const uint8_t slots : {1, 2, 6, 31, 32, 33, 64}) {
        const ReportDescriptor device = array_of(slots);
        const Element& array = with_usage(device, 9, usage_of_array);
        const auto report = [&] {
            Bytes bytes(random() % 4 == 0 ? random() % (slots + 1u) : slots);
            for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random() % 34);
            return bytes;
        };
        std::vector<Cookie> off;
        std::vector<Cookie> on;
        for (int turn = 0; turn < 500; ++turn) {
            const Bytes before = report();
            const Bytes now = turn % 5 == 0 ? before : report();
            differing_items(device, array, before, now, off, on);
            const auto were = selected_items(device, array, before);
            const auto are = selected_items(device, array, now);
            std::vector<Cookie> expected_off;
            std::vector<Cookie> expected_on;
            std::ranges::set_difference(were, are, std::back_inserter(expected_off));
            std::ranges::set_difference(are, were, std::back_inserter(expected_on));
            ASSERT_EQ(off, expected_off) << int{slots} << " slots, turn " << turn;
            ASSERT_EQ(on, expected_on) << int{slots} << " slots, turn " << turn;
        }
    }
}

TEST(Fields, OfAnyWidthAreFoundAcrossBytes) {
    const ReportDescriptor pad = parsed(gamepad);
    //                    x = 0x801 (-2047), y = 0x7ff, z = -1, rz = 2, hat 8, buttons 1 and 10
    const Bytes report = {0x01, 0xf8, 0x7f, 0xff, 0x2f, 0x00, 0x18, 0x20};
    EXPECT_EQ(read_value(with_usage(pad, 1, 0x30), report), -2047);
    EXPECT_EQ(read_value(with_usage(pad, 1, 0x31), report), 2047);
    EXPECT_EQ(read_value(with_usage(pad, 1, 0x32), report), -1);
    EXPECT_EQ(read_value(with_usage(pad, 1, 0x35), report), 2);
    EXPECT_EQ(read_value(with_usage(pad, 1, 0x39), report), 8);
    EXPECT_EQ(read_value(with_usage(pad, 9, 1), report), 1);
    EXPECT_EQ(read_value(with_usage(pad, 9, 2), report), 0);
    EXPECT_EQ(read_value(with_usage(pad, 9, 10), report), 1);
}

TEST(Fields, NullStatesAreValuesOutOfRange) {
    const ReportDescriptor pad = parsed(gamepad);
    const Element& hat = with_usage(pad, 1, 0x39);
    EXPECT_TRUE(is_null(hat, 0));
    EXPECT_FALSE(is_null(hat, 1));
    EXPECT_FALSE(is_null(hat, 8));
    EXPECT_TRUE(is_null(hat, 9));
    EXPECT_FALSE(is_null(with_usage(pad, 9, 1), 2));  // it has no null state
}

TEST(Fields, PhysicalValuesLieOnALine) {
    const ReportDescriptor pad = parsed(gamepad);
    EXPECT_DOUBLE_EQ(to_physical(with_usage(pad, 1, 0x39), 1), 0);
    EXPECT_DOUBLE_EQ(to_physical(with_usage(pad, 1, 0x39), 3), 90);
    EXPECT_DOUBLE_EQ(to_physical(with_usage(pad, 1, 0x39), 8), 315);
    EXPECT_DOUBLE_EQ(to_physical(with_usage(pad, 1, 0x30), -2048), -2048);
    Element flat = with_usage(pad, 1, 0x30);
    flat.logical_min = 5;
    flat.logical_max = 5;
    EXPECT_DOUBLE_EQ(to_physical(flat, 7), 7);
}

TEST(Fields, ReportsThatAreTooShortHaveNoValue) {
    const ReportDescriptor mouse = parsed(wheel_mouse);
    EXPECT_EQ(read_value(with_usage(mouse, 1, 0x31), Bytes{0, 1, 2}), 2);
    EXPECT_EQ(read_value(with_usage(mouse, 1, 0x38), Bytes{0, 1, 2}), std::nullopt);
    EXPECT_EQ(read_value(with_usage(mouse, 9, 1), Bytes{}), std::nullopt);
    EXPECT_EQ(read_value(mouse.elements[0], Bytes{0, 0, 0, 0}), std::nullopt);  // a collection
    // Of an array the slots that are there.
    const ReportDescriptor keyboard = parsed(boot_keyboard);
    EXPECT_EQ(keys_of(keyboard, {0, 0, 4}), (std::vector<uint32_t>{4}));
    EXPECT_EQ(keys_of(keyboard, {0, 0}), (std::vector<uint32_t>{}));
    EXPECT_EQ(read_value(with_usage(keyboard, 7, 4), Bytes{0, 0}), std::nullopt);
    Bytes short_report = {0, 1, 2};
    EXPECT_FALSE(write_value(mouse, with_usage(mouse, 1, 0x38), short_report, 3));
    EXPECT_EQ(short_report, (Bytes{0, 1, 2}));
}

TEST(Fields, DataIsAllBitsOfAnElement) {
    const ReportDescriptor device = parsed(vendor_device);
    Bytes report(64, 0);
    report[0] = 1;
    for (uint8_t i = 1; i < 64; ++i) report[i] = i;
    const Element& data = with_usage(device, 0xff42, 0x10);
    const Bytes read = read_data(data, report);
    ASSERT_EQ(read.size(), 63U);
    EXPECT_EQ(read[0], 1);
    EXPECT_EQ(read[62], 63);
    EXPECT_EQ(read_value(data, report), 1);
    EXPECT_EQ(read_value(data, report, 62), 63);
    EXPECT_EQ(read_value(data, report, 63), std::nullopt);
    EXPECT_TRUE(read_data(data, Bytes(63, 0)).empty());

    EXPECT_TRUE(write_data(data, report, Bytes{9, 8}));
    EXPECT_EQ(report[0], 1);  // the id stays
    EXPECT_EQ(report[1], 9);
    EXPECT_EQ(report[2], 8);
    EXPECT_EQ(report[3], 0);
    EXPECT_TRUE(write_data(data, report, Bytes(100, 7)));
    EXPECT_EQ(report[63], 7);
    // Bits that do not fill bytes.
    const ReportDescriptor pad = parsed(gamepad);
    const Bytes sticks = {0x01, 0xf8, 0x7f, 0xff, 0x2f, 0x00, 0x18, 0x20};
    EXPECT_EQ(read_data(with_usage(pad, 1, 0x31), sticks), (Bytes{0xff, 0x07}));
}

TEST(Fields, LightsAreBitsOfTheOutputReport) {
    const ReportDescriptor keyboard = parsed(boot_keyboard);
    Bytes report = {0xf8};  // bits that belong to nobody stay
    EXPECT_TRUE(write_value(keyboard, with_usage(keyboard, 8, 2), report, 1));
    EXPECT_EQ(report, (Bytes{0xfa}));
    EXPECT_TRUE(write_value(keyboard, with_usage(keyboard, 8, 1), report, 1));
    EXPECT_TRUE(write_value(keyboard, with_usage(keyboard, 8, 2), report, 0));
    EXPECT_EQ(report, (Bytes{0xf9}));
}

TEST(Fields, ItemsAreWrittenIntoFreeSlots) {
    const ReportDescriptor keyboard = parsed(boot_keyboard);
    Bytes report(8, 0);
    for (const uint32_t usage : {4U, 5U, 6U, 7U, 8U, 9U}) {
        EXPECT_TRUE(write_value(keyboard, with_usage(keyboard, 7, usage), report, 1));
    }
    EXPECT_TRUE(write_value(keyboard, with_usage(keyboard, 7, 4), report, 1));  // is there already
    EXPECT_EQ(report, (Bytes{0, 0, 4, 5, 6, 7, 8, 9}));
    EXPECT_FALSE(write_value(keyboard, with_usage(keyboard, 7, 10), report, 1));  // all are taken
    EXPECT_TRUE(write_value(keyboard, with_usage(keyboard, 7, 6), report, 0));
    EXPECT_EQ(keys_of(keyboard, report), (std::vector<uint32_t>{4, 5, 7, 8, 9}));
    EXPECT_TRUE(write_value(keyboard, with_usage(keyboard, 7, 10), report, 1));
    EXPECT_EQ(report, (Bytes{0, 0, 4, 5, 10, 7, 8, 9}));
}

TEST(Fields, AnArrayWhoseZeroIsAUsageIsEmptiedWithAnotherValue) {
    // Usages 1 to 3 as slot values 0 to 2 of 8 bits.
    const ReportDescriptor device =
        parsed({0x05, 0x09, 0xa1, 0x01, 0x19, 0x01, 0x29, 0x03, 0x15, 0x00, 0x25, 0x02, 0x75, 0x08,
                0x95, 0x02, 0x91, 0x00, 0xc0});
    Bytes report = {0, 2};
    const Element& array = with_usage(device, 9, usage_of_array);
    EXPECT_EQ(selected_items(device, array, report), (std::vector<Cookie>{3, 5}));
    EXPECT_TRUE(write_value(device, with_usage(device, 9, 1), report, 0));
    EXPECT_EQ(report, (Bytes{0xff, 2}));
    EXPECT_TRUE(write_value(device, with_usage(device, 9, 2), report, 1));
    EXPECT_EQ(report, (Bytes{1, 2}));
    // One bit for two usages: no value means nothing.
    const ReportDescriptor full =
        parsed({0x05, 0x09, 0xa1, 0x01, 0x19, 0x01, 0x29, 0x02, 0x15, 0x00, 0x25, 0x01, 0x75, 0x01,
                0x95, 0x01, 0x91, 0x00, 0xc0});
    Bytes bit = {1};
    EXPECT_FALSE(write_value(full, with_usage(full, 9, 2), bit, 0));
    EXPECT_EQ(bit, (Bytes{1}));
}

TEST(Fields, SlotsMayHoldTheLargestNumbers) {
    // One signed and one unsigned slot of 64 bits.
    for (const uint8_t minimum : {0x81, 0x01}) {
        const ReportDescriptor device =
            parsed({0x05, 0x09, 0xa1, 0x01, 0x19, 0x01, 0x29, 0x03, 0x15, minimum, 0x25, 0x7f, 0x75,
                    0x40, 0x95, 0x01, 0x81, 0x00, 0xc0});
        const Element& array = with_usage(device, 9, usage_of_array);
        for (const uint8_t top : {0x7f, 0x80, 0xff, 0x00}) {
            const Bytes report = {0, 0, 0, 0, 0, 0, 0, top};
            EXPECT_EQ(selected_items(device, array, report), (std::vector<Cookie>{}));
        }
    }
}

/// What is written is read, at every place and width, and nothing else changes.
TEST(Fields, OfAllWidthsAndPlacesKeepTheirNeighbours) {
    std::mt19937_64 random(20261121);
    for (uint32_t bits = 1; bits <= 64; ++bits) {
        for (uint32_t offset = 0; offset < 24; ++offset) {
            for (const bool is_signed : {false, true}) {
                Element element;
                element.bits = bits;
                element.count = 1;
                element.bit_offset = offset;
                element.logical_min = is_signed ? -1 : 0;
                Bytes before(12);
                for (uint8_t& byte : before) byte = static_cast<uint8_t>(random());
                Bytes report = before;
                const uint64_t wanted = random();
                ASSERT_TRUE(write_value({}, element, report, static_cast<int64_t>(wanted)));
                const uint64_t mask = bits == 64 ? ~uint64_t{0} : (uint64_t{1} << bits) - 1;
                const auto read = static_cast<uint64_t>(*read_value(element, report));
                ASSERT_EQ(read & mask, wanted & mask) << bits << " bits at " << offset;
                const bool negative = is_signed && (wanted >> (bits - 1) & 1) != 0;
                ASSERT_EQ(read & ~mask, negative ? ~mask : 0) << bits << " bits at " << offset;
                for (uint32_t bit = 0; bit < report.size() * 8; ++bit) {
                    if (bit >= offset && bit < offset + bits) continue;
                    ASSERT_EQ(report[bit / 8] >> bit % 8 & 1, before[bit / 8] >> bit % 8 & 1);
                }
            }
        }
    }
}

}  // namespace
}  // namespace opendext::hid
