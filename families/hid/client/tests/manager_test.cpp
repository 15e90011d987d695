// SPDX-License-Identifier: Apache-2.0
// IOHIDManager, IOHIDUserDevice, the plug-in's interfaces and the event system's.
#include <IOKit/hid/IOHIDDevicePlugIn.h>
#include <IOKit/hidsystem/IOHIDEventSystemClient.h>
#include <IOKit/hidsystem/IOHIDUserDevice.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "families/hid/client/tests/pad.h"

namespace hid_test {
namespace {

struct Devices {
    std::vector<std::string> came;
    std::vector<std::string> went;
    void* sender = nullptr;
    static std::string name(IOHIDDeviceRef device) {
        return io::to_string(
            static_cast<CFStringRef>(IOHIDDeviceGetProperty(device, CFSTR(kIOHIDProductKey))));
    }
    static void matched(void* context, IOReturn, void* sender, IOHIDDeviceRef device) {
        static_cast<Devices*>(context)->came.push_back(name(device));
        static_cast<Devices*>(context)->sender = sender;
    }
    static void removed(void* context, IOReturn, void*, IOHIDDeviceRef device) {
        static_cast<Devices*>(context)->went.push_back(name(device));
    }
};

/// One that finds the devices with this product id.
io::CF<IOHIDManagerRef> manager_for(int product, IOOptionBits options = kIOHIDManagerOptionNone) {
    auto made = io::CF<IOHIDManagerRef>::adopt(IOHIDManagerCreate(kCFAllocatorDefault, options));
    IOHIDManagerSetDeviceMatching(
        made.get(), dictionary({{kIOHIDVendorIDKey, 0x1209}, {kIOHIDProductIDKey, product}}).get());
    return made;
}

CFIndex count(IOHIDManagerRef manager) {
    const auto devices = io::CF<CFSetRef>::adopt(IOHIDManagerCopyDevices(manager));
    return devices ? CFSetGetCount(devices.get()) : 0;
}

// Facts: IOHIDManagerGetTypeID, IOHIDManagerCreate, IOHIDManagerSetDeviceMatching,
// Facts: IOHIDManagerSetDeviceMatchingMultiple, IOHIDManagerCopyDevices
TEST(HidManager, KnowsTheDevicesThatFit) {
    Pad one({{kIOHIDProductIDKey, 0x101}});
    Pad two({{kIOHIDProductIDKey, 0x102}});
    const auto manager = manager_for(0x101);
    EXPECT_EQ(CFGetTypeID(manager.get()), IOHIDManagerGetTypeID());
    EXPECT_EQ(count(manager.get()), 1);
    const auto both =
        io::Value(
            io::Array{io::Dictionary{{kIOHIDProductIDKey, 0x101}, {kIOHIDVendorIDKey, 0x1209}},
                      io::Dictionary{{kIOHIDProductIDKey, 0x102}, {kIOHIDVendorIDKey, 0x1209}}})
            .to_cf();
    IOHIDManagerSetDeviceMatchingMultiple(manager.get(), static_cast<CFArrayRef>(both.get()));
    EXPECT_EQ(count(manager.get()), 2);
    IOHIDManagerSetDeviceMatching(manager.get(),
                                  dictionary({{kIOHIDDeviceUsagePageKey, kHIDPage_GenericDesktop},
                                              {kIOHIDDeviceUsageKey, kHIDUsage_GD_GamePad},
                                              {kIOHIDVendorIDKey, 0x1209},
                                              {kIOHIDProductIDKey, 0x102}})
                                      .get());
    EXPECT_EQ(count(manager.get()), 1) << "the other does not fit any more";
    IOHIDManagerSetDeviceMatching(manager.get(), dictionary({{kIOHIDVendorIDKey, 0xdead}}).get());
    EXPECT_EQ(IOHIDManagerCopyDevices(manager.get()), nullptr);
    IOHIDManagerSetDeviceMatching(manager.get(), nullptr);
    EXPECT_GE(count(manager.get()), 2);
    const auto ones = manager_for(0x101);
    EXPECT_EQ(count(ones.get()), 1);
    one.unplug();
    EXPECT_TRUE(wait_until([&] { return count(ones.get()) == 0; })) << "without being scheduled";
}

// Facts: IOHIDManagerRegisterDeviceMatchingCallback, IOHIDManagerRegisterDeviceRemovalCallback,
// Facts: IOHIDManagerScheduleWithRunLoop, IOHIDManagerUnscheduleFromRunLoop
TEST(HidManager, TellsWhatComesAndGoes) {
    auto first = std::make_unique<Pad>(io::Dictionary{{kIOHIDProductIDKey, 0x111}});
    const auto manager = manager_for(0x111);
    Devices told;
    IOHIDManagerRegisterDeviceMatchingCallback(manager.get(), Devices::matched, &told);
    IOHIDManagerRegisterDeviceRemovalCallback(manager.get(), Devices::removed, &told);
    EXPECT_TRUE(told.came.empty()) << "not before it is scheduled";
    IOHIDManagerScheduleWithRunLoop(manager.get(), CFRunLoopGetCurrent(), kCFRunLoopDefaultMode);
    ASSERT_TRUE(run_until([&] { return told.came.size() == 1; }));
    EXPECT_EQ(told.came[0], first->product);
    EXPECT_EQ(told.sender, manager.get());
    auto second = std::make_unique<Pad>(io::Dictionary{{kIOHIDProductIDKey, 0x111}});
    ASSERT_TRUE(run_until([&] { return told.came.size() == 2; }));
    EXPECT_EQ(told.came[1], second->product);
    first->unplug();
    ASSERT_TRUE(run_until([&] { return told.went.size() == 1; }));
    EXPECT_EQ(told.went[0], first->product);
    EXPECT_EQ(count(manager.get()), 1);
    // Plugged in again: another device.
    auto again = std::make_unique<Pad>(io::Dictionary{{kIOHIDProductIDKey, 0x111}});
    ASSERT_TRUE(run_until([&] { return told.came.size() == 3; }));
    IOHIDManagerUnscheduleFromRunLoop(manager.get(), CFRunLoopGetCurrent(), kCFRunLoopDefaultMode);
}

struct Input {
    std::vector<Bytes> reports;
    std::vector<uint64_t> times;
    std::vector<CFIndex> values;
    std::set<void*> senders;
};

// Facts: IOHIDManagerOpen, IOHIDManagerClose, IOHIDManagerRegisterInputReportCallback,
// Facts: IOHIDManagerRegisterInputReportWithTimeStampCallback,
// Facts: IOHIDManagerRegisterInputValueCallback, IOHIDManagerSetInputValueMatching,
// Facts: IOHIDManagerSetInputValueMatchingMultiple
TEST(HidManager, OpensAllAndTellsTheirInput) {
    Pad first({{kIOHIDProductIDKey, 0x121}});
    const auto manager = manager_for(0x121);
    Input input;
    IOHIDManagerRegisterInputReportCallback(
        manager.get(),
        [](void* context, IOReturn, void* sender, IOHIDReportType, uint32_t, uint8_t* report,
           CFIndex length) {
            static_cast<Input*>(context)->reports.emplace_back(report, report + length);
            static_cast<Input*>(context)->senders.insert(sender);
        },
        &input);
    IOHIDManagerRegisterInputReportWithTimeStampCallback(
        manager.get(),
        [](void* context, IOReturn, void*, IOHIDReportType, uint32_t, uint8_t*, CFIndex,
           uint64_t time) { static_cast<Input*>(context)->times.push_back(time); },
        &input);
    IOHIDManagerRegisterInputValueCallback(
        manager.get(),
        [](void* context, IOReturn, void*, IOHIDValueRef value) {
            static_cast<Input*>(context)->values.push_back(IOHIDValueGetIntegerValue(value));
        },
        &input);
    IOHIDManagerScheduleWithRunLoop(manager.get(), CFRunLoopGetCurrent(), kCFRunLoopDefaultMode);
    ASSERT_EQ(IOHIDManagerOpen(manager.get(), kIOHIDOptionsTypeNone), kIOReturnSuccess)
        << opendext_last_error_reason();
    Pad second({{kIOHIDProductIDKey, 0x121}});
    ASSERT_TRUE(run_until([&] {
        return first.device->users() == 1 && second.device->users() == 1;
    })) << "one that comes later is opened, too";
    first.send(3, 0, 0, 0, 0, 0, 42);
    second.send(4, 0, 0, 0);
    ASSERT_TRUE(run_until([&] { return input.reports.size() == 2 && input.values.size() == 2; }));
    EXPECT_EQ(input.senders.size(), 2U) << "each device is the sender of its own";
    EXPECT_EQ(std::set<CFIndex>(input.values.begin(), input.values.end()),
              (std::set<CFIndex>{3, 4}));
    EXPECT_EQ(std::set<uint64_t>(input.times.begin(), input.times.end()).count(42), 1U);
    input.values.clear();
    IOHIDManagerSetInputValueMatching(
        manager.get(), dictionary({{kIOHIDElementUsagePageKey, kHIDPage_Button}}).get());
    first.send(9, 9, 0, 1);
    ASSERT_TRUE(run_until([&] { return input.reports.size() == 3; }));
    EXPECT_EQ(input.values, (std::vector<CFIndex>{1}));
    IOHIDManagerSetInputValueMatchingMultiple(manager.get(), nullptr);
    first.send(8, 9, 0, 1);
    ASSERT_TRUE(run_until([&] { return input.values.size() == 2; }));
    ASSERT_EQ(IOHIDManagerClose(manager.get(), kIOHIDOptionsTypeNone), kIOReturnSuccess);
    EXPECT_TRUE(
        wait_until([&] { return first.device->users() == 0 && second.device->users() == 0; }));
}

// Facts: IOHIDManagerOpen
TEST(HidManager, OpensWhatItCanAndNamesWhatItCannot) {
    Pad free({{kIOHIDProductIDKey, 0x131}});
    Pad taken({{kIOHIDProductIDKey, 0x131}});
    const auto other = taken.open(kIOHIDOptionsTypeSeizeDevice);
    const auto manager = manager_for(0x131);
    EXPECT_EQ(IOHIDManagerOpen(manager.get(), kIOHIDOptionsTypeNone), kIOReturnExclusiveAccess);
    EXPECT_NE(std::string(opendext_last_error_reason()), "");
    EXPECT_TRUE(wait_until([&] { return free.device->users() == 1; }));
}

// Facts: IOHIDManagerCreate, IOHIDManagerOpen
TEST(HidManager, LeavesIndependentDevicesToTheProgram) {
    Pad pad({{kIOHIDProductIDKey, 0x141}});
    const auto manager = manager_for(0x141, kIOHIDManagerOptionIndependentDevices);
    EXPECT_EQ(IOHIDManagerOpen(manager.get(), kIOHIDOptionsTypeSeizeDevice), kIOReturnSuccess);
    EXPECT_EQ(count(manager.get()), 1);
    const auto device = pad.open(kIOHIDOptionsTypeSeizeDevice);
    EXPECT_EQ(pad.device->users(), 1U) << "the manager did not open it";
}

// Facts: IOHIDManagerGetProperty, IOHIDManagerSetProperty, IOHIDManagerSaveToPropertyDomain
TEST(HidManager, HasPropertiesThatItsDevicesGetAndThatCanBeKept) {
    const std::filesystem::path home =
        std::filesystem::temp_directory_path() / ("hid-" + std::to_string(::getpid()));
    ::setenv("XDG_CONFIG_HOME", home.c_str(), 1);
    Pad pad({{kIOHIDProductIDKey, 0x151}});
    const auto manager = manager_for(0x151);
    EXPECT_EQ(IOHIDManagerGetProperty(manager.get(), CFSTR("Speed")), nullptr);
    const auto speed = io::Value(7).to_cf();
    EXPECT_TRUE(IOHIDManagerSetProperty(manager.get(), CFSTR("Speed"), speed.get()));
    EXPECT_EQ(io::Value::from_cf(IOHIDManagerGetProperty(manager.get(), CFSTR("Speed"))),
              io::Value(7));
    const auto devices = io::CF<CFSetRef>::adopt(IOHIDManagerCopyDevices(manager.get()));
    const void* device = nullptr;
    CFSetGetValues(devices.get(), &device);
    EXPECT_EQ(io::Value::from_cf(IOHIDDeviceGetProperty(
                  static_cast<IOHIDDeviceRef>(const_cast<void*>(device)), CFSTR("Speed"))),
              io::Value(7));
    IOHIDManagerSaveToPropertyDomain(manager.get(),
                                     io::cf_string(program_invocation_short_name).get(), nullptr,
                                     nullptr, kIOHIDManagerOptionNone);
    const auto next = io::CF<IOHIDManagerRef>::adopt(
        IOHIDManagerCreate(kCFAllocatorDefault, kIOHIDManagerOptionUsePersistentProperties));
    EXPECT_EQ(io::Value::from_cf(IOHIDManagerGetProperty(next.get(), CFSTR("Speed"))),
              io::Value(7));
    std::filesystem::remove_all(home);
}

// Facts: IOHIDManagerSetDispatchQueue, IOHIDManagerSetCancelHandler, IOHIDManagerActivate,
// Facts: IOHIDManagerCancel
TEST(HidManager, WorksOnADispatchQueueUntilItIsCancelled) {
    Pad pad({{kIOHIDProductIDKey, 0x161}});
    const auto manager = manager_for(0x161);
    struct State {
        std::atomic<int> devices = 0;
        std::atomic<int> reports = 0;
        std::atomic<bool> cancelled = false;
    } state;
    State* const shared = &state;
    IOHIDManagerRegisterDeviceMatchingCallback(
        manager.get(),
        [](void* context, IOReturn, void*, IOHIDDeviceRef) {
            ++static_cast<State*>(context)->devices;
        },
        &state);
    IOHIDManagerRegisterInputReportCallback(
        manager.get(),
        [](void* context, IOReturn, void*, IOHIDReportType, uint32_t, uint8_t*, CFIndex) {
            ++static_cast<State*>(context)->reports;
        },
        &state);
    dispatch_queue_t queue = dispatch_queue_create("test", DISPATCH_QUEUE_SERIAL);
    IOHIDManagerSetDispatchQueue(manager.get(), queue);
    IOHIDManagerSetCancelHandler(manager.get(), ^{
      shared->cancelled = true;
    });
    ASSERT_EQ(IOHIDManagerOpen(manager.get(), kIOHIDOptionsTypeNone), kIOReturnSuccess);
    IOHIDManagerActivate(manager.get());
    EXPECT_TRUE(wait_until([&] { return state.devices == 1 && pad.device->users() == 1; }));
    pad.send(1, 1, 1, 1);
    EXPECT_TRUE(wait_until([&] { return state.reports == 1; }));
    IOHIDManagerCancel(manager.get());
    EXPECT_TRUE(wait_until([&] { return state.cancelled.load(); }));
    dispatch_release(queue);
}

TEST(HidManager, ServesAnEventLoopOfTheProgramsOwn) {
    const auto manager = manager_for(0x171);
    Devices told;
    IOHIDManagerRegisterDeviceMatchingCallback(manager.get(), Devices::matched, &told);
    Input input;
    IOHIDManagerRegisterInputReportCallback(
        manager.get(),
        [](void* context, IOReturn, void*, IOHIDReportType, uint32_t, uint8_t* report,
           CFIndex length) {
            static_cast<Input*>(context)->reports.emplace_back(report, report + length);
        },
        &input);
    ASSERT_EQ(IOHIDManagerOpen(manager.get(), kIOHIDOptionsTypeNone), kIOReturnSuccess);
    const auto serve = [&](const std::function<bool()>& condition) {
        return wait_until([&] {
            pollfd waited{opendext_hid_fd(manager.get()), POLLIN, 0};
            if (::poll(&waited, 1, 5) == 1) opendext_hid_dispatch(manager.get());
            return condition();
        });
    };
    Pad pad({{kIOHIDProductIDKey, 0x171}});
    ASSERT_TRUE(serve([&] { return told.came.size() == 1 && pad.device->users() == 1; }));
    pad.send(1, 1, 1, 1);
    EXPECT_TRUE(serve([&] { return input.reports.size() == 1; })) << "that of a device, too";
}

// Facts: IOHIDUserDeviceGetTypeID, IOHIDUserDeviceCreateWithProperties,
// Facts: IOHIDUserDeviceRegisterGetReportBlock, IOHIDUserDeviceRegisterSetReportBlock,
// Facts: IOHIDUserDeviceSetDispatchQueue, IOHIDUserDeviceSetCancelHandler,
// Facts: IOHIDUserDeviceActivate, IOHIDUserDeviceCancel, IOHIDUserDeviceCopyProperty,
// Facts: IOHIDUserDeviceSetProperty, IOHIDUserDeviceHandleReportWithTimeStamp
TEST(HidUserDevice, IsADeviceThatAProgramPlaysWithBlocks) {
    io::Data descriptor(kPad.size());
    std::memcpy(descriptor.data(), kPad.data(), kPad.size());
    const auto properties = dictionary({{kIOHIDReportDescriptorKey, descriptor},
                                        {kIOHIDVendorIDKey, 0x1209},
                                        {kIOHIDProductIDKey, 0x181},
                                        {kIOHIDProductKey, "Played"}});
    const auto played = io::CF<IOHIDUserDeviceRef>::adopt(IOHIDUserDeviceCreateWithProperties(
        kCFAllocatorDefault, properties.get(), IOHIDUserDeviceOptionsCreateOnActivate));
    ASSERT_TRUE(played) << opendext_last_error_reason();
    EXPECT_EQ(CFGetTypeID(played.get()), IOHIDUserDeviceGetTypeID());
    const auto manager = manager_for(0x181);
    EXPECT_EQ(count(manager.get()), 0) << "it is plugged in when it is activated";
    const Bytes report{1, 1, 2, 3, 4, 0, 0};
    EXPECT_EQ(IOHIDUserDeviceHandleReportWithTimeStamp(played.get(), 0, report.data(), 7),
              kIOReturnNotReady);
    struct State {
        std::mutex mutex;
        Bytes set;
        bool cancelled = false;
    };
    State state;
    State* const shared = &state;
    IOHIDUserDeviceRegisterGetReportBlock(
        played.get(), ^(IOHIDReportType type, uint32_t id, uint8_t* room, CFIndex* length) {
          if (type != kIOHIDReportTypeFeature || *length < 3) return kIOReturnBadArgument;
          room[0] = static_cast<uint8_t>(id);
          room[1] = 'o';
          room[2] = 'k';
          *length = 3;
          return kIOReturnSuccess;
        });
    IOHIDUserDeviceRegisterSetReportBlock(
        played.get(), ^(IOHIDReportType, uint32_t, const uint8_t* bytes, CFIndex length) {
          const std::lock_guard lock(shared->mutex);
          shared->set.assign(bytes, bytes + length);
          return kIOReturnSuccess;
        });
    dispatch_queue_t queue = dispatch_queue_create("device", DISPATCH_QUEUE_SERIAL);
    IOHIDUserDeviceSetDispatchQueue(played.get(), queue);
    IOHIDUserDeviceSetCancelHandler(played.get(), ^{
      const std::lock_guard lock(shared->mutex);
      shared->cancelled = true;
    });
    IOHIDUserDeviceActivate(played.get());
    ASSERT_TRUE(wait_until([&] { return count(manager.get()) == 1; }));
    const auto name = io::CF<CFTypeRef>::adopt(
        IOHIDUserDeviceCopyProperty(played.get(), CFSTR(kIOHIDProductKey)));
    EXPECT_EQ(io::Value::from_cf(name.get()), io::Value("Played"));
    EXPECT_EQ(IOHIDUserDeviceCopyProperty(played.get(), CFSTR("NoSuch")), nullptr);
    (void)IOHIDUserDeviceSetProperty(played.get(), CFSTR("Mine"), CFSTR("x"));

    const auto devices = io::CF<CFSetRef>::adopt(IOHIDManagerCopyDevices(manager.get()));
    const void* found = nullptr;
    CFSetGetValues(devices.get(), &found);
    const auto device = static_cast<IOHIDDeviceRef>(const_cast<void*>(found));
    ASSERT_EQ(IOHIDDeviceOpen(device, 0), kIOReturnSuccess);
    uint8_t room[16];
    CFIndex length = sizeof room;
    ASSERT_EQ(IOHIDDeviceGetReport(device, kIOHIDReportTypeFeature, 3, room, &length),
              kIOReturnSuccess)
        << opendext_last_error_reason();
    EXPECT_EQ(Bytes(room, room + length), (Bytes{3, 'o', 'k'}));
    const Bytes lights{2, 5};
    ASSERT_EQ(IOHIDDeviceSetReport(device, kIOHIDReportTypeOutput, 2, lights.data(), 2),
              kIOReturnSuccess);
    {
        const std::lock_guard lock(state.mutex);
        EXPECT_EQ(state.set, lights);
    }
    std::vector<uint64_t> times;
    uint8_t buffer[16];
    IOHIDDeviceRegisterInputReportWithTimeStampCallback(
        device, buffer, 16,
        [](void* context, IOReturn, void*, IOHIDReportType, uint32_t, uint8_t*, CFIndex,
           uint64_t time) { static_cast<std::vector<uint64_t>*>(context)->push_back(time); },
        &times);
    IOHIDDeviceScheduleWithRunLoop(device, CFRunLoopGetCurrent(), kCFRunLoopDefaultMode);
    EXPECT_EQ(IOHIDUserDeviceHandleReportWithTimeStamp(played.get(), 1234, report.data(), 7),
              kIOReturnSuccess);
    ASSERT_TRUE(run_until([&] { return times.size() == 1; }));
    EXPECT_EQ(times[0], 1234U);
    IOHIDUserDeviceCancel(played.get());
    ASSERT_TRUE(wait_until([&] {
        const std::lock_guard lock(state.mutex);
        return state.cancelled;
    }));
    EXPECT_TRUE(run_until([&] { return count(manager.get()) == 0; })) << "it is unplugged";
    EXPECT_EQ(IOHIDUserDeviceHandleReportWithTimeStamp(played.get(), 0, report.data(), 7),
              kIOReturnNotOpen);
    dispatch_release(queue);
}

// Facts: IOHIDUserDeviceCreateWithProperties
TEST(HidUserDevice, IsRefusedWithAReasonForAWrongDescriptor) {
    EXPECT_EQ(IOHIDUserDeviceCreateWithProperties(kCFAllocatorDefault,
                                                  dictionary({{kIOHIDProductKey, "x"}}).get(), 0),
              nullptr);
    EXPECT_NE(std::string(opendext_last_error_reason()).find("ReportDescriptor"),
              std::string::npos);
    const io::Data wrong{std::byte{0xa1}, std::byte{0x01}};  // a collection that does not end
    EXPECT_EQ(IOHIDUserDeviceCreateWithProperties(
                  kCFAllocatorDefault, dictionary({{kIOHIDReportDescriptorKey, wrong}}).get(), 0),
              nullptr);
    EXPECT_STRNE(opendext_last_error_reason(), "");
    EXPECT_EQ(IOHIDUserDeviceCreateWithProperties(kCFAllocatorDefault, nullptr, 0), nullptr);
    const auto made = io::HidDevice::create(Bytes{0xa1, 0x01});
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().code, kIOReturnBadArgument) << made.error().text();
}

TEST(HidPlugIn, HasTheInterfacesOfTheHeader) {
    Pad pad;
    const io_service_t service = IOServiceGetMatchingService(
        kIOMainPortDefault, IORegistryEntryIDMatching(pad.device->entry()));
    IOCFPlugInInterface** plug_in = nullptr;
    SInt32 score = 1;
    ASSERT_EQ(IOCreatePlugInInterfaceForService(service, kIOHIDDeviceTypeID, kIOCFPlugInInterfaceID,
                                                &plug_in, &score),
              kIOReturnSuccess)
        << opendext_last_error_reason();
    IOObjectRelease(service);
    IOHIDDeviceTimeStampedDeviceInterface** device = nullptr;
    ASSERT_EQ(
        (*plug_in)->QueryInterface(plug_in, CFUUIDGetUUIDBytes(kIOHIDDeviceDeviceInterfaceID2),
                                   reinterpret_cast<LPVOID*>(&device)),
        S_OK);
    IOHIDDeviceDeviceInterface** old = nullptr;
    ASSERT_EQ((*plug_in)->QueryInterface(plug_in, CFUUIDGetUUIDBytes(kIOHIDDeviceDeviceInterfaceID),
                                         reinterpret_cast<LPVOID*>(&old)),
              S_OK);
    LPVOID nothing = nullptr;
    EXPECT_EQ(
        (*plug_in)->QueryInterface(plug_in, CFUUIDGetUUIDBytes(kIOHIDDeviceFactoryID), &nothing),
        E_NOINTERFACE);
    EXPECT_EQ(IODestroyPlugInInterface(plug_in), kIOReturnSuccess);
    ASSERT_EQ((*old)->open(old, kIOHIDOptionsTypeNone), kIOReturnSuccess);
    (*old)->Release(old);
    CFTypeRef property = nullptr;
    EXPECT_EQ((*device)->getProperty(device, CFSTR(kIOHIDVendorIDKey), &property),
              kIOReturnSuccess);
    EXPECT_EQ(io::Value::from_cf(property), io::Value(0x1209));
    EXPECT_EQ((*device)->setProperty(device, CFSTR("Mine"), CFSTR("x")), kIOReturnSuccess);
    CFArrayRef elements = nullptr;
    ASSERT_EQ(
        (*device)->copyMatchingElements(
            device, dictionary({{kIOHIDElementUsagePageKey, kHIDPage_LEDs}}).get(), &elements, 0),
        kIOReturnSuccess);
    ASSERT_EQ(CFArrayGetCount(elements), 3);
    const auto light =
        static_cast<IOHIDElementRef>(const_cast<void*>(CFArrayGetValueAtIndex(elements, 0)));
    CFRelease(elements);
    const auto on = number(light, 1);
    EXPECT_EQ((*device)->setValue(device, light, on.get(), 5000, nullptr, nullptr, 0),
              kIOReturnSuccess);
    IOHIDValueRef value = nullptr;
    EXPECT_EQ((*device)->getValue(device, light, &value, 5000, nullptr, nullptr, 0),
              kIOReturnSuccess);
    EXPECT_EQ(IOHIDValueGetIntegerValue(value), 1);
    uint8_t report[16];
    CFIndex length = sizeof report;
    EXPECT_EQ((*device)->getReport(device, kIOHIDReportTypeFeature, 3, report, &length, 5000,
                                   nullptr, nullptr, 0),
              kIOReturnSuccess);
    EXPECT_EQ(length, 11);
    EXPECT_EQ((*device)->setReport(device, kIOHIDReportTypeFeature, 3, report, length, 5000,
                                   nullptr, nullptr, 0),
              kIOReturnSuccess);
    pad.silent = true;
    EXPECT_EQ((*device)->setReport(device, kIOHIDReportTypeFeature, 3, report, length, 50, nullptr,
                                   nullptr, 0),
              kIOReturnTimeout)
        << "milliseconds";
    pad.silent = false;

    CFTypeRef source = nullptr;
    ASSERT_EQ((*device)->getAsyncEventSource(device, &source), kIOReturnSuccess);
    CFRunLoopAddSource(CFRunLoopGetCurrent(),
                       static_cast<CFRunLoopSourceRef>(const_cast<void*>(source)),
                       kCFRunLoopDefaultMode);
    struct Told {
        int plain = 0;
        int timed = 0;
    } told;
    uint8_t buffer[16];
    EXPECT_EQ((*device)->setInputReportCallback(
                  device, buffer, 16,
                  [](void* context, IOReturn, void*, IOHIDReportType, uint32_t, uint8_t*, CFIndex) {
                      ++static_cast<Told*>(context)->plain;
                  },
                  &told, 0),
              kIOReturnSuccess);
    EXPECT_EQ((*device)->setInputReportWithTimeStampCallback(
                  device, buffer, 16,
                  [](void* context, IOReturn, void*, IOHIDReportType, uint32_t, uint8_t*, CFIndex,
                     uint64_t) { ++static_cast<Told*>(context)->timed; },
                  &told, 0),
              kIOReturnSuccess);
    ASSERT_TRUE(wait_until([&] { return pad.device->users() == 1; }));
    IOHIDDeviceQueueInterface** queue = nullptr;
    ASSERT_EQ((*device)->QueryInterface(device, CFUUIDGetUUIDBytes(kIOHIDDeviceQueueInterfaceID),
                                        reinterpret_cast<LPVOID*>(&queue)),
              S_OK);
    ASSERT_EQ((*device)->copyMatchingElements(device,
                                              dictionary({{kIOHIDElementUsageKey, kHIDUsage_GD_X},
                                                          {kIOHIDElementUsagePageKey, 1}})
                                                  .get(),
                                              &elements, 0),
              kIOReturnSuccess);
    const auto x =
        static_cast<IOHIDElementRef>(const_cast<void*>(CFArrayGetValueAtIndex(elements, 0)));
    CFRelease(elements);
    EXPECT_EQ((*queue)->setDepth(queue, 5, 0), kIOReturnSuccess);
    uint32_t depth = 0;
    EXPECT_EQ((*queue)->getDepth(queue, &depth), kIOReturnSuccess);
    EXPECT_EQ(depth, 5U);
    EXPECT_EQ((*queue)->addElement(queue, x, 0), kIOReturnSuccess);
    Boolean contains = FALSE;
    EXPECT_EQ((*queue)->containsElement(queue, x, &contains, 0), kIOReturnSuccess);
    EXPECT_TRUE(contains);
    EXPECT_EQ((*queue)->start(queue, 0), kIOReturnSuccess);
    pad.send(6, 0, 0, 0);
    ASSERT_EQ((*queue)->copyNextValue(queue, &value, 60000, 0), kIOReturnSuccess);
    EXPECT_EQ(IOHIDValueGetIntegerValue(value), 6);
    CFRelease(value);
    EXPECT_EQ((*queue)->stop(queue, 0), kIOReturnSuccess);
    EXPECT_EQ((*queue)->removeElement(queue, x, 0), kIOReturnSuccess);
    EXPECT_EQ((*queue)->setValueAvailableCallback(queue, nullptr, nullptr), kIOReturnSuccess);
    EXPECT_EQ((*queue)->getAsyncEventSource(queue, &source), kIOReturnSuccess);
    EXPECT_EQ((*queue)->copyNextValue(queue, &value, 0, 0), kIOReturnUnderrun);
    (*queue)->Release(queue);
    EXPECT_TRUE(run_until([&] { return told.plain == 1 && told.timed == 1; }));

    IOHIDDeviceTransactionInterface** transaction = nullptr;
    ASSERT_EQ(
        (*device)->QueryInterface(device, CFUUIDGetUUIDBytes(kIOHIDDeviceTransactionInterfaceID),
                                  reinterpret_cast<LPVOID*>(&transaction)),
        S_OK);
    EXPECT_EQ((*transaction)->setDirection(transaction, kIOHIDTransactionDirectionTypeOutput, 0),
              kIOReturnSuccess);
    IOHIDTransactionDirectionType direction{};
    EXPECT_EQ((*transaction)->getDirection(transaction, &direction), kIOReturnSuccess);
    EXPECT_EQ(direction, kIOHIDTransactionDirectionTypeOutput);
    EXPECT_EQ((*transaction)->addElement(transaction, light, 0), kIOReturnSuccess);
    EXPECT_EQ((*transaction)->containsElement(transaction, light, &contains, 0), kIOReturnSuccess);
    const auto off = number(light, 0);
    EXPECT_EQ((*transaction)->setValue(transaction, light, off.get(), 0), kIOReturnSuccess);
    EXPECT_EQ((*transaction)->getValue(transaction, light, &value, 0), kIOReturnSuccess);
    EXPECT_EQ(value, off.get());
    EXPECT_EQ((*transaction)->commit(transaction, 5000, nullptr, nullptr, 0), kIOReturnSuccess);
    EXPECT_EQ(pad.outputs().back(), (Bytes{2, 0}));
    EXPECT_EQ((*transaction)->clear(transaction, 0), kIOReturnSuccess);
    EXPECT_EQ((*transaction)->getValue(transaction, light, &value, 0), kIOReturnNotFound);
    EXPECT_EQ((*transaction)->removeElement(transaction, light, 0), kIOReturnSuccess);
    EXPECT_EQ((*transaction)->getAsyncEventSource(transaction, &source), kIOReturnSuccess);
    (*transaction)->Release(transaction);
    EXPECT_EQ((*device)->close(device, 0), kIOReturnSuccess);
    EXPECT_EQ((*device)->Release(device), 0U) << "nothing of it is left";
}

// Facts: IOHIDEventSystemClientCreateSimpleClient, IOHIDEventSystemClientGetTypeID,
// Facts: IOHIDEventSystemClientSetProperty, IOHIDEventSystemClientCopyProperty,
// Facts: IOHIDEventSystemClientCopyServices
TEST(HidEventSystem, HasNoServicesWithoutADriver) {
    const auto client = io::CF<IOHIDEventSystemClientRef>::adopt(
        IOHIDEventSystemClientCreateSimpleClient(kCFAllocatorDefault));
    ASSERT_TRUE(client);
    EXPECT_EQ(CFGetTypeID(client.get()), IOHIDEventSystemClientGetTypeID());
    EXPECT_EQ(IOHIDEventSystemClientCopyServices(client.get()), nullptr);
    EXPECT_EQ(IOHIDEventSystemClientCopyProperty(client.get(), CFSTR("Mine")), nullptr);
    EXPECT_TRUE(IOHIDEventSystemClientSetProperty(client.get(), CFSTR("Mine"), CFSTR("x")));
    const auto mine =
        io::CF<CFTypeRef>::adopt(IOHIDEventSystemClientCopyProperty(client.get(), CFSTR("Mine")));
    EXPECT_EQ(io::Value::from_cf(mine.get()), io::Value("x"));
}

/// Eight modifiers and six keys: what the driver of these tests takes.
const Bytes kKeyboard = {0x05, 0x01, 0x09, 0x06, 0xa1, 0x01, 0x05, 0x07, 0x19, 0xe0, 0x29,
                         0xe7, 0x15, 0x00, 0x25, 0x01, 0x75, 0x01, 0x95, 0x08, 0x81, 0x02,
                         0x75, 0x08, 0x95, 0x01, 0x81, 0x01, 0x19, 0x00, 0x29, 0x65, 0x15,
                         0x00, 0x25, 0x65, 0x95, 0x06, 0x81, 0x00, 0xc0};

// Runs where the driver is installed (client_test.py).
// Facts: IOHIDServiceClientGetTypeID, IOHIDServiceClientGetRegistryID,
// IOHIDServiceClientConformsTo, Facts: IOHIDServiceClientCopyProperty,
// IOHIDServiceClientSetProperty, Facts: IOHIDEventSystemClientCopyServices
TEST(HidServiceClient, IsTheObjectOfADriver) {
    const auto keyboard = io::HidDevice::create(
        kKeyboard, {{kIOHIDVendorIDKey, 0x1209}, {kIOHIDProductIDKey, 1}, {kIOHIDProductKey, "K"}});
    ASSERT_TRUE(keyboard) << keyboard.error().text();
    const auto client = io::CF<IOHIDEventSystemClientRef>::adopt(
        IOHIDEventSystemClientCreateSimpleClient(kCFAllocatorDefault));
    io::CF<CFArrayRef> services;
    ASSERT_TRUE(wait_until([&] {
        services = io::CF<CFArrayRef>::adopt(IOHIDEventSystemClientCopyServices(client.get()));
        return static_cast<bool>(services);
    }));
    ASSERT_EQ(CFArrayGetCount(services.get()), 1);
    const auto service = static_cast<IOHIDServiceClientRef>(
        const_cast<void*>(CFArrayGetValueAtIndex(services.get(), 0)));
    EXPECT_EQ(CFGetTypeID(service), IOHIDServiceClientGetTypeID());
    EXPECT_TRUE(
        IOHIDServiceClientConformsTo(service, kHIDPage_GenericDesktop, kHIDUsage_GD_Keyboard));
    EXPECT_FALSE(
        IOHIDServiceClientConformsTo(service, kHIDPage_GenericDesktop, kHIDUsage_GD_Mouse));
    const auto product =
        io::CF<CFTypeRef>::adopt(IOHIDServiceClientCopyProperty(service, CFSTR(kIOHIDProductKey)));
    EXPECT_EQ(io::Value::from_cf(product.get()), io::Value("K")) << "of its device";
    const auto id = io::Value::from_cf(IOHIDServiceClientGetRegistryID(service));
    const io_service_t entry =
        IOServiceGetMatchingService(kIOMainPortDefault, IOServiceMatching("IOHIDEventService"));
    uint64_t number = 0;
    EXPECT_EQ(IORegistryEntryGetRegistryEntryID(entry, &number), kIOReturnSuccess);
    EXPECT_EQ(id, io::Value(number));
    // Set on the entry, as every program may do it; the driver decides.
    const bool set = IOHIDServiceClientSetProperty(service, CFSTR("Mine"), CFSTR("x")) != 0;
    EXPECT_EQ(set,
              IORegistryEntrySetCFProperty(entry, CFSTR("Mine"), CFSTR("x")) == kIOReturnSuccess);
    IOObjectRelease(entry);
}

}  // namespace
}  // namespace hid_test
