// SPDX-License-Identifier: Apache-2.0
// Finding, iterating and reading entries of a real opendextd (A23, A36, A94).
#include "tests/registry/program.h"

namespace opendext::testing {
namespace {

// Facts: IOServiceMatching, IOServiceNameMatching, IOBSDNameMatching, IORegistryEntryIDMatching
// Facts: IOServiceGetMatchingService, IOServiceGetMatchingServices, IOServiceMatchPropertyTable
TEST_F(Program, FindsServicesByClassNameIdNodeAndProperty) {
    io_iterator_t found = 0;
    ASSERT_EQ(kIOReturnSuccess,
              IOServiceGetMatchingServices(0, IOServiceMatching("TestHead"), &found));
    EXPECT_EQ((Names{"head-a", "head-b"}), names(found));
    EXPECT_TRUE(IOIteratorIsValid(found));
    registry.add(hub, {"head-c", kHead});
    EXPECT_TRUE(IOIteratorIsValid(found)) << "a list stays what it was";
    IOIteratorReset(found);
    EXPECT_EQ((Names{"head-a", "head-b"}), names(found));
    IOObjectRelease(found);

    // A dictionary, whatever the registry holds (A94).
    CFMutableDictionaryRef by_name = IOServiceNameMatching("nobody");
    ASSERT_NE(nullptr, by_name);
    EXPECT_EQ(1, CFDictionaryGetCount(by_name));
    EXPECT_EQ(IO_OBJECT_NULL, IOServiceGetMatchingService(0, by_name));
    const io_service_t a = IOServiceGetMatchingService(0, IOServiceNameMatching("head-a"));
    EXPECT_EQ(head_a, id_of(a));
    EXPECT_EQ(head_b, taken_id(IOServiceGetMatchingService(0, IOBSDNameMatching(0, 0, "head0"))));
    EXPECT_EQ(a, IOServiceGetMatchingService(0, IORegistryEntryIDMatching(head_a)));
    IOObjectRelease(a);

    // Names come also from properties, and change.
    registry.set_property(tail, "IOName", "alias");
    EXPECT_EQ(tail, taken_id(IOServiceGetMatchingService(0, IOServiceNameMatching("alias"))));
    registry.rename(tail, "stern");
    EXPECT_EQ(tail, taken_id(IOServiceGetMatchingService(0, IOServiceNameMatching("stern"))));
    EXPECT_EQ(IO_OBJECT_NULL, IOServiceGetMatchingService(0, IOServiceNameMatching("tail")));

    CFMutableDictionaryRef matching = IOServiceMatching("TestHead");
    boolean_t fits = FALSE;
    EXPECT_EQ(kIOReturnSuccess, IOServiceMatchPropertyTable(a, matching, &fits));
    EXPECT_TRUE(fits);
    CFDictionarySetValue(matching, CFSTR(kIONameMatchKey), CFSTR("head-b"));
    EXPECT_EQ(kIOReturnSuccess, IOServiceMatchPropertyTable(a, matching, &fits));
    EXPECT_FALSE(fits);
    EXPECT_NE(std::string::npos, std::string(opendext_last_error_reason()).find("head-b"));
    EXPECT_EQ(1, CFGetRetainCount(matching)) << "it is not consumed";
    CFRelease(matching);

    // One that nobody can find yet can be tested all the same.
    const uint64_t hidden = registry.add(hub, {"hidden", kHead, {}, "", false});
    EXPECT_EQ(IO_OBJECT_NULL, entry(hidden));
    IOObjectRelease(a);
}

// Facts: IOObjectGetClass, IOObjectCopyClass, IOObjectConformsTo, IOObjectIsEqualTo
// Facts: IOObjectCopySuperclassForClass, IOObjectCopyBundleIdentifierForClass
// Facts: IOObjectGetRetainCount, IOObjectGetKernelRetainCount, IOObjectGetUserRetainCount
// Facts: IOObjectRetain, IOObjectRelease
TEST_F(Program, TellsClassesAndCounts) {
    const io_service_t a = entry(head_a);
    io_name_t name = "";
    EXPECT_EQ(kIOReturnSuccess, IOObjectGetClass(a, name));
    EXPECT_STREQ("TestHead", name);
    CFStringRef copied = IOObjectCopyClass(a);
    EXPECT_TRUE(CFEqual(CFSTR("TestHead"), copied));
    CFRelease(copied);
    EXPECT_TRUE(IOObjectConformsTo(a, "IOService"));
    EXPECT_TRUE(IOObjectConformsTo(a, "TestHead"));
    EXPECT_FALSE(IOObjectConformsTo(a, "TestHub"));

    CFStringRef super = IOObjectCopySuperclassForClass(CFSTR("IOUserResources"));
    ASSERT_NE(nullptr, super);
    EXPECT_TRUE(CFEqual(CFSTR("IOService"), super));
    CFRelease(super);
    EXPECT_EQ(nullptr, IOObjectCopySuperclassForClass(CFSTR("IORegistryEntry")));
    EXPECT_EQ(nullptr, IOObjectCopySuperclassForClass(CFSTR("NoSuchClass")));
    EXPECT_STREQ("no class 'NoSuchClass' is known", opendext_last_error_reason());
    CFStringRef bundle = IOObjectCopyBundleIdentifierForClass(CFSTR("IOUserService"));
    ASSERT_NE(nullptr, bundle);
    EXPECT_TRUE(CFEqual(CFSTR("com.apple.kpi.iokit"), bundle));
    CFRelease(bundle);
    // A driver's own class is its bundle's.
    registry.set_user_classes(head_a, {"MyHead", "MyBase", "IOService"});
    registry.set_property(head_a, "CFBundleIdentifier", "org.example.head");
    super = IOObjectCopySuperclassForClass(CFSTR("MyHead"));
    ASSERT_NE(nullptr, super);
    EXPECT_TRUE(CFEqual(CFSTR("MyBase"), super));
    CFRelease(super);
    bundle = IOObjectCopyBundleIdentifierForClass(CFSTR("MyBase"));
    ASSERT_NE(nullptr, bundle);
    EXPECT_TRUE(CFEqual(CFSTR("org.example.head"), bundle));
    CFRelease(bundle);

    const uint32_t held = IOObjectGetUserRetainCount(a);
    const io_service_t same = entry(head_a);
    EXPECT_TRUE(IOObjectIsEqualTo(a, same));
    EXPECT_EQ(held + 1, IOObjectGetUserRetainCount(a));
    EXPECT_EQ(kIOReturnSuccess, IOObjectRetain(a));
    EXPECT_EQ(held + 2, IOObjectGetUserRetainCount(a));
    for (int i = 0; i < 2; ++i) EXPECT_EQ(kIOReturnSuccess, IOObjectRelease(a));
    const io_service_t above = entry(hub);
    EXPECT_EQ(IOObjectGetKernelRetainCount(above), IOObjectGetRetainCount(above));
    const uint32_t before = IOObjectGetKernelRetainCount(above);
    registry.add(hub, {"one more", kHead});
    EXPECT_EQ(before + 1, IOObjectGetKernelRetainCount(above)) << "counts are never kept";
    EXPECT_FALSE(IOObjectIsEqualTo(a, above));
    IOObjectRelease(above);
    for (uint32_t i = 0; i < held; ++i) EXPECT_EQ(kIOReturnSuccess, IOObjectRelease(a));
    EXPECT_EQ(kIOReturnBadArgument, IOObjectRelease(a));
    EXPECT_EQ(0U, IOObjectGetUserRetainCount(a));
}

// Facts: IORegistryEntryCreateCFProperty, IORegistryEntryCreateCFProperties
// Facts: IORegistryEntryGetName, IORegistryEntryGetPath, IORegistryEntryCopyPath
TEST_F(Program, WhatWasReadIsNeverOld) {
    const io_service_t a = entry(head_a);
    const io_service_t b = entry(head_b);
    EXPECT_EQ("S1", text_of(a, CFSTR("Serial")));
    for (int i = 0; i < 200; ++i) {
        const std::string now = "S" + std::to_string(i);
        registry.set_property(head_a, "Serial", now);
        ASSERT_EQ(now, text_of(a, CFSTR("Serial")));
        ASSERT_EQ("S2", text_of(b, CFSTR("Serial")));
    }
    CFMutableDictionaryRef all = nullptr;
    ASSERT_EQ(kIOReturnSuccess, IORegistryEntryCreateCFProperties(a, &all, nullptr, 0));
    EXPECT_EQ(2, CFDictionaryGetCount(all));
    CFRelease(all);

    // The name of an entry far below is part of the path.
    io_string_t path = "";
    EXPECT_EQ(kIOReturnSuccess, IORegistryEntryGetPath(a, kIOServicePlane, path));
    EXPECT_STREQ("IOService:/OpenDext/bus/hub@1/head-a", path);
    registry.rename(bus, "rail");
    CFStringRef copied = IORegistryEntryCopyPath(a, kIOServicePlane);
    ASSERT_NE(nullptr, copied);
    EXPECT_TRUE(CFEqual(CFSTR("IOService:/OpenDext/rail/hub@1/head-a"), copied));
    CFRelease(copied);

    // An entry that is gone can still say what it was; it is nowhere any more.
    registry.terminate(head_a);
    EXPECT_EQ("head-a", name_of(a));
    EXPECT_EQ("S199", text_of(a, CFSTR("Serial")));
    EXPECT_EQ(kIOReturnNotFound, IORegistryEntryGetPath(a, kIOServicePlane, path));
    IOObjectRelease(a);
    IOObjectRelease(b);
}

// Facts: IORegistryEntrySearchCFProperty
TEST_F(Program, SearchesUpAndDown) {
    const io_service_t a = entry(head_a);
    const io_service_t root_bus = entry(bus);
    const auto number = [](io_registry_entry_t from, const char* plane, const char* key,
                           IOOptionBits options) {
        CFStringRef name = CFStringCreateWithCString(nullptr, key, kCFStringEncodingUTF8);
        CFTypeRef value = IORegistryEntrySearchCFProperty(from, plane, name, nullptr, options);
        CFRelease(name);
        int result = -1;
        if (value == nullptr) return result;
        CFNumberGetValue(static_cast<CFNumberRef>(value), kCFNumberIntType, &result);
        CFRelease(value);
        return result;
    };
    constexpr IOOptionBits kUp = kIORegistryIterateRecursively | kIORegistryIterateParents;
    EXPECT_EQ(9600, number(a, kIOServicePlane, "Rate", 0));
    EXPECT_EQ(-1, number(a, kIOServicePlane, "Bus Speed", 0));
    EXPECT_EQ(-1, number(a, kIOServicePlane, "Bus Speed", kIORegistryIterateParents));
    EXPECT_EQ(4, number(a, kIOServicePlane, "Ports", kUp));
    EXPECT_EQ(480, number(a, kIOServicePlane, "Bus Speed", kUp));
    EXPECT_EQ(9600, number(root_bus, kIOServicePlane, "Rate", kIORegistryIterateRecursively));
    EXPECT_EQ(-1, number(root_bus, kIOServicePlane, "Missing", kIORegistryIterateRecursively));
    EXPECT_EQ(-1, number(a, "IONowhere", "Bus Speed", kUp));
    EXPECT_STREQ("there is no plane 'IONowhere'", opendext_last_error_reason());
    IOObjectRelease(root_bus);
    IOObjectRelease(a);
}

// Facts: IORegistryCreateIterator, IORegistryEntryCreateIterator, IORegistryIteratorEnterEntry
// Facts: IORegistryIteratorExitEntry, IOIteratorNext, IOIteratorReset, IOIteratorIsValid
TEST_F(Program, IteratorsNoticeThatTheTreeChanged) {
    io_iterator_t walk = 0;
    const io_registry_entry_t start = entry(bus);
    for (const IOOptionBits options : {IOOptionBits{kIORegistryIterateRecursively}, 0U}) {
        ASSERT_EQ(kIOReturnSuccess,
                  IORegistryEntryCreateIterator(start, kIOServicePlane, options, &walk));
        IOObjectRelease(IOIteratorNext(walk));
        EXPECT_TRUE(IOIteratorIsValid(walk));
        registry.set_property(head_a, "Rate", 1);
        EXPECT_TRUE(IOIteratorIsValid(walk)) << "a property is no change of the tree";
        const uint64_t extra = registry.add(hub, {"extra", kHead});
        EXPECT_FALSE(IOIteratorIsValid(walk));
        EXPECT_EQ(IO_OBJECT_NULL, IOIteratorNext(walk));
        EXPECT_FALSE(IOIteratorIsValid(walk)) << "until it is reset";
        IOIteratorReset(walk);
        EXPECT_TRUE(IOIteratorIsValid(walk));
        EXPECT_FALSE(names(walk).empty());
        registry.terminate(extra);
        EXPECT_FALSE(IOIteratorIsValid(walk));
        IOObjectRelease(walk);
    }
    ASSERT_EQ(kIOReturnSuccess, IORegistryEntryCreateIterator(
                                    start, kIOServicePlane, kIORegistryIterateRecursively, &walk));
    EXPECT_EQ((Names{"hub", "head-a", "head-b", "hub", "tail"}), names(walk));
    IOIteratorReset(walk);
    // Into the first hub, one entry of it, and out: what is left there is passed over.
    EXPECT_EQ(hub, taken_id(IOIteratorNext(walk)));
    EXPECT_EQ(kIOReturnSuccess, IORegistryIteratorEnterEntry(walk));
    EXPECT_EQ(head_a, taken_id(IOIteratorNext(walk)));
    EXPECT_EQ(kIOReturnSuccess, IORegistryIteratorExitEntry(walk));
    EXPECT_EQ(other_hub, taken_id(IOIteratorNext(walk)));
    EXPECT_EQ(kIOReturnSuccess, IORegistryIteratorEnterEntry(walk));
    EXPECT_EQ((Names{"tail"}), names(walk));
    EXPECT_EQ(kIOReturnSuccess, IORegistryIteratorExitEntry(walk));
    EXPECT_EQ(kIOReturnNoDevice, IORegistryIteratorExitEntry(walk));
    IOObjectRelease(walk);

    ASSERT_EQ(kIOReturnSuccess, IORegistryCreateIterator(0, kIOServicePlane, 0, &walk));
    EXPECT_EQ((Names{"OpenDext"}), names(walk));
    IOObjectRelease(walk);
    ASSERT_EQ(kIOReturnSuccess, IORegistryCreateIterator(0, "IONowhere", 0, &walk));
    EXPECT_EQ(IO_OBJECT_NULL, IOIteratorNext(walk));
    EXPECT_STREQ("there is no plane 'IONowhere'", opendext_last_error_reason());
    IOObjectRelease(walk);
    IOObjectRelease(start);
}

// Facts: IORegistryGetRootEntry, IORegistryEntryFromPath, IORegistryEntryCopyFromPath
// Facts: IORegistryEntryInPlane, IORegistryEntryGetNameInPlane, IORegistryEntryGetLocationInPlane
// Facts: IORegistryEntryGetChildIterator, IORegistryEntryGetChildEntry
// Facts: IORegistryEntryGetParentIterator, IORegistryEntryGetParentEntry
TEST_F(Program, GoesThroughEveryPlane) {
    registry.join_power(bus);
    registry.join_power(head_a);
    const io_registry_entry_t a = entry(head_a);
    const io_registry_entry_t b = entry(head_b);
    const io_registry_entry_t root = IORegistryGetRootEntry(kIOMainPortDefault);

    io_string_t path = "";
    EXPECT_EQ(kIOReturnSuccess, IORegistryEntryGetPath(root, kIOServicePlane, path));
    EXPECT_STREQ("IOService:/", path);
    EXPECT_EQ(kIOReturnSuccess, IORegistryEntryGetPath(a, kIOPowerPlane, path));
    EXPECT_STREQ("IOPower:/bus/head-a", path);
    EXPECT_EQ(a, IORegistryEntryFromPath(0, path));
    EXPECT_EQ(a, IORegistryEntryFromPath(0, "IOService:/OpenDext/bus/hub@1/head-a"));
    EXPECT_EQ(a, IORegistryEntryCopyFromPath(0, CFSTR("IOService:/OpenDext/bus/hub/head-a")))
        << "a location may be left out";
    EXPECT_EQ(root, IORegistryEntryFromPath(0, "IOPower:/"));
    EXPECT_EQ(IO_OBJECT_NULL, IORegistryEntryFromPath(0, "IOService:/OpenDext/bus/hub@3"));
    EXPECT_STREQ("no 'hub@3' in IOService:/OpenDext/bus/hub@3", opendext_last_error_reason());
    EXPECT_EQ(IO_OBJECT_NULL, IORegistryEntryFromPath(0, "IOUSB:/hub"));
    EXPECT_EQ(IO_OBJECT_NULL, IORegistryEntryFromPath(0, "nonsense"));
    EXPECT_EQ(IO_OBJECT_NULL, IORegistryEntryFromPath(0, nullptr));

    EXPECT_TRUE(IORegistryEntryInPlane(a, kIOPowerPlane));
    EXPECT_TRUE(IORegistryEntryInPlane(root, kIOPowerPlane));
    EXPECT_FALSE(IORegistryEntryInPlane(b, kIOPowerPlane));
    EXPECT_FALSE(IORegistryEntryInPlane(a, kIOUSBPlane));
    EXPECT_EQ(kIOReturnNotFound, IORegistryEntryGetPath(b, kIOPowerPlane, path));
    EXPECT_EQ(kIOReturnBadArgument, IORegistryEntryGetPath(a, kIOUSBPlane, path));

    io_name_t text = "";
    EXPECT_EQ(kIOReturnSuccess, IORegistryEntryGetNameInPlane(a, kIOPowerPlane, text));
    EXPECT_STREQ("head-a", text);
    EXPECT_EQ(kIOReturnSuccess, IORegistryEntryGetNameInPlane(a, "", text));
    EXPECT_EQ(kIOReturnNotFound, IORegistryEntryGetNameInPlane(b, kIOPowerPlane, text));
    const io_registry_entry_t first_hub = entry(hub);
    EXPECT_EQ(kIOReturnSuccess,
              IORegistryEntryGetLocationInPlane(first_hub, kIOServicePlane, text));
    EXPECT_STREQ("1", text);
    EXPECT_EQ(kIOReturnNotFound, IORegistryEntryGetLocationInPlane(a, kIOServicePlane, text));

    io_iterator_t relatives = 0;
    ASSERT_EQ(kIOReturnSuccess, IORegistryEntryGetChildIterator(root, kIOPowerPlane, &relatives));
    EXPECT_EQ((Names{"bus"}), names(relatives));
    IOObjectRelease(relatives);
    ASSERT_EQ(kIOReturnSuccess, IORegistryEntryGetParentIterator(a, kIOPowerPlane, &relatives));
    EXPECT_EQ((Names{"bus"}), names(relatives));
    IOObjectRelease(relatives);
    io_registry_entry_t relative = 0;
    EXPECT_EQ(kIOReturnSuccess, IORegistryEntryGetParentEntry(a, kIOServicePlane, &relative));
    EXPECT_TRUE(IOObjectIsEqualTo(first_hub, relative));
    EXPECT_EQ(kIOReturnSuccess,
              IORegistryEntryGetChildEntry(first_hub, kIOServicePlane, &relative));
    EXPECT_TRUE(IOObjectIsEqualTo(a, relative));
    EXPECT_EQ(kIOReturnNoDevice, IORegistryEntryGetChildEntry(a, kIOServicePlane, &relative));
    EXPECT_EQ(kIOReturnBadArgument, IORegistryEntryGetChildEntry(a, "IONowhere", &relative));

    // Gone from one plane with the entry, from all of them.
    registry.terminate(head_a);
    ASSERT_EQ(kIOReturnSuccess,
              IORegistryEntryGetChildIterator(entry(bus), kIOPowerPlane, &relatives));
    EXPECT_EQ((Names{}), names(relatives));
    IOObjectRelease(relatives);
    for (const io_object_t object : {a, b, root, first_hub}) IOObjectRelease(object);
}

// Facts: IOServiceGetBusyState, IOKitGetBusyState, IOServiceWaitQuiet, IOKitWaitQuiet
// Facts: IOKitWaitQuietWithOptions
TEST_F(Program, WaitsUntilNothingIsBusy) {
    const io_service_t service = entry(hub);
    mach_timespec_t no_time{0, 1000000};
    uint32_t busy = 9;
    ASSERT_EQ(kIOReturnSuccess, IOKitWaitQuiet(0, nullptr));
    EXPECT_EQ(kIOReturnSuccess, IOServiceGetBusyState(service, &busy));
    EXPECT_EQ(0U, busy);
    registry.adjust_busy(hub, 2);
    EXPECT_EQ(kIOReturnSuccess, IOServiceGetBusyState(service, &busy));
    EXPECT_EQ(2U, busy);
    EXPECT_EQ(kIOReturnSuccess, IOKitGetBusyState(0, &busy));
    EXPECT_EQ(1U, busy) << "the root has one busy client";
    EXPECT_EQ(kIOReturnTimeout, IOServiceWaitQuiet(service, &no_time));
    EXPECT_EQ(kIOReturnTimeout, IOKitWaitQuietWithOptions(0, &no_time, 0));
    EXPECT_EQ(kIOReturnUnsupported, IOKitWaitQuietWithOptions(0, &no_time, 1));
    std::thread later([this] { registry.adjust_busy(hub, -2); });
    EXPECT_EQ(kIOReturnSuccess, IOServiceWaitQuiet(service, nullptr));
    later.join();
    IOObjectRelease(service);
}

// Facts: IOIteratorNext
TEST_F(Program, ReadsManyEntriesWithFewQuestionsAndAllOfThemRight) {
    constexpr int kMany = 3000;
    for (int i = 0; i < kMany; ++i) {
        registry.add(other_hub, {"many-" + std::to_string(i),
                                 {"TestMany", "IOService", "IORegistryEntry"},
                                 {{"Serial", "M" + std::to_string(i)}}});
    }
    io_iterator_t found = 0;
    ASSERT_EQ(kIOReturnSuccess,
              IOServiceGetMatchingServices(0, IOServiceMatching("TestMany"), &found));
    std::vector<io_object_t> kept;
    int i = 0;
    while (const io_object_t object = IOIteratorNext(found)) {
        // Some change while they are gone through, some go.
        if (i % 100 == 99) registry.set_property(id_of(object), "Serial", "changed");
        if (i == 1500) registry.terminate(id_of(object));
        ASSERT_EQ(i % 100 == 99 ? "changed" : "M" + std::to_string(i),
                  text_of(object, CFSTR("Serial")));
        ASSERT_EQ("many-" + std::to_string(i), name_of(object));
        kept.push_back(object);
        ++i;
    }
    EXPECT_EQ(kMany, i);
    // Gathered first, read afterwards; and from another thread.
    std::thread([&] {
        for (int n = 0; n < kMany; ++n)
            ASSERT_EQ("many-" + std::to_string(n), name_of(kept[static_cast<size_t>(n)]));
    }).join();
    for (const io_object_t object : kept) IOObjectRelease(object);
    IOObjectRelease(found);
}

}  // namespace
}  // namespace opendext::testing
