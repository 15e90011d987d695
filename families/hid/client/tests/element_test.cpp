// SPDX-License-Identifier: Apache-2.0
// Elements and values.
#include "families/hid/client/tests/pad.h"

namespace hid_test {
namespace {

// Facts: IOHIDDeviceCopyMatchingElements, IOHIDElementGetTypeID, IOHIDElementGetDevice,
// Facts: IOHIDElementGetParent, IOHIDElementGetChildren, IOHIDElementGetCookie,
// IOHIDElementGetType, Facts: IOHIDElementGetCollectionType, IOHIDElementGetUsagePage,
// IOHIDElementGetUsage
TEST(HidElement, IsFoundByWhatItIsAndKnowsItsPlace) {
    Pad pad;
    const auto device = pad.find();
    const auto all = io::CF<CFArrayRef>::adopt(
        IOHIDDeviceCopyMatchingElements(device.get(), nullptr, kIOHIDOptionsTypeNone));
    ASSERT_TRUE(all);
    // 1 collection, 2 axes, wheel, 8 buttons, an array with its 30 items, 3 lights, 3 features.
    EXPECT_EQ(CFArrayGetCount(all.get()), 49);
    IOHIDElementRef x = element(device.get(), {{kIOHIDElementUsagePageKey, kHIDPage_GenericDesktop},
                                               {kIOHIDElementUsageKey, kHIDUsage_GD_X}});
    EXPECT_EQ(CFGetTypeID(x), IOHIDElementGetTypeID());
    EXPECT_EQ(IOHIDElementGetDevice(x), device.get());
    EXPECT_EQ(IOHIDElementGetType(x), kIOHIDElementTypeInput_Axis);
    EXPECT_EQ(IOHIDElementGetUsagePage(x), static_cast<uint32_t>(kHIDPage_GenericDesktop));
    EXPECT_EQ(IOHIDElementGetUsage(x), static_cast<uint32_t>(kHIDUsage_GD_X));
    IOHIDElementRef pad_element = IOHIDElementGetParent(x);
    ASSERT_NE(pad_element, nullptr);
    EXPECT_EQ(IOHIDElementGetType(pad_element), kIOHIDElementTypeCollection);
    EXPECT_EQ(IOHIDElementGetCollectionType(pad_element), kIOHIDElementCollectionTypeApplication);
    EXPECT_EQ(IOHIDElementGetParent(pad_element), nullptr);
    ASSERT_NE(IOHIDElementGetChildren(pad_element), nullptr);
    EXPECT_EQ(CFArrayGetValueAtIndex(IOHIDElementGetChildren(pad_element), 0), x);
    EXPECT_EQ(IOHIDElementGetChildren(x), nullptr);
    // The same object each time, and its cookie finds it.
    EXPECT_EQ(element(device.get(), {{kIOHIDElementCookieKey, IOHIDElementGetCookie(x)}}), x);
    const auto buttons = io::CF<CFArrayRef>::adopt(
        IOHIDDeviceCopyMatchingElements(device.get(),
                                        dictionary({{kIOHIDElementUsagePageKey, kHIDPage_Button},
                                                    {kIOHIDElementUsageMinKey, 2},
                                                    {kIOHIDElementUsageMaxKey, 4}})
                                            .get(),
                                        kIOHIDOptionsTypeNone));
    EXPECT_EQ(CFArrayGetCount(buttons.get()), 3);
    const auto none = io::CF<CFArrayRef>::adopt(IOHIDDeviceCopyMatchingElements(
        device.get(), dictionary({{"NoSuchKey", 1}}).get(), kIOHIDOptionsTypeNone));
    EXPECT_EQ(CFArrayGetCount(none.get()), 0);
}

// Facts: IOHIDElementIsVirtual, IOHIDElementIsRelative, IOHIDElementIsWrapping,
// IOHIDElementIsArray, Facts: IOHIDElementIsNonLinear, IOHIDElementHasPreferredState,
// IOHIDElementHasNullState, Facts: IOHIDElementGetReportID, IOHIDElementGetReportSize,
// IOHIDElementGetReportCount, Facts: IOHIDElementGetUnit, IOHIDElementGetUnitExponent,
// IOHIDElementGetLogicalMin, Facts: IOHIDElementGetLogicalMax, IOHIDElementGetPhysicalMin,
// IOHIDElementGetPhysicalMax
TEST(HidElement, HasWhatTheDescriptorSays) {
    Pad pad;
    const auto device = pad.find();
    IOHIDElementRef x = element(
        device.get(), {{kIOHIDElementUsagePageKey, 1}, {kIOHIDElementUsageKey, kHIDUsage_GD_X}});
    EXPECT_FALSE(IOHIDElementIsVirtual(x));
    EXPECT_FALSE(IOHIDElementIsRelative(x));
    EXPECT_FALSE(IOHIDElementIsWrapping(x));
    EXPECT_FALSE(IOHIDElementIsNonLinear(x));
    EXPECT_FALSE(IOHIDElementIsArray(x));
    EXPECT_TRUE(IOHIDElementHasPreferredState(x));
    EXPECT_FALSE(IOHIDElementHasNullState(x));
    EXPECT_EQ(IOHIDElementGetReportID(x), 1U);
    EXPECT_EQ(IOHIDElementGetReportSize(x), 8U);
    EXPECT_EQ(IOHIDElementGetReportCount(x), 1U);
    EXPECT_EQ(IOHIDElementGetUnit(x), 0U);
    EXPECT_EQ(IOHIDElementGetUnitExponent(x), 0U);
    EXPECT_EQ(IOHIDElementGetLogicalMin(x), -127);
    EXPECT_EQ(IOHIDElementGetLogicalMax(x), 127);
    EXPECT_EQ(IOHIDElementGetPhysicalMin(x), 0);
    EXPECT_EQ(IOHIDElementGetPhysicalMax(x), 254);
    IOHIDElementRef wheel = element(device.get(), {{kIOHIDElementUsagePageKey, 1},
                                                   {kIOHIDElementUsageKey, kHIDUsage_GD_Wheel}});
    EXPECT_TRUE(IOHIDElementIsRelative(wheel));
    IOHIDElementRef data =
        element(device.get(), {{kIOHIDElementUsagePageKey, 0xff00}, {kIOHIDElementUsageKey, 0x22}});
    EXPECT_EQ(IOHIDElementGetReportCount(data), 6U);
    IOHIDElementRef keys =
        element(device.get(), {{kIOHIDElementUsagePageKey, kHIDPage_KeyboardOrKeypad},
                               {kIOHIDElementUsageKey, 0xffffffffU}});
    EXPECT_TRUE(IOHIDElementIsArray(keys));
    EXPECT_EQ(CFArrayGetCount(IOHIDElementGetChildren(keys)), 30);
}

// Facts: IOHIDElementGetProperty, IOHIDElementSetProperty, IOHIDElementGetName,
// Facts: IOHIDElementAttach, IOHIDElementDetach, IOHIDElementCopyAttached
TEST(HidElement, KeepsWhatTheProgramPutsOnIt) {
    Pad pad;
    const auto device = pad.find();
    IOHIDElementRef x = element(
        device.get(), {{kIOHIDElementUsagePageKey, 1}, {kIOHIDElementUsageKey, kHIDUsage_GD_X}});
    IOHIDElementRef y = element(
        device.get(), {{kIOHIDElementUsagePageKey, 1}, {kIOHIDElementUsageKey, kHIDUsage_GD_Y}});
    EXPECT_EQ(io::Value::from_cf(IOHIDElementGetProperty(x, CFSTR(kIOHIDElementMaxKey))),
              io::Value(127));
    EXPECT_EQ(IOHIDElementGetProperty(x, CFSTR("Mine")), nullptr);
    EXPECT_TRUE(IOHIDElementSetProperty(x, CFSTR("Mine"), CFSTR("yes")));
    EXPECT_TRUE(CFEqual(IOHIDElementGetProperty(x, CFSTR("Mine")), CFSTR("yes")));
    EXPECT_EQ(element(device.get(), {{"Mine", "yes"}}), x);
    EXPECT_EQ(IOHIDElementGetName(x), nullptr);
    EXPECT_TRUE(IOHIDElementSetProperty(x, CFSTR(kIOHIDElementNameKey), CFSTR("left")));
    EXPECT_TRUE(CFEqual(IOHIDElementGetName(x), CFSTR("left")));

    EXPECT_EQ(IOHIDElementCopyAttached(x), nullptr);
    IOHIDElementAttach(x, y);
    IOHIDElementAttach(x, y);
    auto attached = io::CF<CFArrayRef>::adopt(IOHIDElementCopyAttached(x));
    ASSERT_TRUE(attached);
    EXPECT_EQ(CFArrayGetCount(attached.get()), 1);
    EXPECT_EQ(CFArrayGetValueAtIndex(attached.get(), 0), y);
    IOHIDElementDetach(x, y);
    EXPECT_EQ(IOHIDElementCopyAttached(x), nullptr);
}

// Facts: IOHIDElementCreateWithDictionary, IOHIDElementIsVirtual, IOHIDElementGetDevice
TEST(HidElement, CanBeMadeWithoutADevice) {
    const auto made = io::CF<IOHIDElementRef>::adopt(IOHIDElementCreateWithDictionary(
        kCFAllocatorDefault, dictionary({{kIOHIDElementUsagePageKey, 1},
                                         {kIOHIDElementUsageKey, kHIDUsage_GD_Z},
                                         {kIOHIDElementTypeKey, kIOHIDElementTypeInput_Axis},
                                         {kIOHIDElementMinKey, -10},
                                         {kIOHIDElementMaxKey, 10},
                                         {kIOHIDElementReportSizeKey, 8},
                                         {kIOHIDElementIsRelativeKey, true}})
                                 .get()));
    ASSERT_TRUE(made);
    EXPECT_TRUE(IOHIDElementIsVirtual(made.get()));
    EXPECT_EQ(IOHIDElementGetDevice(made.get()), nullptr);
    EXPECT_EQ(IOHIDElementGetType(made.get()), kIOHIDElementTypeInput_Axis);
    EXPECT_EQ(IOHIDElementGetLogicalMin(made.get()), -10);
    EXPECT_TRUE(IOHIDElementIsRelative(made.get()));
    EXPECT_EQ(IOHIDElementCreateWithDictionary(kCFAllocatorDefault,
                                               dictionary({{kIOHIDElementUsageKey, 1}}).get()),
              nullptr);
}

// Facts: IOHIDElementGetDevice
TEST(HidElement, MayBeKeptLongerThanItsDevice) {
    io::CF<IOHIDElementRef> x;
    {
        Pad pad;
        const auto device = pad.find();
        x = io::CF<IOHIDElementRef>::retain(
            element(device.get(),
                    {{kIOHIDElementUsagePageKey, 1}, {kIOHIDElementUsageKey, kHIDUsage_GD_X}}));
        EXPECT_EQ(CFGetRetainCount(device.get()), 1) << "an element keeps its device";
    }
    EXPECT_EQ(IOHIDElementGetDevice(x.get()), nullptr);
    EXPECT_EQ(IOHIDElementGetUsage(x.get()), static_cast<uint32_t>(kHIDUsage_GD_X));
    EXPECT_EQ(IOHIDElementGetUsagePage(IOHIDElementGetParent(x.get())), 1U);
}

// Facts: IOHIDValueGetTypeID, IOHIDValueCreateWithIntegerValue, IOHIDValueCreateWithBytes,
// Facts: IOHIDValueCreateWithBytesNoCopy, IOHIDValueGetElement, IOHIDValueGetTimeStamp,
// Facts: IOHIDValueGetLength, IOHIDValueGetBytePtr, IOHIDValueGetIntegerValue
TEST(HidValue, HoldsANumberOrBytes) {
    Pad pad;
    const auto device = pad.find();
    IOHIDElementRef x = element(
        device.get(), {{kIOHIDElementUsagePageKey, 1}, {kIOHIDElementUsageKey, kHIDUsage_GD_X}});
    IOHIDElementRef data =
        element(device.get(), {{kIOHIDElementUsagePageKey, 0xff00}, {kIOHIDElementUsageKey, 0x22}});
    const auto minus = io::CF<IOHIDValueRef>::adopt(
        IOHIDValueCreateWithIntegerValue(kCFAllocatorDefault, x, 77, -3));
    EXPECT_EQ(CFGetTypeID(minus.get()), IOHIDValueGetTypeID());
    EXPECT_EQ(IOHIDValueGetElement(minus.get()), x);
    EXPECT_EQ(IOHIDValueGetTimeStamp(minus.get()), 77U);
    EXPECT_EQ(IOHIDValueGetIntegerValue(minus.get()), -3);
    EXPECT_EQ(IOHIDValueGetLength(minus.get()), 1);
    EXPECT_EQ(IOHIDValueGetBytePtr(minus.get())[0], 0xfd);
    const Bytes bytes{0xfe};
    const auto same = io::CF<IOHIDValueRef>::adopt(
        IOHIDValueCreateWithBytes(kCFAllocatorDefault, x, 1, bytes.data(), 1));
    EXPECT_EQ(IOHIDValueGetIntegerValue(same.get()), -2) << "with the element's sign";
    const Bytes six{1, 2, 3, 4, 5, 6};
    const auto shared = io::CF<IOHIDValueRef>::adopt(
        IOHIDValueCreateWithBytesNoCopy(kCFAllocatorDefault, data, 1, six.data(), 6));
    EXPECT_EQ(IOHIDValueGetBytePtr(shared.get()), six.data());
    EXPECT_EQ(IOHIDValueGetLength(shared.get()), 6);
    EXPECT_EQ(IOHIDValueGetIntegerValue(shared.get()), 0x060504030201);
    EXPECT_EQ(IOHIDValueCreateWithBytes(kCFAllocatorDefault, x, 1, six.data(), 6), nullptr)
        << "more than the element has";
    EXPECT_EQ(IOHIDValueCreateWithBytesNoCopy(kCFAllocatorDefault, x, 1, six.data(), 0), nullptr);
}

// Facts: IOHIDValueGetScaledValue, IOHIDElementSetProperty
TEST(HidValue, IsScaledToThePhysicalExtentAndTheCalibration) {
    Pad pad;
    const auto device = pad.find();
    IOHIDElementRef x = element(
        device.get(), {{kIOHIDElementUsagePageKey, 1}, {kIOHIDElementUsageKey, kHIDUsage_GD_X}});
    const auto scaled = [&](CFIndex value, IOHIDValueScaleType type) {
        return IOHIDValueGetScaledValue(number(x, value).get(), type);
    };
    EXPECT_DOUBLE_EQ(scaled(-127, kIOHIDValueScaleTypePhysical), 0);
    EXPECT_DOUBLE_EQ(scaled(0, kIOHIDValueScaleTypePhysical), 127);
    EXPECT_DOUBLE_EQ(scaled(127, kIOHIDValueScaleTypeExponent), 254);
    EXPECT_DOUBLE_EQ(scaled(127, kIOHIDValueScaleTypeCalibrated), 1);
    EXPECT_DOUBLE_EQ(scaled(-127, kIOHIDValueScaleTypeCalibrated), -1);
    const auto calibrate = [&](CFStringRef key, double value) {
        const auto of = io::Value(value).to_cf();
        IOHIDElementSetProperty(x, key, of.get());
    };
    calibrate(CFSTR(kIOHIDElementCalibrationMinKey), 0);
    calibrate(CFSTR(kIOHIDElementCalibrationMaxKey), 100);
    calibrate(CFSTR(kIOHIDElementCalibrationSaturationMinKey), -100);
    calibrate(CFSTR(kIOHIDElementCalibrationSaturationMaxKey), 100);
    calibrate(CFSTR(kIOHIDElementCalibrationDeadZoneMinKey), -20);
    calibrate(CFSTR(kIOHIDElementCalibrationDeadZoneMaxKey), 20);
    EXPECT_DOUBLE_EQ(scaled(-110, kIOHIDValueScaleTypeCalibrated), 0);
    EXPECT_DOUBLE_EQ(scaled(-60, kIOHIDValueScaleTypeCalibrated), 25);
    EXPECT_DOUBLE_EQ(scaled(10, kIOHIDValueScaleTypeCalibrated), 50);
    EXPECT_DOUBLE_EQ(scaled(60, kIOHIDValueScaleTypeCalibrated), 75);
    calibrate(CFSTR(kIOHIDElementCalibrationGranularityKey), 10);
    EXPECT_DOUBLE_EQ(scaled(60, kIOHIDValueScaleTypeCalibrated), 80);
}

}  // namespace
}  // namespace hid_test
