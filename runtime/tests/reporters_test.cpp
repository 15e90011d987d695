// SPDX-License-Identifier: Apache-2.0
// IOReporter and IOSimpleReporter; what IOReporter_IVars does by itself.
#include <DriverKit/OSNumber.h>

#include <functional>
#include <memory>
#include <thread>

#include "runtime/tests/reporters_fixture.h"

namespace {

OSSharedPtr<IOSimpleReporter> make_simple(IOService* service) {
    auto* reporter =
        IOSimpleReporter::with(service, kIOReportCategoryTraffic, kIOReportUnitPackets);
    EXPECT_NE(reporter, nullptr);
    return OSSharedPtr<IOSimpleReporter>(reporter, OSNoRetain);
}

// Facts: IOSimpleReporter.with, IOSimpleReporter.setValue, IOSimpleReporter.incrementValue,
// Facts: IOSimpleReporter.getValue, IOReporter.addChannel
TEST_F(Reporters, ASimpleChannelHoldsANumber) {
    const OSSharedPtr<IOSimpleReporter> reporter(
        IOSimpleReporter::with(service_.get(), kIOReportCategoryTraffic, kIOReportUnitPackets),
        OSNoRetain);
    ASSERT_EQ(reporter->addChannel(kFirst, "first"), kIOReturnSuccess);
    ASSERT_EQ(reporter->addChannel(kSecond), kIOReturnSuccess);
    EXPECT_EQ(reporter->addChannel(kFirst, "again"), kIOReturnBadArgument);
    EXPECT_EQ(reporter->getValue(kFirst), 0);
    EXPECT_EQ(reporter->setValue(kFirst, -5), kIOReturnSuccess);
    EXPECT_EQ(reporter->incrementValue(kFirst, 47), kIOReturnSuccess);
    EXPECT_EQ(reporter->incrementValue(kSecond, 1), kIOReturnSuccess);
    EXPECT_EQ(reporter->getValue(kFirst), 42);
    EXPECT_EQ(reporter->getValue(kSecond), 1);
    EXPECT_EQ(reporter->setValue(kNobodys, 1), kIOReturnBadArgument);
    EXPECT_EQ(reporter->incrementValue(kNobodys, 1), kIOReturnBadArgument);
    EXPECT_EQ(reporter->getValue(kNobodys), kIOReportInvalidIntValue);
    EXPECT_EQ(reporter->setValue(kFirst, INT64_MAX), kIOReturnSuccess);
    EXPECT_EQ(reporter->incrementValue(kFirst, 1), kIOReturnSuccess);
    EXPECT_EQ(reporter->getValue(kFirst), INT64_MIN);
    // Values are kept when channels are added.
    ASSERT_EQ(reporter->addChannel(7, "third"), kIOReturnSuccess);
    EXPECT_EQ(reporter->getValue(kSecond), 1);
}

// Facts: IOSimpleReporter.initWith
TEST_F(Reporters, AReporterIsInitialisedOnceAndForAService) {
    const OSSharedPtr<IOSimpleReporter> reporter(OSTypeAlloc(IOSimpleReporter), OSNoRetain);
    EXPECT_FALSE(reporter->initWith(nullptr, kIOReportCategoryPower, kIOReportUnit_J));
    EXPECT_TRUE(reporter->initWith(service_.get(), kIOReportCategoryPower, kIOReportUnit_J));
    EXPECT_FALSE(reporter->initWith(service_.get(), kIOReportCategoryPower, kIOReportUnit_J));
    EXPECT_EQ(reporter->addChannel(1), kIOReturnSuccess);
    EXPECT_EQ(IOSimpleReporter::with(nullptr, kIOReportCategoryPower, kIOReportUnit_J), nullptr);
}

// Facts: IOReporter.updateReport, IOReporter.configureReport
TEST_F(Reporters, AReportTellsDimensionsAndElements) {
    const auto reporter = make_simple(service_.get());
    ASSERT_EQ(reporter->addChannel(kFirst), kIOReturnSuccess);
    ASSERT_EQ(reporter->addChannel(kSecond), kIOReturnSuccess);
    List list{kSecond, kNobodys, kFirst};
    uint32_t dimensions = 100;  // counts are added to what is there
    EXPECT_EQ(reporter->configureReport(list.get(), kIOReportGetDimensions, dimensions),
              kIOReturnSuccess);
    EXPECT_EQ(dimensions, 102u);
    const uint64_t before = mach_absolute_time();
    reporter->setValue(kFirst, 11);
    reporter->setValue(kSecond, 22);

    IOReportElement elements[3] = {};
    auto* at = reinterpret_cast<uint8_t*>(elements);
    size_t room = sizeof elements;
    uint32_t count = 0;
    ASSERT_EQ(reporter->updateReport(list.get(), kIOReportCopyChannelData, count, at, room),
              kIOReturnSuccess);
    EXPECT_EQ(count, 2u);
    EXPECT_EQ(at, reinterpret_cast<uint8_t*>(elements + 2));
    EXPECT_EQ(room, sizeof(IOReportElement));
    EXPECT_EQ(elements[0].channel_id, kSecond);
    EXPECT_EQ(values_of<IOSimpleReportValues>(elements[0]).simple_value, 22);
    EXPECT_EQ(elements[1].channel_id, kFirst);
    EXPECT_EQ(values_of<IOSimpleReportValues>(elements[1]).simple_value, 11);
    EXPECT_EQ(elements[0].channel_type.report_format, kIOReportFormatSimple);
    EXPECT_EQ(elements[0].channel_type.categories, kIOReportCategoryTraffic);
    EXPECT_EQ(elements[0].channel_type.nelements, 1);
    EXPECT_EQ(elements[0].channel_type.element_idx, 0);
    EXPECT_GE(elements[1].timestamp, before);
    EXPECT_LE(elements[1].timestamp, elements[0].timestamp);
    EXPECT_LE(elements[0].timestamp, mach_absolute_time());

    room = sizeof(IOReportElement) - 1;
    testing::internal::CaptureStderr();
    EXPECT_EQ(reporter->updateReport(list.get(), kIOReportCopyChannelData, count, at, room),
              kIOReturnOverrun);
    EXPECT_NE(testing::internal::GetCapturedStderr().find("do not fit"), std::string::npos);
    EXPECT_EQ(reporter->updateReport(list.get(), kIOReportTraceChannelData, count, at, room),
              kIOReturnUnsupported);
    EXPECT_EQ(reporter->updateReport(nullptr, kIOReportCopyChannelData, count, at, room),
              kIOReturnBadArgument);
}

TEST_F(Reporters, EnablingIsCountedForEachChannel) {
    const auto reporter = make_simple(service_.get());
    ASSERT_EQ(reporter->addChannel(kFirst), kIOReturnSuccess);
    ASSERT_EQ(reporter->addChannel(kSecond), kIOReturnSuccess);
    IOReporter_IVars* ivars = get_IOReporter_IVars(reporter.get());
    uint32_t count = 0;
    List both{kFirst, kSecond};
    List first{kFirst};
    EXPECT_EQ(reporter->configureReport(both.get(), kIOReportEnable, count), kIOReturnSuccess);
    EXPECT_EQ(reporter->configureReport(first.get(), kIOReportEnable, count), kIOReturnSuccess);
    EXPECT_EQ(ivars->enabled, 2);
    EXPECT_EQ(ivars->enableCounts[0], 2);
    EXPECT_EQ(reporter->configureReport(both.get(), kIOReportDisable, count), kIOReturnSuccess);
    EXPECT_EQ(ivars->enabled, 1);
    EXPECT_EQ(ivars->enableCounts[1], 0);
    ASSERT_EQ(reporter->addChannel(3), kIOReturnSuccess);
    EXPECT_EQ(ivars->enableCounts[0], 1);
    EXPECT_EQ(reporter->configureReport(first.get(), kIOReportDisable, count), kIOReturnSuccess);
    EXPECT_EQ(reporter->configureReport(first.get(), kIOReportDisable, count), kIOReturnNotOpen);
    EXPECT_EQ(ivars->enabled, 0);
    EXPECT_EQ(count, 0u);
    for (const IOReportConfigureAction action :
         {kIOReportNotifyHubOnChange, kIOReportTraceOnChange}) {
        EXPECT_EQ(reporter->configureReport(first.get(), action, count), kIOReturnUnsupported);
    }
    EXPECT_EQ(reporter->configureReport(nullptr, kIOReportEnable, count), kIOReturnBadArgument);
}

// Facts: IOReporter.configureAllReports, IOReporter.updateAllReports
TEST_F(Reporters, AllReportersOfASetAnswerOneRequest) {
    const auto one = make_simple(service_.get());
    const auto two = make_simple(service_.get());
    ASSERT_EQ(one->addChannel(kFirst), kIOReturnSuccess);
    ASSERT_EQ(two->addChannel(kSecond), kIOReturnSuccess);
    one->setValue(kFirst, 1);
    two->setValue(kSecond, 2);
    const OSSharedPtr<OSArray> all(OSArray::withCapacity(2), OSNoRetain);
    all->setObject(one.get());
    all->setObject(two.get());
    const auto list = List{kFirst, kSecond}.data();
    uint32_t count = 0;
    ASSERT_EQ(
        IOReporter::configureAllReports(all.get(), list.get(), kIOReportGetDimensions, &count),
        kIOReturnSuccess);
    EXPECT_EQ(count, 2u);
    ASSERT_EQ(IOReporter::configureAllReports(all.get(), list.get(), kIOReportEnable, &count),
              kIOReturnSuccess);
    EXPECT_EQ(get_IOReporter_IVars(static_cast<IOReporter*>(two.get()))->enabled, 1);

    IOBufferMemoryDescriptor* memory = nullptr;
    ASSERT_EQ(IOBufferMemoryDescriptor::Create(kIOMemoryDirectionIn, 4096, 0, &memory),
              kIOReturnSuccess);
    const OSSharedPtr<IOBufferMemoryDescriptor> buffer(memory, OSNoRetain);
    count = 0;
    ASSERT_EQ(IOReporter::updateAllReports(all.get(), list.get(), kIOReportCopyChannelData, &count,
                                           100, 3996, buffer.get()),
              kIOReturnSuccess);
    EXPECT_EQ(count, 2u);
    IOAddressSegment range{};
    ASSERT_EQ(buffer->GetAddressRange(&range), kIOReturnSuccess);
    IOReportElement elements[2];
    memcpy(elements, reinterpret_cast<const char*>(range.address) + 100, sizeof elements);
    EXPECT_EQ(values_of<IOSimpleReportValues>(elements[0]).simple_value, 1);
    EXPECT_EQ(values_of<IOSimpleReportValues>(elements[1]).simple_value, 2);

    testing::internal::CaptureStderr();
    EXPECT_EQ(IOReporter::updateAllReports(all.get(), list.get(), kIOReportCopyChannelData, &count,
                                           0, sizeof(IOReportElement), buffer.get()),
              kIOReturnOverrun);
    testing::internal::GetCapturedStderr();
    EXPECT_EQ(IOReporter::updateAllReports(all.get(), list.get(), kIOReportCopyChannelData, &count,
                                           4000, 200, buffer.get()),
              kIOReturnBadArgument);
    EXPECT_EQ(IOReporter::updateAllReports(all.get(), list.get(), kIOReportCopyChannelData, &count,
                                           0, 0, buffer.get()),
              kIOReturnBadArgument);
    EXPECT_EQ(IOReporter::updateAllReports(all.get(), list.get(), kIOReportCopyChannelData, &count,
                                           0, 4096, nullptr),
              kIOReturnBadArgument);
}

TEST_F(Reporters, AListThatSaysMoreThanItHoldsIsRefused) {
    const auto reporter = make_simple(service_.get());
    ASSERT_EQ(reporter->addChannel(kFirst), kIOReturnSuccess);
    const OSSharedPtr<OSArray> all(OSArray::withCapacity(1), OSNoRetain);
    all->setObject(reporter.get());
    uint32_t count = 0;
    const auto ask = [&](const std::vector<uint8_t>& bytes, OSCollection* reporters) {
        const OSSharedPtr<OSData> data(OSData::withBytes(bytes.data(), bytes.size()), OSNoRetain);
        return IOReporter::configureAllReports(reporters, data.get(), kIOReportGetDimensions,
                                               &count);
    };
    std::vector<uint8_t> two(8 + 32);
    two[0] = 2;
    EXPECT_EQ(ask(two, all.get()), kIOReturnSuccess);
    two.pop_back();
    EXPECT_EQ(ask(two, all.get()), kIOReturnBadArgument);
    EXPECT_EQ(ask({255, 255, 255, 255, 0, 0, 0, 0}, all.get()), kIOReturnBadArgument);
    EXPECT_EQ(ask({1, 0, 0, 0}, all.get()), kIOReturnBadArgument);
    EXPECT_EQ(ask({0, 0, 0}, all.get()), kIOReturnBadArgument);
    EXPECT_EQ(ask({0, 0, 0, 0}, all.get()), kIOReturnSuccess);
    EXPECT_EQ(ask(two, nullptr), kIOReturnBadArgument);
    all->setObject(kOSBooleanTrue);
    EXPECT_EQ(ask({0, 0, 0, 0}, all.get()), kIOReturnBadArgument);
    EXPECT_EQ(count, 0u);
}

// Facts: IOReporter.createLegend, IOReporter_IVars.handleCreateLegend, IOReporter_IVars.legendWith,
// Facts: IOReporter_IVars.copyChannelIDs
TEST_F(Reporters, TheLegendNamesChannelsAndUnit) {
    const auto reporter = make_simple(service_.get());
    ASSERT_EQ(reporter->addChannel(kFirst, "the first"), kIOReturnSuccess);
    ASSERT_EQ(reporter->addChannel(kSecond), kIOReturnSuccess);
    const auto check = [&](IOReportLegendEntry* entry) {
        auto* channels = OSDynamicCast(OSArray, entry->getObject(kIOReportLegendChannelsKey));
        ASSERT_NE(channels, nullptr);
        ASSERT_EQ(channels->getCount(), 2u);
        auto* first = OSDynamicCast(OSArray, channels->getObject(0));
        EXPECT_EQ(
            OSDynamicCast(OSNumber, first->getObject(kIOReportChannelIDIdx))->unsigned64BitValue(),
            kFirst);
        EXPECT_TRUE(OSDynamicCast(OSString, first->getObject(kIOReportChannelNameIdx))
                        ->isEqualTo("the first"));
        const uint64_t word = OSDynamicCast(OSNumber, first->getObject(kIOReportChannelTypeIdx))
                                  ->unsigned64BitValue();
        IOReportChannelType type;
        memcpy(&type, &word, sizeof type);
        EXPECT_EQ(type.report_format, kIOReportFormatSimple);
        EXPECT_EQ(type.categories, kIOReportCategoryTraffic);
        EXPECT_EQ(OSDynamicCast(OSArray, channels->getObject(1))->getCount(), 2u);  // no name
        auto* info = OSDynamicCast(OSDictionary, entry->getObject(kIOReportLegendInfoKey));
        EXPECT_EQ(
            OSDynamicCast(OSNumber, info->getObject(kIOReportLegendUnitKey))->unsigned64BitValue(),
            kIOReportUnitPackets);
    };
    const OSSharedPtr<IOReportLegendEntry> legend(reporter->createLegend(), OSNoRetain);
    check(legend.get());
    IOReporter_IVars* ivars = reporter->ivars;
    ivars->lockReporterConfig();
    check(ivars->handleCreateLegend().get());
    const auto ids = ivars->copyChannelIDs();
    ASSERT_EQ(ids->getCount(), 2u);
    EXPECT_EQ(OSDynamicCast(OSNumber, ids->getObject(1))->unsigned64BitValue(), kSecond);
    check(IOReporter_IVars::legendWith(ids.get(), ivars->channelNames, ivars->channelType,
                                       ivars->unit)
              .get());
    EXPECT_FALSE(IOReporter_IVars::legendWith(ids.get(), nullptr, ivars->channelType, ivars->unit));
    ivars->unlockReporterConfig();
}

// Facts: IOReportLegend.with, IOReportLegend.addLegendEntry, IOReportLegend.getLegend,
// Facts: IOReportLegend.free, IOReporter.free
TEST_F(Reporters, ALegendCollectsEntriesInGroups) {
    // free() of both runs with the last reference.
    auto reporter = make_simple(service_.get());
    ASSERT_EQ(reporter->addChannel(kFirst), kIOReturnSuccess);
    const OSSharedPtr<IOReportLegendEntry> entry(reporter->createLegend(), OSNoRetain);
    reporter.reset();
    auto* legend = IOReportLegend::with(nullptr);
    ASSERT_EQ(legend->getLegend()->getCount(), 0u);
    EXPECT_EQ(legend->addLegendEntry(nullptr, "g", "s"), kIOReturnBadArgument);
    EXPECT_EQ(legend->addLegendEntry(entry.get(), nullptr, "s"), kIOReturnBadArgument);
    EXPECT_EQ(legend->addLegendEntry(entry.get(), "Network", "Receive"), kIOReturnSuccess);
    const OSSharedPtr<OSArray> kept(legend->getLegend(), OSRetain);
    legend->release();
    ASSERT_EQ(kept->getCount(), 1u);
    auto* first = OSDynamicCast(OSDictionary, kept->getObject(0));
    EXPECT_TRUE(OSDynamicCast(OSString, first->getObject(kIOReportLegendGroupNameKey))
                    ->isEqualTo("Network"));
    EXPECT_TRUE(OSDynamicCast(OSString, first->getObject(kIOReportLegendSubGroupNameKey))
                    ->isEqualTo("Receive"));
    // One that begins with what is there does not change it.
    auto* longer = IOReportLegend::with(kept.get());
    EXPECT_EQ(longer->addLegendEntry(entry.get(), "Other", nullptr), kIOReturnSuccess);
    EXPECT_EQ(longer->getLegend()->getCount(), 2u);
    EXPECT_EQ(kept->getCount(), 1u);
    longer->release();
}

constexpr IOReportChannelType kType{kIOReportFormatSimple, 0, kIOReportCategoryDebug, 2, 0};

// Facts: IOReporter_IVars.IOReporter_IVars, IOReporter_IVars.~IOReporter_IVars,
// Facts: IOReporter_IVars.valid, IOSimpleReporter_IVars.IOSimpleReporter_IVars,
// Facts: get_IOReporter_IVars
TEST_F(Reporters, IvarsAreValidForAServiceAndAChannelOfSomeSize) {
    alignas(IOReporter_IVars) std::byte storage[sizeof(IOReporter_IVars)];
    auto* made = new (storage) IOReporter_IVars(service_.get(), kType, kIOReportUnitEvents);
    EXPECT_TRUE(made->valid());
    EXPECT_EQ(get_IOReporter_IVars(made), made);
    EXPECT_EQ(made->channelDimension, 2);
    EXPECT_EQ(made->unit, kIOReportUnitEvents);
    EXPECT_EQ(made->nChannels, 0);
    made->~IOReporter_IVars();
    IOReporter_IVars nobodys(nullptr, kType, kIOReportUnitEvents);
    EXPECT_FALSE(nobodys.valid());
    IOSimpleReporter_IVars simple(service_.get(), kType, kIOReportUnitNone);
    EXPECT_TRUE(simple.valid());
    IOReportChannelType none = kType;
    none.nelements = 0;
    IOSimpleReporter_IVars empty(service_.get(), none, kIOReportUnitNone);
    EXPECT_FALSE(empty.valid());
    const auto reporter = make_simple(service_.get());
    EXPECT_EQ(get_IOReporter_IVars(static_cast<IOReporter*>(reporter.get())), reporter->ivars);
}

// Facts: IVarsInvalidator.IVarsInvalidator, IVarsInvalidator.~IVarsInvalidator,
// Facts: IVarsInvalidator.disarm
TEST_F(Reporters, AnInvalidatorThatIsNotDisarmedMakesIvarsInvalid) {
    IOReporter_IVars ivars(service_.get(), kType, kIOReportUnitNone);
    {
        IVarsInvalidator invalidator(ivars);
        EXPECT_EQ(invalidator.ivars, &ivars);
        invalidator.disarm();
        EXPECT_EQ(invalidator.ivars, nullptr);
    }
    EXPECT_TRUE(ivars.valid());
    alignas(IVarsInvalidator) std::byte storage[sizeof(IVarsInvalidator)];
    auto* armed = new (storage) IVarsInvalidator(ivars);
    armed->~IVarsInvalidator();
    EXPECT_FALSE(ivars.valid());
}

// Facts: IOReporter_IVars.lockReporter, IOReporter_IVars.unlockReporter,
// Facts: IOReporter_IVars.lockReporterConfig, IOReporter_IVars.unlockReporterConfig
TEST_F(Reporters, TheLocksKeepOthersOut) {
    const auto reporter = make_simple(service_.get());
    ASSERT_EQ(reporter->addChannel(kFirst), kIOReturnSuccess);
    IOReporter_IVars* ivars = reporter->ivars;
    ivars->lockReporterConfig();
    EXPECT_TRUE(ivars->reporterConfigIsLocked);
    ivars->lockReporter();
    EXPECT_TRUE(ivars->reporterIsLocked);
    std::thread writer([&] { EXPECT_EQ(reporter->setValue(kFirst, 5), kIOReturnSuccess); });
    std::thread adder([&] { EXPECT_EQ(reporter->addChannel(kSecond), kIOReturnSuccess); });
    // Neither gets anywhere before the locks are given up.
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    EXPECT_EQ(ivars->getElementValues(0)->v[0], 0u);
    EXPECT_EQ(ivars->nChannels, 1);
    ivars->unlockReporter();
    writer.join();
    EXPECT_FALSE(ivars->reporterIsLocked);
    EXPECT_EQ(reporter->getValue(kFirst), 5);
    ivars->unlockReporterConfig();
    adder.join();
    EXPECT_FALSE(ivars->reporterConfigIsLocked);
    EXPECT_EQ(reporter->getValue(kSecond), 0);
}

// Facts: IOReporter_IVars.handleSwapPrepare, IOReporter_IVars.handleAddChannelSwap,
// Facts: IOReporter_IVars.handleSwapCleanup, IOReporter_IVars.getChannelIndex,
// Facts: IOReporter_IVars.getChannelIndices, IOReporter_IVars.getFirstElementIndex,
// Facts: IOReporter_IVars.setElementValues, IOReporter_IVars.getElementValues,
// Facts: IOReporter_IVars.copyElementValues
TEST_F(Reporters, ChannelsAreAddedBySwappingArrays) {
    IOReporter_IVars ivars(service_.get(), kType, kIOReportUnitNone);
    const OSSharedPtr<OSString> name(OSString::withCString("first"), OSNoRetain);
    ivars.lockReporterConfig();
    ivars.lockReporter();
    EXPECT_EQ(ivars.handleAddChannelSwap(kFirst, name.get()), kIOReturnNotReady);
    EXPECT_EQ(ivars.handleSwapPrepare(0), kIOReturnBadArgument);
    ASSERT_EQ(ivars.handleSwapPrepare(1), kIOReturnSuccess);
    ASSERT_EQ(ivars.handleAddChannelSwap(kFirst, name.get()), kIOReturnSuccess);
    ivars.handleSwapCleanup(0);
    EXPECT_EQ(ivars.swapElements, nullptr);
    IOReportElementValues values{{1, 2, 3, 4}};
    EXPECT_EQ(ivars.setElementValues(1, &values, 77), kIOReturnSuccess);
    EXPECT_EQ(ivars.elements[1].timestamp, 77u);
    EXPECT_EQ(ivars.setElementValues(2, &values, 77), kIOReturnBadArgument);
    EXPECT_EQ(ivars.setElementValues(-1, &values, 77), kIOReturnBadArgument);
    EXPECT_EQ(ivars.setElementValues(0, nullptr, 77), kIOReturnBadArgument);

    ASSERT_EQ(ivars.handleSwapPrepare(2), kIOReturnSuccess);
    EXPECT_EQ(ivars.handleAddChannelSwap(kFirst, nullptr), kIOReturnBadArgument);
    ASSERT_EQ(ivars.handleAddChannelSwap(kSecond, nullptr), kIOReturnSuccess);
    ivars.handleSwapCleanup(1);
    EXPECT_EQ(ivars.nElements, 4);

    int channel = -1;
    int element = -1;
    EXPECT_EQ(ivars.getChannelIndex(kSecond, &channel), kIOReturnSuccess);
    EXPECT_EQ(channel, 1);
    EXPECT_EQ(ivars.getFirstElementIndex(kSecond, &element), kIOReturnSuccess);
    EXPECT_EQ(element, 2);
    EXPECT_EQ(ivars.getChannelIndices(kFirst, &channel, &element), kIOReturnSuccess);
    EXPECT_EQ(channel, 0);
    EXPECT_EQ(element, 0);
    EXPECT_EQ(ivars.getChannelIndices(kNobodys, &channel, &element), kIOReturnBadArgument);

    ASSERT_NE(ivars.getElementValues(1), nullptr);
    EXPECT_EQ(ivars.getElementValues(1)->v[3], 4u);  // kept by the swap
    EXPECT_EQ(ivars.getElementValues(4), nullptr);
    IOReportElementValues copy{};
    EXPECT_EQ(ivars.copyElementValues(1, &copy), kIOReturnSuccess);
    EXPECT_EQ(copy.v[0], 1u);
    EXPECT_EQ(ivars.copyElementValues(4, &copy), kIOReturnBadArgument);
    EXPECT_EQ(ivars.elements[3].channel_type.element_idx, 1);
    EXPECT_EQ(ivars.elements[3].channel_id, kSecond);
    ivars.unlockReporter();
    ivars.unlockReporterConfig();
}

// Facts: IOReporter_IVars.handleConfigureReport, IOReporter_IVars.handleUpdateReport,
// Facts: IOReporter_IVars.updateChannelValues, IOReporter_IVars.updateReportChannel
TEST_F(Reporters, IvarsAnswerRequestsUnderTheirLocks) {
    const auto reporter = make_simple(service_.get());
    ASSERT_EQ(reporter->addChannel(kFirst), kIOReturnSuccess);
    reporter->setValue(kFirst, 9);
    IOReporter_IVars* ivars = reporter->ivars;
    List list{kFirst};
    ivars->lockReporterConfig();
    ivars->lockReporter();
    uint32_t count = 0;
    EXPECT_EQ(ivars->handleConfigureReport(list.get(), kIOReportGetDimensions, count),
              kIOReturnSuccess);
    EXPECT_EQ(count, 1u);
    IOReportElement elements[2] = {};
    auto* at = reinterpret_cast<uint8_t*>(elements);
    size_t room = sizeof elements;
    EXPECT_EQ(ivars->handleUpdateReport(list.get(), kIOReportCopyChannelData, count, at, room),
              kIOReturnSuccess);
    EXPECT_EQ(ivars->updateChannelValues(0), kIOReturnSuccess);
    EXPECT_EQ(ivars->updateChannelValues(1), kIOReturnBadArgument);
    EXPECT_EQ(ivars->updateReportChannel(0, count, at, room), kIOReturnSuccess);
    EXPECT_EQ(ivars->updateReportChannel(-1, count, at, room), kIOReturnBadArgument);
    EXPECT_EQ(count, 3u);
    EXPECT_EQ(room, 0u);
    EXPECT_EQ(values_of<IOSimpleReportValues>(elements[1]).simple_value, 9);
    ivars->unlockReporter();
    ivars->unlockReporterConfig();
}

/// What the macros for methods of IVars need around them.
struct Checked : IOReporter_IVars {
    using IOReporter_IVars::IOReporter_IVars;
    // Inside of methods: the macros name members of the IVars.
    void check_lock() { IOREPORTER_CHECK_LOCK(); }
    void check_config_lock() { IOREPORTER_CHECK_CONFIG_LOCK(); }
    void debug_element(int index) { IOREPORTER_DEBUG_ELEMENT(index); }
};

std::string logged(const std::function<void()>& work) {
    testing::internal::CaptureStderr();
    work();
    return testing::internal::GetCapturedStderr();
}

// Facts: IOREPORTER_CHECK_LOCK, IOREPORTER_CHECK_CONFIG_LOCK, IOREPORTER_DEBUG_ELEMENT, IORLOG,
// Facts: IORERROR, IORERROR_LOG
TEST_F(Reporters, TheMacrosTellOfMissingLocksInTheLog) {
    Checked ivars(service_.get(), kType, kIOReportUnitNone);
    const bool reporterIsLocked = false;
    const bool reporterConfigIsLocked = true;
    EXPECT_NE(logged([&] { IOREPORTER_CHECK_LOCK(); }).find("without the reporter's lock"),
              std::string::npos);
    EXPECT_EQ(logged([&] { IOREPORTER_CHECK_CONFIG_LOCK(); }), "");
    EXPECT_NE(logged([&] { ivars.check_config_lock(); }).find("check_config_lock"),
              std::string::npos);
    ivars.lockReporter();
    EXPECT_EQ(logged([&] { ivars.check_lock(); }), "");
    ivars.unlockReporter();
    IOReportElement elements[1] = {};
    elements[0].values.v[2] = 0xabc;
    EXPECT_NE(logged([&] { IOREPORTER_DEBUG_ELEMENT(0); }).find("0xabc"), std::string::npos);
    EXPECT_NE(logged([&] { IORLOG("so many: %d", 3); }).find("IOReporting: so many: 3"),
              std::string::npos);
#ifndef IORERROR_LOG
    FAIL() << "errors are not logged";
#endif
    EXPECT_NE(logged([&] { IORERROR("no: %s", "way"); }).find("no: way"), std::string::npos);
}

// Facts: IOREPORT_MAKEID, IOREPORT_GETUNIT_QUANTITY, IOREPORT_GETUNIT_SCALE, __IOR_MAKEUNIT,
// Facts: __IOR_lshiftchr
TEST(ReportMacros, MakeIdsAndUnits) {
    EXPECT_EQ(IOREPORT_MAKEID('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'), 0x6162636465666768u);
    EXPECT_EQ(__IOR_lshiftchr('a', 7), 0x6100000000000000u);
    const IOReportUnit unit = __IOR_MAKEUNIT(kIOReportQuantityTime, kIOReportScaleNano);
    EXPECT_EQ(unit, kIOReportUnit_ns);
    EXPECT_EQ(IOREPORT_GETUNIT_QUANTITY(unit), kIOReportQuantityTime);
    EXPECT_EQ(IOREPORT_GETUNIT_SCALE(unit), kIOReportScaleNano);
}

TEST_F(Reporters, ManyThreadsMayReportAtOnce) {
    const auto reporter = make_simple(service_.get());
    ASSERT_EQ(reporter->addChannel(kFirst), kIOReturnSuccess);
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&, i] {
            for (int n = 0; n < 500; ++n) {
                reporter->incrementValue(kFirst, 1);
                if (n % 100 == 0) reporter->addChannel(1000 + static_cast<uint64_t>(i * 500 + n));
            }
        });
    }
    for (int n = 0; n < 50; ++n) read(reporter.get(), {kFirst});
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(reporter->getValue(kFirst), 2000);
    EXPECT_EQ(reporter->ivars->nChannels, 21);
}

}  // namespace
