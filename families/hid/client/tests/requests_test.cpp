// SPDX-License-Identifier: Apache-2.0
// Reports and values that are asked for and sent, and what becomes of them when nobody answers.
#include "families/hid/client/tests/pad.h"

namespace hid_test {
namespace {

/// What a request's call-back told.
struct Done {
    bool done = false;
    IOReturn result = kIOReturnInvalid;
    std::string reason;
    void* sender = nullptr;
    Bytes report;
    CFIndex number = 0;
    CFIndex count = 0;
    void end(IOReturn code, void* from) {
        result = code;
        sender = from;
        reason = code == kIOReturnSuccess ? "" : opendext_last_error_reason();
        done = true;
    }
    static void report_done(void* context, IOReturn result, void* sender, IOHIDReportType, uint32_t,
                            uint8_t* report, CFIndex length) {
        auto& own = *static_cast<Done*>(context);
        if (result == kIOReturnSuccess) own.report.assign(report, report + length);
        own.end(result, sender);
    }
    static void value_done(void* context, IOReturn result, void* sender, IOHIDValueRef value) {
        auto& own = *static_cast<Done*>(context);
        if (value != nullptr) own.number = IOHIDValueGetIntegerValue(value);
        own.end(result, sender);
    }
    static void values_done(void* context, IOReturn result, void* sender, CFDictionaryRef values) {
        auto& own = *static_cast<Done*>(context);
        if (values != nullptr) own.count = CFDictionaryGetCount(values);
        own.end(result, sender);
    }
};

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

// Facts: IOHIDDeviceSetReport, IOHIDDeviceGetReport
TEST(HidReports, AreSentAndAskedForAndRefused) {
    Pad pad;
    const auto device = pad.open();
    const Bytes feature{3, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
    ASSERT_EQ(IOHIDDeviceSetReport(device.get(), kIOHIDReportTypeFeature, 3, feature.data(),
                                   static_cast<CFIndex>(feature.size())),
              kIOReturnSuccess)
        << opendext_last_error_reason();
    EXPECT_EQ(pad.feature(), feature);
    uint8_t room[64];
    CFIndex length = sizeof room;
    ASSERT_EQ(IOHIDDeviceGetReport(device.get(), kIOHIDReportTypeFeature, 3, room, &length),
              kIOReturnSuccess);
    EXPECT_EQ(Bytes(room, room + length), feature);
    length = 4;
    ASSERT_EQ(IOHIDDeviceGetReport(device.get(), kIOHIDReportTypeFeature, 3, room, &length),
              kIOReturnSuccess);
    EXPECT_EQ(length, 4);
    length = sizeof room;
    ASSERT_EQ(IOHIDDeviceGetReport(device.get(), kIOHIDReportTypeInput, 1, room, &length),
              kIOReturnSuccess);
    EXPECT_EQ(Bytes(room, room + length), (Bytes{1, 11, 12, 13, 0x80, 0, 0}));

    length = sizeof room;
    EXPECT_EQ(IOHIDDeviceGetReport(device.get(), kIOHIDReportTypeFeature, 9, room, &length),
              kIOReturnUnsupported);
    EXPECT_EQ(opendext_last_error_origin(), OPENDEXT_ORIGIN_DRIVER) << "the device's own answer";
    EXPECT_TRUE(has(opendext_last_error_reason(), pad.product));
    const Bytes wrong{7, 1};
    EXPECT_EQ(IOHIDDeviceSetReport(device.get(), kIOHIDReportTypeOutput, 2, wrong.data(), 2),
              kIOReturnBadArgument);
    EXPECT_TRUE(has(opendext_last_error_reason(), "first byte")) << opendext_last_error_reason();
    EXPECT_EQ(IOHIDDeviceSetReport(device.get(), kIOHIDReportTypeOutput, 300, wrong.data(), 2),
              kIOReturnBadArgument);
    EXPECT_EQ(
        IOHIDDeviceSetReport(device.get(), static_cast<IOHIDReportType>(3), 2, wrong.data(), 2),
        kIOReturnBadArgument);
    EXPECT_EQ(IOHIDDeviceSetReport(device.get(), kIOHIDReportTypeOutput, 2, nullptr, 2),
              kIOReturnBadArgument);
    EXPECT_EQ(IOHIDDeviceSetReport(device.get(), kIOHIDReportTypeOutput, 2, wrong.data(), 0),
              kIOReturnBadArgument);
    EXPECT_EQ(IOHIDDeviceSetReport(device.get(), kIOHIDReportTypeOutput, 2, wrong.data(), 65536),
              kIOReturnBadArgument);
    EXPECT_EQ(IOHIDDeviceGetReport(device.get(), kIOHIDReportTypeFeature, 3, room, nullptr),
              kIOReturnBadArgument);
    const auto closed = pad.find();
    EXPECT_EQ(IOHIDDeviceSetReport(closed.get(), kIOHIDReportTypeFeature, 3, feature.data(), 11),
              kIOReturnNotOpen);
}

// Facts: IOHIDDeviceSetReportWithCallback, IOHIDDeviceGetReportWithCallback
TEST(HidReports, TellByCallBackWhatBecameOfThem) {
    Pad pad;
    const auto device = pad.open();
    IOHIDDeviceScheduleWithRunLoop(device.get(), CFRunLoopGetCurrent(), kCFRunLoopDefaultMode);
    Done set;
    Bytes feature{3, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9};
    ASSERT_EQ(IOHIDDeviceSetReportWithCallback(device.get(), kIOHIDReportTypeFeature, 3,
                                               feature.data(), 11, 10, Done::report_done, &set),
              kIOReturnSuccess);
    ASSERT_TRUE(run_until([&] { return set.done; }));
    EXPECT_EQ(set.result, kIOReturnSuccess);
    EXPECT_EQ(set.sender, device.get());
    EXPECT_EQ(set.report, feature);
    Done get;
    uint8_t room[32];
    CFIndex length = sizeof room;
    ASSERT_EQ(IOHIDDeviceGetReportWithCallback(device.get(), kIOHIDReportTypeFeature, 3, room,
                                               &length, 10, Done::report_done, &get),
              kIOReturnSuccess);
    ASSERT_TRUE(run_until([&] { return get.done; }));
    EXPECT_EQ(get.report, feature);
    EXPECT_EQ(length, 11);
    Done refused;
    length = sizeof room;
    ASSERT_EQ(IOHIDDeviceGetReportWithCallback(device.get(), kIOHIDReportTypeFeature, 7, room,
                                               &length, 10, Done::report_done, &refused),
              kIOReturnSuccess);
    ASSERT_TRUE(run_until([&] { return refused.done; }));
    EXPECT_EQ(refused.result, kIOReturnUnsupported);
    EXPECT_EQ(IOHIDDeviceSetReportWithCallback(device.get(), kIOHIDReportTypeFeature, 3, nullptr, 1,
                                               1, Done::report_done, &set),
              kIOReturnBadArgument);
}

// Facts: IOHIDDeviceGetReport, IOHIDDeviceSetReportWithCallback, IOHIDDeviceGetReportWithCallback
TEST(HidReports, TimeOutWithTheReasonWhereADeviceDoesNotAnswer) {
    // 150 ms, in microseconds.
    Pad pad({{kIOHIDRequestTimeoutKey, 150000}});
    const auto device = pad.open();
    IOHIDDeviceScheduleWithRunLoop(device.get(), CFRunLoopGetCurrent(), kCFRunLoopDefaultMode);
    pad.silent = true;
    uint8_t room[32];
    CFIndex length = sizeof room;
    EXPECT_EQ(IOHIDDeviceGetReport(device.get(), kIOHIDReportTypeFeature, 3, room, &length),
              kIOReturnTimeout);
    const std::string reason = opendext_last_error_reason();
    EXPECT_TRUE(has(reason, pad.product) && has(reason, "feature report 3") &&
                has(reason, "no answer within"))
        << reason;
    EXPECT_EQ(opendext_last_error_origin(), OPENDEXT_ORIGIN_LIBRARY);
    Done done;
    length = sizeof room;
    ASSERT_EQ(IOHIDDeviceGetReportWithCallback(device.get(), kIOHIDReportTypeFeature, 3, room,
                                               &length, 0.1, Done::report_done, &done),
              kIOReturnSuccess);
    ASSERT_TRUE(run_until([&] { return done.done; }));
    EXPECT_EQ(done.result, kIOReturnTimeout);
    EXPECT_TRUE(has(done.reason, "no answer within")) << done.reason;
    // The device is of use again, and its late answers harm nobody.
    pad.silent = false;
    for (const io::HidRequest& late : pad.take_waiting())
        EXPECT_TRUE(pad.device->answer(late.number, io::HidAnswer::report({3, 1})));
    length = sizeof room;
    EXPECT_EQ(IOHIDDeviceGetReport(device.get(), kIOHIDReportTypeFeature, 3, room, &length),
              kIOReturnSuccess);
    EXPECT_EQ(length, 11);
}

// Facts: IOHIDDeviceSetReport, IOHIDDeviceGetReport
TEST(HidReports, GoThroughTenThousandTimesInARow) {
    Pad pad;
    const auto device = pad.open();
    for (uint32_t i = 0; i < 10000; ++i) {
        const Bytes feature{
            3, static_cast<uint8_t>(i), static_cast<uint8_t>(i >> 8), 0, 0, 0, 0, 0, 0, 0, 0};
        ASSERT_EQ(
            IOHIDDeviceSetReport(device.get(), kIOHIDReportTypeFeature, 3, feature.data(), 11),
            kIOReturnSuccess)
            << i << ": " << opendext_last_error_reason();
        uint8_t room[16];
        CFIndex length = sizeof room;
        ASSERT_EQ(IOHIDDeviceGetReport(device.get(), kIOHIDReportTypeFeature, 3, room, &length),
                  kIOReturnSuccess)
            << i << ": " << opendext_last_error_reason();
        ASSERT_EQ(Bytes(room, room + length), feature) << i;
    }
}

// Facts: IOHIDDeviceSetReport, IOHIDDeviceGetReport
TEST(HidReports, EndWhenTheDeviceIsUnpluggedMeanwhile) {
    for (const bool set : {true, false}) {
        Pad pad;
        const auto device = pad.open();
        pad.silent = true;
        std::thread unplug([&] {
            wait_until([&] { return pad.waiting() == 1; });
            pad.unplug();
        });
        uint8_t room[11]{3};
        CFIndex length = sizeof room;
        const IOReturn result =
            set ? IOHIDDeviceSetReport(device.get(), kIOHIDReportTypeFeature, 3, room, 11)
                : IOHIDDeviceGetReport(device.get(), kIOHIDReportTypeFeature, 3, room, &length);
        EXPECT_EQ(result, kIOReturnNoDevice) << opendext_last_error_reason();
        unplug.join();
    }
}

// Facts: IOHIDDeviceClose, IOHIDDeviceGetReportWithCallback
TEST(HidReports, EndWhenTheProgramClosesTheDeviceMeanwhile) {
    Pad pad;
    const auto device = pad.open();
    IOHIDDeviceScheduleWithRunLoop(device.get(), CFRunLoopGetCurrent(), kCFRunLoopDefaultMode);
    pad.silent = true;
    Done done;
    uint8_t room[11];
    CFIndex length = sizeof room;
    ASSERT_EQ(IOHIDDeviceGetReportWithCallback(device.get(), kIOHIDReportTypeFeature, 3, room,
                                               &length, 30, Done::report_done, &done),
              kIOReturnSuccess);
    ASSERT_TRUE(wait_until([&] { return pad.waiting() == 1; }));
    EXPECT_EQ(IOHIDDeviceClose(device.get(), 0), kIOReturnSuccess);
    ASSERT_TRUE(run_until([&] { return done.done; }));
    EXPECT_EQ(done.result, kIOReturnAborted);
}

IOHIDElementRef vendor(IOHIDDeviceRef device, int usage) {
    return element(device, {{kIOHIDElementUsagePageKey, 0xff00}, {kIOHIDElementUsageKey, usage}});
}
IOHIDElementRef light(IOHIDDeviceRef device, int usage) {
    return element(device,
                   {{kIOHIDElementUsagePageKey, kHIDPage_LEDs}, {kIOHIDElementUsageKey, usage}});
}

// Facts: IOHIDDeviceSetValue, IOHIDDeviceGetValue, IOHIDDeviceGetValueWithOptions
TEST(HidValues, AreSetOneByOneAndTheRestOfTheReportStays) {
    Pad pad;
    const auto device = pad.open();
    IOHIDElementRef first = light(device.get(), 1);
    IOHIDElementRef third = light(device.get(), 3);
    ASSERT_EQ(IOHIDDeviceSetValue(device.get(), first, number(first, 1).get()), kIOReturnSuccess)
        << opendext_last_error_reason();
    ASSERT_EQ(IOHIDDeviceSetValue(device.get(), third, number(third, 1).get()), kIOReturnSuccess);
    ASSERT_EQ(IOHIDDeviceSetValue(device.get(), first, number(first, 0).get()), kIOReturnSuccess);
    EXPECT_EQ(pad.outputs(), (std::vector<Bytes>{{2, 1}, {2, 5}, {2, 4}}));
    IOHIDValueRef value = nullptr;
    ASSERT_EQ(IOHIDDeviceGetValue(device.get(), third, &value), kIOReturnSuccess);
    EXPECT_EQ(IOHIDValueGetIntegerValue(value), 1) << "what was set";

    IOHIDElementRef feature = vendor(device.get(), 0x20);
    ASSERT_EQ(IOHIDDeviceGetValueWithOptions(device.get(), feature, &value,
                                             kIOHIDDeviceGetValueWithoutUpdate),
              kIOReturnSuccess);
    EXPECT_EQ(IOHIDValueGetIntegerValue(value), 0) << "nobody asked the device";
    ASSERT_EQ(IOHIDDeviceGetValue(device.get(), feature, &value), kIOReturnSuccess);
    EXPECT_EQ(IOHIDValueGetIntegerValue(value), 0x1234);
    IOHIDElementRef data = vendor(device.get(), 0x22);
    ASSERT_EQ(IOHIDDeviceGetValue(device.get(), data, &value), kIOReturnSuccess);
    EXPECT_EQ(Bytes(IOHIDValueGetBytePtr(value),
                    IOHIDValueGetBytePtr(value) + IOHIDValueGetLength(value)),
              (Bytes{'a', 'b', 'c', 'd', 'e', 'f'}));

    IOHIDElementRef x = element(
        device.get(), {{kIOHIDElementUsagePageKey, 1}, {kIOHIDElementUsageKey, kHIDUsage_GD_X}});
    ASSERT_EQ(IOHIDDeviceGetValue(device.get(), x, &value), kIOReturnSuccess);
    EXPECT_EQ(IOHIDValueGetIntegerValue(value), 0) << "no report came yet";
    EXPECT_EQ(IOHIDValueGetTimeStamp(value), 0U);
    ASSERT_EQ(
        IOHIDDeviceGetValueWithOptions(device.get(), x, &value, kIOHIDDeviceGetValueWithUpdate),
        kIOReturnSuccess);
    EXPECT_EQ(IOHIDValueGetIntegerValue(value), 11) << "the device was asked";
    pad.send(-5, 0, 0, 0, 0, 0, 99);
    ASSERT_TRUE(wait_until([&] {
        return IOHIDDeviceGetValue(device.get(), x, &value) == kIOReturnSuccess &&
               IOHIDValueGetIntegerValue(value) == -5;
    }));
    EXPECT_EQ(IOHIDValueGetTimeStamp(value), 99U);

    EXPECT_EQ(IOHIDDeviceSetValue(device.get(), x, number(x, 1).get()), kIOReturnUnsupported);
    Pad other;
    const auto stranger = other.open();
    EXPECT_EQ(IOHIDDeviceSetValue(stranger.get(), first, number(first, 1).get()),
              kIOReturnBadArgument);
    EXPECT_EQ(IOHIDDeviceGetValue(stranger.get(), first, &value), kIOReturnBadArgument);
    EXPECT_EQ(IOHIDDeviceGetValue(device.get(), IOHIDElementGetParent(first), &value),
              kIOReturnBadArgument);
}

// Facts: IOHIDDeviceSetValueMultiple, IOHIDDeviceCopyValueMultiple
TEST(HidValues, OfOneReportTravelTogether) {
    Pad pad;
    const auto device = pad.open();
    const auto values = io::CF<CFMutableDictionaryRef>::adopt(CFDictionaryCreateMutable(
        kCFAllocatorDefault, 0, &kCFTypeDictionaryKeyCallBacks, &kCFTypeDictionaryValueCallBacks));
    const auto put = [&](IOHIDElementRef element, CFIndex value) {
        CFDictionarySetValue(values.get(), element, number(element, value).get());
    };
    put(light(device.get(), 1), 1);
    put(light(device.get(), 2), 1);
    put(vendor(device.get(), 0x20), 0x0102);
    put(vendor(device.get(), 0x21), 0x0304);
    ASSERT_EQ(IOHIDDeviceSetValueMultiple(device.get(), values.get()), kIOReturnSuccess)
        << opendext_last_error_reason();
    EXPECT_EQ(pad.outputs(), (std::vector<Bytes>{{2, 3}}));
    EXPECT_EQ(pad.feature(), (Bytes{3, 2, 1, 4, 3, 0, 0, 0, 0, 0, 0}));
    const auto elements = io::CF<CFMutableArrayRef>::adopt(
        CFArrayCreateMutable(kCFAllocatorDefault, 0, &kCFTypeArrayCallBacks));
    CFArrayAppendValue(elements.get(), vendor(device.get(), 0x20));
    CFArrayAppendValue(elements.get(), vendor(device.get(), 0x21));
    CFDictionaryRef known = nullptr;
    ASSERT_EQ(IOHIDDeviceCopyValueMultiple(device.get(), elements.get(), &known), kIOReturnSuccess);
    EXPECT_EQ(CFDictionaryGetCount(known), 2);
    const auto* const second = CFDictionaryGetValue(known, vendor(device.get(), 0x21));
    EXPECT_EQ(IOHIDValueGetIntegerValue(static_cast<IOHIDValueRef>(const_cast<void*>(second))),
              0x0304);
    CFRelease(known);
}

// Facts: IOHIDDeviceSetValueWithCallback, IOHIDDeviceSetValueMultipleWithCallback,
// Facts: IOHIDDeviceGetValueWithCallback, IOHIDDeviceCopyValueMultipleWithCallback
TEST(HidValues, TellByCallBackWhatBecameOfThem) {
    Pad pad;
    const auto device = pad.open();
    IOHIDDeviceScheduleWithRunLoop(device.get(), CFRunLoopGetCurrent(), kCFRunLoopDefaultMode);
    IOHIDElementRef first = light(device.get(), 1);
    IOHIDElementRef feature = vendor(device.get(), 0x20);
    Done set;
    ASSERT_EQ(IOHIDDeviceSetValueWithCallback(device.get(), first, number(first, 1).get(), 10,
                                              Done::value_done, &set),
              kIOReturnSuccess);
    ASSERT_TRUE(run_until([&] { return set.done; }));
    EXPECT_EQ(set.result, kIOReturnSuccess);
    EXPECT_EQ(set.number, 1);
    EXPECT_EQ(pad.outputs(), (std::vector<Bytes>{{2, 1}}));

    const auto values = io::CF<CFMutableDictionaryRef>::adopt(CFDictionaryCreateMutable(
        kCFAllocatorDefault, 0, &kCFTypeDictionaryKeyCallBacks, &kCFTypeDictionaryValueCallBacks));
    CFDictionarySetValue(values.get(), feature, number(feature, 5).get());
    CFDictionarySetValue(values.get(), first, number(first, 0).get());
    Done several;
    ASSERT_EQ(IOHIDDeviceSetValueMultipleWithCallback(device.get(), values.get(), 10,
                                                      Done::values_done, &several),
              kIOReturnSuccess);
    ASSERT_TRUE(run_until([&] { return several.done; }));
    EXPECT_EQ(several.result, kIOReturnSuccess);
    EXPECT_EQ(several.count, 2);
    EXPECT_EQ(pad.feature()[1], 5);

    Done got;
    IOHIDValueRef value = nullptr;
    ASSERT_EQ(
        IOHIDDeviceGetValueWithCallback(device.get(), feature, &value, 10, Done::value_done, &got),
        kIOReturnSuccess);
    ASSERT_TRUE(run_until([&] { return got.done; }));
    EXPECT_EQ(got.number, 5);
    ASSERT_NE(value, nullptr);
    EXPECT_EQ(IOHIDValueGetIntegerValue(value), 5);

    const auto elements = io::CF<CFMutableArrayRef>::adopt(
        CFArrayCreateMutable(kCFAllocatorDefault, 0, &kCFTypeArrayCallBacks));
    CFArrayAppendValue(elements.get(), feature);
    CFArrayAppendValue(elements.get(), first);
    Done copied;
    CFDictionaryRef all = nullptr;
    ASSERT_EQ(IOHIDDeviceCopyValueMultipleWithCallback(device.get(), elements.get(), &all, 10,
                                                       Done::values_done, &copied),
              kIOReturnSuccess);
    ASSERT_TRUE(run_until([&] { return copied.done; }));
    EXPECT_EQ(copied.count, 2);
    ASSERT_NE(all, nullptr);
    CFRelease(all);

    pad.silent = true;
    Done late;
    ASSERT_EQ(IOHIDDeviceGetValueWithCallback(device.get(), feature, nullptr, 0.05,
                                              Done::value_done, &late),
              kIOReturnSuccess);
    ASSERT_TRUE(run_until([&] { return late.done; }));
    EXPECT_EQ(late.result, kIOReturnTimeout);
    EXPECT_TRUE(has(late.reason, "feature report 3")) << late.reason;
}

}  // namespace
}  // namespace hid_test
