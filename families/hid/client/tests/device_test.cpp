// SPDX-License-Identifier: Apache-2.0
// IOHIDDevice: opening, properties, input.
#include "families/hid/client/tests/pad.h"

namespace hid_test {
namespace {

struct Reports {
    std::vector<Bytes> reports;
    std::vector<uint64_t> times;
    std::vector<uint32_t> ids;
    void* sender = nullptr;
    static void take(void* context, IOReturn result, void* sender, IOHIDReportType type,
                     uint32_t id, uint8_t* report, CFIndex length) {
        take_timed(context, result, sender, type, id, report, length, 0);
    }
    static void take_timed(void* context, IOReturn result, void* sender, IOHIDReportType type,
                           uint32_t id, uint8_t* report, CFIndex length, uint64_t time) {
        auto& own = *static_cast<Reports*>(context);
        EXPECT_EQ(result, kIOReturnSuccess);
        EXPECT_EQ(type, kIOHIDReportTypeInput);
        own.sender = sender;
        own.ids.push_back(id);
        own.times.push_back(time);
        own.reports.emplace_back(report, report + length);
    }
};

struct Values {
    std::vector<std::pair<uint32_t, CFIndex>> values;  ///< usage and value
    static void take(void* context, IOReturn, void*, IOHIDValueRef value) {
        static_cast<Values*>(context)->values.emplace_back(
            IOHIDElementGetUsage(IOHIDValueGetElement(value)), IOHIDValueGetIntegerValue(value));
    }
};

// Facts: IOHIDDeviceCreate, IOHIDDeviceGetTypeID, IOHIDDeviceGetService, IOHIDDeviceGetProperty,
// Facts: IOHIDDeviceSetProperty, IOHIDDeviceConformsTo
TEST(HidDevice, IsMadeForAnEntryAndSaysWhatItIs) {
    Pad pad;
    const io_service_t service = IOServiceGetMatchingService(
        kIOMainPortDefault, IORegistryEntryIDMatching(pad.device->entry()));
    const auto device =
        io::CF<IOHIDDeviceRef>::adopt(IOHIDDeviceCreate(kCFAllocatorDefault, service));
    ASSERT_TRUE(device);
    EXPECT_EQ(CFGetTypeID(device.get()), IOHIDDeviceGetTypeID());
    EXPECT_TRUE(IOObjectIsEqualTo(IOHIDDeviceGetService(device.get()), service));
    IOObjectRelease(service);
    const auto property = [&](const char* key) {
        return io::Value::from_cf(IOHIDDeviceGetProperty(device.get(), io::cf_string(key).get()));
    };
    EXPECT_EQ(property(kIOHIDProductKey), io::Value(pad.product));
    EXPECT_EQ(property(kIOHIDVendorIDKey), io::Value(0x1209));
    EXPECT_EQ(property(kIOHIDPrimaryUsageKey), io::Value(kHIDUsage_GD_GamePad));
    EXPECT_EQ(property(kIOHIDMaxInputReportSizeKey), io::Value(7));
    EXPECT_EQ(property(kIOHIDMaxFeatureReportSizeKey), io::Value(11));
    EXPECT_EQ(IOHIDDeviceGetProperty(device.get(), CFSTR("NoSuch")), nullptr);
    EXPECT_TRUE(IOHIDDeviceSetProperty(device.get(), CFSTR("Mine"), CFSTR("x")));
    EXPECT_EQ(property("Mine"), io::Value("x"));
    EXPECT_TRUE(IOHIDDeviceConformsTo(device.get(), kHIDPage_GenericDesktop, kHIDUsage_GD_GamePad));
    EXPECT_FALSE(IOHIDDeviceConformsTo(device.get(), kHIDPage_GenericDesktop, kHIDUsage_GD_Mouse));
}

// Facts: IOHIDDeviceCreate
TEST(HidDevice, IsNotMadeForOtherServices) {
    const io_service_t service =
        IOServiceGetMatchingService(kIOMainPortDefault, IOServiceMatching("IOUserResources"));
    ASSERT_NE(service, IO_OBJECT_NULL);
    EXPECT_EQ(IOHIDDeviceCreate(kCFAllocatorDefault, service), nullptr);
    EXPECT_NE(std::string(opendext_last_error_reason()).find("is no IOHIDDevice"),
              std::string::npos)
        << opendext_last_error_reason();
    IOObjectRelease(service);
    EXPECT_EQ(IOHIDDeviceCreate(kCFAllocatorDefault, IO_OBJECT_NULL), nullptr);
}

// Facts: IOHIDDeviceOpen, IOHIDDeviceClose
TEST(HidDevice, OpensAndClosesAndSaysWhoMayNot) {
    Pad pad;
    const auto device = pad.find();
    EXPECT_EQ(IOHIDDeviceClose(device.get(), 0), kIOReturnNotOpen);
    ASSERT_EQ(IOHIDDeviceOpen(device.get(), 0), kIOReturnSuccess);
    EXPECT_EQ(IOHIDDeviceOpen(device.get(), 0), kIOReturnSuccess) << "it is open";
    const auto second = pad.find();
    EXPECT_EQ(IOHIDDeviceOpen(second.get(), kIOHIDOptionsTypeSeizeDevice), kIOReturnSuccess);
    const auto third = pad.find();
    EXPECT_EQ(IOHIDDeviceOpen(third.get(), kIOHIDOptionsTypeSeizeDevice), kIOReturnExclusiveAccess);
    EXPECT_STRNE(opendext_last_error_reason(), "");
    EXPECT_EQ(IOHIDDeviceOpen(third.get(), 0), kIOReturnExclusiveAccess);
    EXPECT_EQ(IOHIDDeviceClose(second.get(), 0), kIOReturnSuccess);
    EXPECT_EQ(IOHIDDeviceOpen(third.get(), kIOHIDOptionsTypeSeizeDevice), kIOReturnSuccess)
        << opendext_last_error_reason();
    EXPECT_EQ(IOHIDDeviceClose(third.get(), 0), kIOReturnSuccess);
    EXPECT_EQ(IOHIDDeviceOpen(device.get(), kIOHIDOptionsTypeSeizeDevice), kIOReturnSuccess)
        << "what is open can be seized";
    EXPECT_EQ(IOHIDDeviceOpen(third.get(), 0), kIOReturnExclusiveAccess);
    EXPECT_TRUE(wait_until([&] { return pad.device->users() == 1; }));
    EXPECT_EQ(IOHIDDeviceClose(device.get(), 0), kIOReturnSuccess);
    EXPECT_TRUE(wait_until([&] { return pad.device->users() == 0; }));
}

// Facts: IOHIDDeviceRegisterInputReportCallback, IOHIDDeviceScheduleWithRunLoop,
// Facts: IOHIDDeviceUnscheduleFromRunLoop, IOHIDDeviceRegisterInputReportWithTimeStampCallback
TEST(HidDevice, TellsInputReportsOnARunLoop) {
    Pad pad;
    const auto device = pad.open();
    Reports plain;
    Reports timed;
    uint8_t buffer[16];
    uint8_t short_buffer[4];
    IOHIDDeviceRegisterInputReportCallback(device.get(), buffer, sizeof buffer, Reports::take,
                                           &plain);
    IOHIDDeviceRegisterInputReportWithTimeStampCallback(
        device.get(), short_buffer, sizeof short_buffer, Reports::take_timed, &timed);
    IOHIDDeviceScheduleWithRunLoop(device.get(), CFRunLoopGetCurrent(), kCFRunLoopDefaultMode);
    pad.send(1, -2, 3, 0x81, 4, 0, 123456789);
    pad.send(2, -2, 3, 0x81);
    ASSERT_TRUE(run_until([&] { return timed.reports.size() == 2; }));
    EXPECT_EQ(plain.reports[0], (Bytes{1, 1, 0xfe, 3, 0x81, 4, 0}));
    EXPECT_EQ(plain.reports[1], (Bytes{1, 2, 0xfe, 3, 0x81, 0, 0}));
    EXPECT_EQ(plain.ids, (std::vector<uint32_t>{1, 1}));
    EXPECT_EQ(plain.sender, device.get());
    EXPECT_EQ(timed.reports[0], (Bytes{1, 1, 0xfe, 3})) << "cut to the program's room";
    EXPECT_EQ(timed.times[0], 123456789U);
    EXPECT_GT(timed.times[1], timed.times[0]);
    IOHIDDeviceUnscheduleFromRunLoop(device.get(), CFRunLoopGetCurrent(), kCFRunLoopDefaultMode);
    pad.send(3, 0, 0, 0);
    CFRunLoopRunInMode(kCFRunLoopDefaultMode, 0.05, FALSE);
    EXPECT_EQ(plain.reports.size(), 2U);
    IOHIDDeviceScheduleWithRunLoop(device.get(), CFRunLoopGetCurrent(), kCFRunLoopDefaultMode);
    EXPECT_TRUE(run_until([&] { return plain.reports.size() == 3; })) << "it was kept";
}

// Facts: IOHIDDeviceRegisterInputValueCallback, IOHIDDeviceSetInputValueMatching,
// Facts: IOHIDDeviceSetInputValueMatchingMultiple
TEST(HidDevice, TellsTheValuesThatChanged) {
    Pad pad;
    const auto device = pad.open();
    Values told;
    IOHIDDeviceRegisterInputValueCallback(device.get(), Values::take, &told);
    IOHIDDeviceScheduleWithRunLoop(device.get(), CFRunLoopGetCurrent(), kCFRunLoopDefaultMode);
    using List = std::vector<std::pair<uint32_t, CFIndex>>;
    pad.send(5, 0, 2, 0x02);
    ASSERT_TRUE(run_until([&] { return told.values.size() == 3; }));
    EXPECT_EQ(told.values, (List{{kHIDUsage_GD_X, 5}, {kHIDUsage_GD_Wheel, 2}, {2, 1}}));
    told.values.clear();
    // The wheel is relative: told again. A key of the array, and the array itself.
    pad.send(5, 0, 2, 0x02, 4);
    ASSERT_TRUE(run_until([&] { return told.values.size() == 3; }));
    EXPECT_EQ(told.values, (List{{kHIDUsage_GD_Wheel, 2}, {4, 1}, {0xffffffff, 4}}));
    told.values.clear();
    pad.send(5, 0, 0, 0x02, 5);
    ASSERT_TRUE(run_until([&] { return told.values.size() == 3; }));
    EXPECT_EQ(told.values, (List{{4, 0}, {5, 1}, {0xffffffff, 5}}));
    told.values.clear();
    const auto buttons = dictionary({{kIOHIDElementUsagePageKey, kHIDPage_Button}});
    IOHIDDeviceSetInputValueMatching(device.get(), buttons.get());
    pad.send(9, 9, 9, 0x03, 5);
    ASSERT_TRUE(run_until([&] { return !told.values.empty(); }));
    EXPECT_EQ(told.values, (List{{1, 1}}));
    told.values.clear();
    const auto two = io::Value(io::Array{io::Dictionary{{kIOHIDElementUsageKey, kHIDUsage_GD_Y}},
                                         io::Dictionary{{kIOHIDElementUsageKey, 1},
                                                        {kIOHIDElementUsagePageKey, 9}}})
                         .to_cf();
    IOHIDDeviceSetInputValueMatchingMultiple(device.get(), static_cast<CFArrayRef>(two.get()));
    pad.send(8, 8, 8, 0x00, 5);
    ASSERT_TRUE(run_until([&] { return told.values.size() == 2; }));
    EXPECT_EQ(told.values, (List{{kHIDUsage_GD_Y, 8}, {1, 0}}));
    told.values.clear();
    IOHIDDeviceSetInputValueMatching(device.get(), nullptr);
    pad.send(7, 8, 0, 0x00, 5);
    ASSERT_TRUE(run_until([&] { return !told.values.empty(); }));
    EXPECT_EQ(told.values, (List{{kHIDUsage_GD_X, 7}}));
}

// Facts: IOHIDDeviceOpen, IOHIDDeviceRegisterInputReportCallback
TEST(HidDevice, GetsNoInputWhileSomebodyElseSeizedIt) {
    Pad pad;
    const auto device = pad.open();
    Reports others;
    Reports own;
    uint8_t buffer[2][16];
    IOHIDDeviceRegisterInputReportCallback(device.get(), buffer[0], 16, Reports::take, &others);
    IOHIDDeviceScheduleWithRunLoop(device.get(), CFRunLoopGetCurrent(), kCFRunLoopDefaultMode);
    const auto seizing = pad.open(kIOHIDOptionsTypeSeizeDevice);
    IOHIDDeviceRegisterInputReportCallback(seizing.get(), buffer[1], 16, Reports::take, &own);
    IOHIDDeviceScheduleWithRunLoop(seizing.get(), CFRunLoopGetCurrent(), kCFRunLoopDefaultMode);
    pad.send(1, 0, 0, 0);
    ASSERT_TRUE(run_until([&] { return own.reports.size() == 1; }));
    ASSERT_EQ(IOHIDDeviceClose(seizing.get(), 0), kIOReturnSuccess);
    ASSERT_TRUE(wait_until([&] { return pad.device->users() == 1; }));
    pad.send(2, 0, 0, 0);
    ASSERT_TRUE(run_until([&] { return others.reports.size() == 1; }));
    EXPECT_EQ(others.reports[0][1], 2) << "the one of the time of seizing is not kept for later";
    EXPECT_EQ(own.reports.size(), 1U);
}

// Facts: IOHIDDeviceSetDispatchQueue, IOHIDDeviceActivate, IOHIDDeviceCancel,
// Facts: IOHIDDeviceSetCancelHandler
TEST(HidDevice, TellsInputOnADispatchQueueUntilItIsCancelled) {
    Pad pad;
    const auto device = pad.open();
    struct State {
        std::atomic<int> reports = 0;
        std::atomic<bool> cancelled = false;
    };
    State state;
    State* const shared = &state;
    uint8_t buffer[16];
    IOHIDDeviceRegisterInputReportCallback(
        device.get(), buffer, sizeof buffer,
        [](void* context, IOReturn, void*, IOHIDReportType, uint32_t, uint8_t*, CFIndex) {
            EXPECT_FALSE(static_cast<State*>(context)->cancelled);
            ++static_cast<State*>(context)->reports;
        },
        &state);
    dispatch_queue_t queue = dispatch_queue_create("test", DISPATCH_QUEUE_SERIAL);
    IOHIDDeviceSetDispatchQueue(device.get(), queue);
    IOHIDDeviceSetCancelHandler(device.get(), ^{
      shared->cancelled = true;
    });
    pad.send(1, 0, 0, 0);
    EXPECT_EQ(state.reports, 0) << "not before it is activated";
    IOHIDDeviceActivate(device.get());
    pad.send(2, 0, 0, 0);
    EXPECT_TRUE(wait_until([&] { return state.reports == 2; }));
    IOHIDDeviceCancel(device.get());
    EXPECT_TRUE(wait_until([&] { return state.cancelled.load(); }));
    dispatch_release(queue);
}

// Facts: IOHIDDeviceRegisterRemovalCallback, IOHIDDeviceGetProperty
TEST(HidDevice, TellsThatItWentAndStillKnowsItsName) {
    Pad pad;
    const auto device = pad.open();
    struct Told {
        std::string product;
        IOReturn result = kIOReturnError;
        bool done = false;
    } told;
    IOHIDDeviceRegisterRemovalCallback(
        device.get(),
        [](void* context, IOReturn result, void* sender) {
            auto& own = *static_cast<Told*>(context);
            own.result = result;
            own.product = io::to_string(static_cast<CFStringRef>(IOHIDDeviceGetProperty(
                static_cast<IOHIDDeviceRef>(sender), CFSTR(kIOHIDProductKey))));
            own.done = true;
        },
        &told);
    IOHIDDeviceScheduleWithRunLoop(device.get(), CFRunLoopGetCurrent(), kCFRunLoopDefaultMode);
    pad.unplug();
    ASSERT_TRUE(run_until([&] { return told.done; }));
    EXPECT_EQ(told.result, kIOReturnSuccess);
    EXPECT_EQ(told.product, pad.product);
    uint8_t report[11];
    CFIndex length = sizeof report;
    EXPECT_EQ(IOHIDDeviceGetReport(device.get(), kIOHIDReportTypeFeature, 3, report, &length),
              kIOReturnNoDevice);
    EXPECT_EQ(opendext_last_error_origin(), OPENDEXT_ORIGIN_TERMINATED);
    const auto again = IOHIDDeviceOpen(device.get(), 0);
    EXPECT_EQ(again, kIOReturnSuccess) << "it is open still";
    EXPECT_EQ(IOHIDDeviceClose(device.get(), 0), kIOReturnSuccess);
    EXPECT_NE(IOHIDDeviceOpen(device.get(), 0), kIOReturnSuccess);
}

TEST(HidDevice, ServesAnEventLoopOfTheProgramsOwn) {
    Pad pad;
    const auto device = pad.open();
    Reports told;
    uint8_t buffer[16];
    IOHIDDeviceRegisterInputReportCallback(device.get(), buffer, 16, Reports::take, &told);
    pad.send(1, 2, 3, 4);
    pollfd waited{opendext_hid_fd(device.get()), POLLIN, 0};
    ASSERT_EQ(::poll(&waited, 1, static_cast<int>(patience() * 1000)), 1);
    opendext_hid_dispatch(device.get());
    EXPECT_EQ(told.reports.size(), 1U);
    EXPECT_EQ(::poll(&waited, 1, 0), 0);
    EXPECT_EQ(opendext_hid_fd(CFSTR("a string")), -1);
    opendext_hid_dispatch(CFSTR("a string"));
}

TEST(HidDevice, KeepsABoundedNumberOfReportsForAProgramThatSleeps) {
    Pad pad;
    const auto device = pad.open();
    Reports told;
    uint8_t buffer[16];
    IOHIDDeviceRegisterInputReportCallback(device.get(), buffer, 16, Reports::take, &told);
    // Numbered in X, Y and wheel. Some may be lost on the way already: the pad does not wait.
    size_t sent = 0;
    ASSERT_TRUE(wait_until([&] {
        for (int i = 0; i < 50; ++i, ++sent)
            pad.send(static_cast<int8_t>(sent), static_cast<int8_t>(sent >> 8),
                     static_cast<int8_t>(sent >> 16), 0);
        return opendext_hid_dropped(device.get()) > 0;
    }));
    opendext_hid_dispatch(device.get());
    EXPECT_GE(told.reports.size(), 1024U);
    EXPECT_LT(told.reports.size(), sent);
    long last = -1;
    for (const Bytes& report : told.reports) {
        const long number = report[1] | report[2] << 8 | report[3] << 16;
        ASSERT_GT(number, last) << "in their order";
        last = number;
    }
}

}  // namespace
}  // namespace hid_test
