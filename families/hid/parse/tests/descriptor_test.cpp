// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <chrono>

#include "families/hid/parse/report_descriptor.h"
#include "families/hid/parse/tests/bad_descriptors.h"

namespace opendext::hid {
namespace {

using namespace tests;

ReportDescriptor parsed(const Bytes& bytes) {
    auto result = parse_descriptor(bytes);
    EXPECT_TRUE(result.ok()) << (result.ok() ? "" : result.error().text());
    return result.ok() ? std::move(result).value() : ReportDescriptor{};
}

/// Around items that make a report: an application collection of the Generic Desktop page.
ReportDescriptor in_collection(const Bytes& items) {
    Bytes bytes = {0x05, 0x01, 0x09, 0x04, 0xa1, 0x01};
    bytes.insert(bytes.end(), items.begin(), items.end());
    bytes.push_back(0xc0);
    return parsed(bytes);
}

/// The field or array with this usage; fails the test if there is none.
Element with_usage(const ReportDescriptor& device, uint32_t page, uint32_t usage) {
    for (const Element& element : device.elements) {
        if (element.usage_page == page && element.usage == usage && !element.is_collection()) {
            return element;
        }
    }
    ADD_FAILURE() << "no element " << page << ":" << usage;
    return {};
}

TEST(Descriptor, ABootKeyboardHasModifiersLightsAndAnArrayOfKeys) {
    const ReportDescriptor keyboard = parsed(boot_keyboard);
    EXPECT_FALSE(keyboard.uses_report_ids);
    EXPECT_EQ(keyboard.primary_usage, (UsagePair{1, 6}));
    EXPECT_EQ(keyboard.usage_pairs, (std::vector<UsagePair>{{1, 6}}));
    EXPECT_EQ(keyboard.max_report_size(ReportType::input), 8U);
    EXPECT_EQ(keyboard.max_report_size(ReportType::output), 1U);
    EXPECT_EQ(keyboard.max_report_size(ReportType::feature), 0U);

    const Element control = with_usage(keyboard, 7, 0xe0);
    EXPECT_EQ(control.bit_offset, 0U);
    EXPECT_EQ(control.bits, 1U);
    EXPECT_EQ(control.type, ElementType::input_button);
    EXPECT_EQ(with_usage(keyboard, 7, 0xe7).bit_offset, 7U);
    const Element caps_lock = with_usage(keyboard, 8, 2);
    EXPECT_EQ(caps_lock.type, ElementType::output);
    EXPECT_EQ(caps_lock.bit_offset, 1U);

    const Element keys = with_usage(keyboard, 7, usage_of_array);
    EXPECT_EQ(keys.kind, ElementKind::array);
    EXPECT_EQ(keys.type, ElementType::input_scan_codes);
    EXPECT_EQ(keys.bit_offset, 16U);
    EXPECT_EQ(keys.count, 6U);
    ASSERT_EQ(keys.item_count, 102U);
    const Element key_a = keyboard.items(keys)[4];
    EXPECT_EQ(key_a.usage, 4U);
    EXPECT_EQ(key_a.selector, 4);
    EXPECT_EQ(key_a.kind, ElementKind::array_item);
    EXPECT_EQ(key_a.type, ElementType::input_scan_codes);
    EXPECT_EQ(key_a.array, keys.cookie);
    EXPECT_EQ(key_a.parent, keys.parent);
}

TEST(Descriptor, CookiesCountInTheOrderOfTheDescriptor) {
    const ReportDescriptor mouse = parsed(wheel_mouse);
    ASSERT_EQ(mouse.elements.size(), 8U);  // 2 collections, 3 buttons, 3 axes
    for (size_t i = 0; i < mouse.elements.size(); ++i) {
        EXPECT_EQ(mouse.elements[i].cookie, i + 1);
        EXPECT_EQ(mouse.element(static_cast<Cookie>(i + 1)), &mouse.elements[i]);
    }
    EXPECT_EQ(mouse.element(no_cookie), nullptr);
    EXPECT_EQ(mouse.element(9), nullptr);
    EXPECT_EQ(mouse.children(no_cookie), (std::vector<Cookie>{1}));
    EXPECT_EQ(mouse.children(1), (std::vector<Cookie>{2}));
    EXPECT_EQ(mouse.children(2), (std::vector<Cookie>{3, 4, 5, 6, 7, 8}));
    EXPECT_EQ(mouse.children(3), (std::vector<Cookie>{}));
    EXPECT_EQ(mouse.elements[1].collection_type, CollectionType::physical);
    EXPECT_EQ(mouse.elements[7].parent, 2U);
}

TEST(Descriptor, UsagePairsAreThoseOfApplicationsAndPhysicalCollections) {
    EXPECT_EQ(parsed(wheel_mouse).usage_pairs, (std::vector<UsagePair>{{1, 2}, {1, 1}}));
    EXPECT_EQ(parsed(touch_screen).usage_pairs, (std::vector<UsagePair>{{0x0d, 4}}));
    EXPECT_EQ(parsed(stylus).usage_pairs, (std::vector<UsagePair>{{0x0d, 2}, {0x0d, 0x20}}));
    // Two mice in one descriptor give each pair once; the first application is the primary one.
    Bytes two = consumer_control;
    two.insert(two.end(), wheel_mouse.begin(), wheel_mouse.end());
    two.insert(two.end(), wheel_mouse.begin(), wheel_mouse.end());
    EXPECT_EQ(parsed(two).usage_pairs, (std::vector<UsagePair>{{0x0c, 1}, {1, 2}, {1, 1}}));
    EXPECT_EQ(parsed(two).primary_usage, (UsagePair{0x0c, 1}));
}

TEST(Descriptor, ReportIdsPrecedeTheirReports) {
    const ReportDescriptor device = parsed(vendor_device);
    EXPECT_TRUE(device.uses_report_ids);
    ASSERT_EQ(device.reports.size(), 3U);
    EXPECT_EQ(device.report_bytes(ReportType::input, 1), 64U);
    EXPECT_EQ(device.report_bytes(ReportType::output, 1), 64U);
    EXPECT_EQ(device.report_bytes(ReportType::feature, 1), 0U);
    EXPECT_EQ(device.report_bytes(ReportType::feature, 2), 5U);
    EXPECT_EQ(device.report_bytes(ReportType::feature, 3), 17U);
    EXPECT_EQ(device.report_bytes(ReportType::feature, 9), 0U);
    EXPECT_EQ(device.report(9), nullptr);
    EXPECT_EQ(device.max_report_size(ReportType::feature), 17U);
    const Element number = with_usage(device, 0xff42, 0x20);
    EXPECT_EQ(number.bit_offset, 8U);
    EXPECT_EQ(number.report_id, 2);
    EXPECT_EQ(number.logical_min, INT32_MIN);
    EXPECT_EQ(number.logical_max, INT32_MAX);
    EXPECT_EQ(device.report(2)->elements[2], (std::vector<Cookie>{number.cookie}));
    const uint8_t report[] = {2, 0, 0, 0, 0};
    EXPECT_EQ(device.id_of(report), 2);
    EXPECT_EQ(device.id_of({}), 0);
    EXPECT_EQ(parsed(wheel_mouse).id_of(report), 0);
}

TEST(Descriptor, AReportIdThatComesLateCountsForAllReports) {
    const ReportDescriptor device =
        in_collection({0x75, 0x08, 0x95, 0x01, 0x09, 0x30, 0x81, 0x02,  // before any id
                       0x85, 0x07, 0x09, 0x31, 0x81, 0x02});
    EXPECT_EQ(with_usage(device, 1, 0x30).bit_offset, 8U);
    EXPECT_EQ(with_usage(device, 1, 0x30).report_id, 0);
    EXPECT_EQ(with_usage(device, 1, 0x31).bit_offset, 8U);
    EXPECT_EQ(device.report_bytes(ReportType::input, 7), 2U);
}

TEST(Descriptor, OneReportMayBeContinuedAfterAnother) {
    const ReportDescriptor device =
        in_collection({0x75, 0x08, 0x95, 0x01, 0x85, 0x01, 0x09, 0x30, 0x81, 0x02,  //
                       0x85, 0x02, 0x09, 0x31, 0x81, 0x02,                          //
                       0x85, 0x01, 0x09, 0x32, 0x81, 0x02, 0x09, 0x33, 0xb1, 0x02});
    EXPECT_EQ(with_usage(device, 1, 0x32).bit_offset, 16U);
    EXPECT_EQ(with_usage(device, 1, 0x33).bit_offset, 8U);  // of another type
    EXPECT_EQ(device.report_bytes(ReportType::input, 1), 3U);
    EXPECT_EQ(device.report_bytes(ReportType::input, 2), 2U);
}

TEST(Descriptor, ManyFieldsWithOneUsageAreOneElement) {
    const ReportDescriptor device = parsed(vendor_device);
    const Element data = with_usage(device, 0xff42, 0x10);
    EXPECT_EQ(data.count, 63U);
    EXPECT_EQ(data.total_bits(), 504U);
    EXPECT_EQ(data.type, ElementType::input_misc);
    EXPECT_EQ(with_usage(device, 0xff42, 0x21).flags, flag_variable | flag_buffered_bytes);
}

TEST(Descriptor, UsagesAreGivenInOrderAndTheLastOneToAllFieldsLeft) {
    const ReportDescriptor device = in_collection(
        {0x75, 0x04, 0x95, 0x06, 0x09, 0x30, 0x19, 0x33, 0x29, 0x34, 0x09, 0x31, 0x81, 0x02});
    ASSERT_EQ(device.elements.size(), 5U);
    EXPECT_EQ(device.elements[1].usage, 0x30U);
    EXPECT_EQ(device.elements[2].usage, 0x33U);
    EXPECT_EQ(device.elements[3].usage, 0x34U);
    EXPECT_EQ(device.elements[4].usage, 0x31U);
    EXPECT_EQ(device.elements[4].count, 3U);
    EXPECT_EQ(device.elements[4].bit_offset, 12U);
}

TEST(Descriptor, UsagesBeyondTheReportCountAreDropped) {
    const ReportDescriptor device =
        in_collection({0x75, 0x08, 0x95, 0x02, 0x19, 0x30, 0x29, 0x38, 0x81, 0x02});
    EXPECT_EQ(device.elements.size(), 3U);
    EXPECT_EQ(device.max_report_size(ReportType::input), 2U);
}

TEST(Descriptor, FieldsWithoutAUsageAreOneElementAndConstantOnesPadding) {
    const ReportDescriptor device = in_collection(
        {0x75, 0x08, 0x95, 0x02, 0x81, 0x02, 0x81, 0x03, 0x09, 0x30, 0x95, 0x01, 0x81, 0x02});
    ASSERT_EQ(device.elements.size(), 3U);
    EXPECT_EQ(device.elements[1].usage, 0U);
    EXPECT_EQ(device.elements[1].count, 2U);
    EXPECT_EQ(device.elements[2].bit_offset, 32U);
    EXPECT_EQ(device.max_report_size(ReportType::input), 5U);
}

TEST(Descriptor, ConstantFieldsWithAUsageAreElements) {
    const ReportDescriptor device = in_collection({0x75, 0x08, 0x95, 0x01, 0x09, 0x30, 0x81, 0x03});
    EXPECT_EQ(with_usage(device, 1, 0x30).flags, flag_constant | flag_variable);
}

TEST(Descriptor, TheUsagePageThatCountsIsTheOneAtTheMainItem) {
    const ReportDescriptor device =
        in_collection({0x09, 0x01, 0x05, 0x09, 0x75, 0x01, 0x95, 0x01, 0x81, 0x02});
    EXPECT_EQ(device.elements[1].usage_page, 9U);
}

TEST(Descriptor, AUsageOfFourBytesBringsItsPage) {
    const ReportDescriptor device = in_collection(
        {0x75, 0x08, 0x95, 0x03, 0x0b, 0x38, 0x02, 0x0c, 0x00,        // Consumer, AC Pan
         0x1b, 0x01, 0x00, 0x09, 0x00, 0x2b, 0x02, 0x00, 0x09, 0x00,  // buttons 1 and 2
         0x81, 0x06});
    EXPECT_EQ(with_usage(device, 0x0c, 0x238).bit_offset, 0U);
    EXPECT_EQ(with_usage(device, 9, 2).bit_offset, 16U);
    // Four bytes without a page in them are a usage of the present page.
    const ReportDescriptor plain =
        in_collection({0x75, 0x08, 0x95, 0x01, 0x0b, 0x30, 0x00, 0x00, 0x00, 0x81, 0x02});
    EXPECT_EQ(plain.elements[1].usage_page, 1U);
}

TEST(Descriptor, OfADelimitedSetTheFirstUsageCounts) {
    const ReportDescriptor device =
        in_collection({0x75, 0x08, 0x95, 0x02, 0xa9, 0x01, 0x09, 0x30, 0x09, 0x40, 0xa9, 0x00,
                       0xa9, 0x01, 0x19, 0x31, 0x29, 0x31, 0x09, 0x41, 0xa9, 0x00, 0x81, 0x02});
    ASSERT_EQ(device.elements.size(), 3U);
    EXPECT_EQ(device.elements[1].usage, 0x30U);
    EXPECT_EQ(device.elements[2].usage, 0x31U);
}

TEST(Descriptor, PushKeepsTheGlobalItemsAndPopBringsThemBack) {
    const ReportDescriptor device = parsed(touch_screen);
    const Element first_x = with_usage(device, 1, 0x30);
    EXPECT_EQ(first_x.logical_max, 4095);
    EXPECT_EQ(first_x.physical_max, 3000);
    EXPECT_EQ(first_x.unit, 0x11U);
    EXPECT_EQ(first_x.unit_exponent, 0x0eU);
    EXPECT_EQ(first_x.exponent(), -2);
    // Behind Pop: the page, the sizes and the extents of before.
    const Element time = with_usage(device, 0x0d, 0x56);
    EXPECT_EQ(time.logical_max, 65535);
    EXPECT_EQ(time.unit, 0x1001U);
    EXPECT_EQ(time.exponent(), -4);
    uint32_t tips = 0;
    for (const Element& element : device.elements) {
        if (element.usage_page != 0x0d || element.usage != 0x42) continue;
        ++tips;
        EXPECT_EQ(element.bits, 1U);
        EXPECT_EQ(element.unit, 0U);
        EXPECT_EQ(device.element(element.parent)->usage, 0x22U);
        EXPECT_EQ(device.element(element.parent)->collection_type, CollectionType::logical);
    }
    EXPECT_EQ(tips, 2U);
    EXPECT_EQ(device.report_bytes(ReportType::input, 1), 16U);
}

TEST(Descriptor, MaximaAreUnsignedWhereTheMinimumIsNotNegative) {
    const ReportDescriptor device =
        in_collection({0x75, 0x08, 0x95, 0x01, 0x15, 0x00, 0x25, 0xff, 0x09, 0x30,
                       0x81, 0x02, 0x15, 0x80, 0x25, 0xff, 0x09, 0x31, 0x81, 0x02});
    EXPECT_EQ(with_usage(device, 1, 0x30).logical_max, 255);
    EXPECT_FALSE(with_usage(device, 1, 0x30).is_signed());
    EXPECT_EQ(with_usage(device, 1, 0x31).logical_min, -128);
    EXPECT_EQ(with_usage(device, 1, 0x31).logical_max, -1);
    EXPECT_TRUE(with_usage(device, 1, 0x31).is_signed());
}

TEST(Descriptor, WithoutAPhysicalExtentItIsTheLogicalOne) {
    const ReportDescriptor pad = parsed(gamepad);
    EXPECT_EQ(with_usage(pad, 1, 0x30).physical_min, -2048);
    EXPECT_EQ(with_usage(pad, 1, 0x30).physical_max, 2047);
    EXPECT_EQ(with_usage(pad, 1, 0x39).physical_min, 0);
    EXPECT_EQ(with_usage(pad, 1, 0x39).physical_max, 315);
    EXPECT_EQ(with_usage(pad, 9, 1).physical_max, 1);
}

TEST(Descriptor, UnitExponentsAreNibblesAndBytesThatMeanTheSame) {
    for (const auto& [byte, exponent] :
         {std::pair{0x00, 0}, {0x07, 7}, {0x08, -8}, {0x0f, -1}, {0xfe, -2}, {0xf8, -8}}) {
        const ReportDescriptor device = in_collection(
            {0x55, static_cast<uint8_t>(byte), 0x75, 0x08, 0x95, 0x01, 0x09, 0x30, 0x81, 0x02});
        EXPECT_EQ(device.elements[1].exponent(), exponent) << byte;
    }
}

TEST(Descriptor, AxesButtonsAndTheRestAreToldApart) {
    const ReportDescriptor pad = parsed(gamepad);
    EXPECT_EQ(with_usage(pad, 1, 0x30).type, ElementType::input_axis);
    EXPECT_EQ(with_usage(pad, 1, 0x39).type, ElementType::input_misc);
    EXPECT_EQ(with_usage(pad, 9, 10).type, ElementType::input_button);
    EXPECT_EQ(with_usage(parsed(wheel_mouse), 1, 0x38).type, ElementType::input_axis);
    EXPECT_EQ(with_usage(parsed(consumer_control), 0x0c, 0xe9).type, ElementType::input_button);
    EXPECT_EQ(with_usage(parsed(vendor_device), 0xff42, 0x20).type, ElementType::feature);
}

TEST(Descriptor, AnArrayHasNoMoreItemsThanItsSlotsCanSay) {
    const ReportDescriptor device =
        in_collection({0x05, 0x0c, 0x19, 0x00, 0x2a, 0xff, 0x03, 0x15, 0x00, 0x25, 0x0f, 0x75, 0x04,
                       0x95, 0x01, 0x81, 0x00});
    EXPECT_EQ(device.elements[1].item_count, 16U);
    EXPECT_EQ(device.items(device.elements[1]).back().usage, 15U);
    EXPECT_EQ(device.children(2).size(), 16U);
    EXPECT_TRUE(device.items(device.elements[0]).empty());
}

TEST(Descriptor, LongItemsAndReservedOnesArePassedOver) {
    const ReportDescriptor device = in_collection({0xfe, 0x03, 0xf0, 1,    2,    3,  // long
                                                   0x0d, 0x01,  // reserved type
                                                   0xc5, 0x01,  // reserved global
                                                   0x59, 0x02,  // designator
                                                   0x75, 0x08, 0x95, 0x01, 0x09, 0x30, 0x81, 0x02});
    EXPECT_EQ(device.elements.size(), 2U);
    EXPECT_EQ(device.max_report_size(ReportType::input), 1U);
}

TEST(Descriptor, NullItemsMakeNothing) {
    const ReportDescriptor device = in_collection({0x75, 0x08, 0x95, 0x00, 0x09, 0x30, 0x81, 0x02,
                                                   0x95, 0x01, 0x75, 0x00, 0x09, 0x31, 0x81, 0x02});
    EXPECT_EQ(device.elements.size(), 1U);
    EXPECT_TRUE(device.reports.empty());
}

TEST(Descriptor, LocalItemsEndWithTheirMainItem) {
    const ReportDescriptor device =
        in_collection({0x09, 0x30, 0xa1, 0x02, 0xc0, 0x75, 0x08, 0x95, 0x01, 0x81, 0x02, 0x79, 0x04,
                       0x09, 0x31, 0x81, 0x02});
    EXPECT_EQ(device.elements[2].usage, 0U);
    EXPECT_EQ(device.elements[3].usage, 0x31U);
    EXPECT_EQ(device.elements[3].string_index, 4U);
    EXPECT_EQ(device.elements[2].string_index, 0U);
}

TEST(Descriptor, CollectionsMayLieDeepInOneAnotherButNotForEver) {
    const auto nested = [](size_t depth) {
        Bytes bytes;
        for (size_t i = 0; i < depth; ++i) bytes.insert(bytes.end(), {0xa1, 0x02});
        bytes.insert(bytes.end(), depth, 0xc0);
        return bytes;
    };
    EXPECT_EQ(parsed(nested(max_collection_depth)).elements.back().parent,
              max_collection_depth - 1);
    const auto deeper = parse_descriptor(nested(max_collection_depth + 1));
    ASSERT_FALSE(deeper.ok());
    EXPECT_EQ(deeper.error().code, Errc::unsupported);
    const auto pushes = parse_descriptor(Bytes(max_push_depth + 1, 0xa4));
    ASSERT_FALSE(pushes.ok());
    EXPECT_NE(pushes.error().message.find("Push: more than 64"), std::string::npos);
}

TEST(Descriptor, SeveralDevicesShareAnInterfaceByReportId) {
    const ReportDescriptor device = parsed(gaming_keyboard);
    EXPECT_EQ(device.usage_pairs,
              (std::vector<UsagePair>{{1, 6}, {0x0c, 1}, {1, 0x80}, {1, 2}, {1, 1}}));
    ASSERT_EQ(device.reports.size(), 4U);
    EXPECT_EQ(device.report_bytes(ReportType::input, 1), 16U);
    EXPECT_EQ(device.report(1)->elements[0].size(), 120U);
    EXPECT_EQ(with_usage(device, 7, 4).bit_offset, 16U);
    EXPECT_EQ(device.report_bytes(ReportType::input, 2), 5U);
    EXPECT_EQ(with_usage(device, 1, 0x81).selector, 2);
    EXPECT_EQ(device.report_bytes(ReportType::input, 3), 2U);
    EXPECT_EQ(with_usage(device, 1, 0x31).bit_offset, 24U);
}

TEST(Descriptor, ReportsOfBytesAreOneElementEachWay) {
    const ReportDescriptor key = parsed(security_key);
    ASSERT_EQ(key.elements.size(), 3U);
    EXPECT_EQ(key.primary_usage, (UsagePair{0xf1d0, 1}));
    EXPECT_EQ(key.max_report_size(ReportType::input), 64U);
    EXPECT_EQ(key.max_report_size(ReportType::output), 64U);
}

TEST(Descriptor, UnitsAndFlagsOfFeaturesAreKept) {
    const ReportDescriptor supply = parsed(power_supply);
    EXPECT_EQ(with_usage(supply, 0x84, 0xfe).string_index, 2U);
    const Element voltage = with_usage(supply, 0x84, 0x30);
    EXPECT_EQ(voltage.unit, 0x00f0d121U);
    EXPECT_EQ(voltage.exponent(), 5);
    EXPECT_EQ(voltage.flags, flag_variable | flag_no_preferred | flag_volatile);
    EXPECT_EQ(with_usage(supply, 0x85, 0xd0).bit_offset, 15U);
    EXPECT_EQ(with_usage(supply, 0x85, 0xd0).type, ElementType::input_button);
}

TEST(Descriptor, AxesMayBeWithoutSign) {
    const ReportDescriptor wheel = parsed(steering_wheel);
    EXPECT_EQ(with_usage(wheel, 1, 0x30).logical_max, 65535);
    EXPECT_EQ(with_usage(wheel, 2, 0xc5).logical_max, 255);
    EXPECT_EQ(with_usage(wheel, 2, 0xc5).physical_max, 255);
    EXPECT_EQ(with_usage(wheel, 0xff00, 2).count, 7U);
    EXPECT_EQ(wheel.elements[1].usage, 0U);  // a collection without usage
}

TEST(Descriptor, NamedArraysNameTheirStates) {
    const ReportDescriptor sensor = parsed(light_sensor);
    EXPECT_EQ(sensor.elements[1].collection_type, CollectionType::named_array);
    EXPECT_EQ(sensor.elements[1].usage, 0x201U);
    const Element states = sensor.elements[2];
    EXPECT_EQ(states.kind, ElementKind::array);
    ASSERT_EQ(states.item_count, 3U);
    EXPECT_EQ(sensor.items(states)[1].usage, 0x801U);
    EXPECT_EQ(sensor.items(states)[1].selector, 1);
    EXPECT_EQ(with_usage(sensor, 0x20, 0x4d1).exponent(), -3);
}

TEST(Descriptor, VendorCollectionTypesPassThrough) {
    const ReportDescriptor device = parsed({0xa1, 0x85, 0xc0, 0xa1, 0x07, 0xc0});
    EXPECT_EQ(to_string(device.elements[0].collection_type), "vendor-defined");
    EXPECT_EQ(to_string(device.elements[1].collection_type), "reserved");
    EXPECT_EQ(device.primary_usage, UsagePair{});
}

TEST(Descriptor, BadOnesAreRefusedWithTheOffsetAndTheItem) {
    for (const Bad& bad : bad_descriptors) {
        const auto result = parse_descriptor(bad.bytes);
        ASSERT_FALSE(result.ok()) << bad.name;
        EXPECT_EQ(result.error().code, bad.code) << bad.name;
        EXPECT_NE(result.error().message.find(bad.says), std::string::npos)
            << bad.name << ": " << result.error().message;
    }
}

TEST(Descriptor, ThatIsCutOffIsRefusedOrHasLess) {
    for (const Named& device : devices) {
        const size_t whole = parsed(device.bytes).elements.size();
        for (auto length = std::ssize(device.bytes) - 1; length >= 0; --length) {
            const Bytes part(device.bytes.begin(), device.bytes.begin() + length);
            const auto result = parse_descriptor(part);
            EXPECT_TRUE(!result.ok() || result->elements.size() < whole)
                << device.name << " " << length;
        }
    }
}

TEST(Descriptor, HostileSizesAreRefusedQuickly) {
    // 64 KiB of the dearest items: main items with full ranges, pushes and pops, new usages.
    const std::vector<Bytes> patterns = {
        {0x19, 0x00, 0x2a, 0xff, 0xff, 0x75, 0x01, 0x95, 0x01, 0x81, 0x02},
        {0x19, 0x00, 0x2a, 0xff, 0xff, 0x96, 0xff, 0xff, 0x75, 0x01, 0x81, 0x00},
        {0xa4, 0xb4},
        {0x09, 0x01},
        {0xa1, 0x00, 0xc0},
        {0x0a, 0x00, 0x00, 0xa1, 0x01, 0xc0},
        {0x85, 0x01, 0x75, 0x01, 0x95, 0x01, 0x09, 0x01, 0xb1, 0x02},
    };
    const auto start = std::chrono::steady_clock::now();
    for (const Bytes& pattern : patterns) {
        Bytes bytes;
        for (uint16_t round = 0; bytes.size() + pattern.size() < max_descriptor_bytes; ++round) {
            bytes.insert(bytes.end(), pattern.begin(), pattern.end());
            if (pattern[0] != 0x0a) continue;  // another usage each time
            bytes[bytes.size() - pattern.size() + 1] = static_cast<uint8_t>(round);
            bytes[bytes.size() - pattern.size() + 2] = static_cast<uint8_t>(round >> 8);
        }
        (void)parse_descriptor(bytes);
    }
    // Some milliseconds; the bound is wide for machines that are busy or check memory.
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
    EXPECT_EQ(parse_descriptor(Bytes(max_descriptor_bytes + 1, 0)).error().code, Errc::unsupported);
}

}  // namespace
}  // namespace opendext::hid
