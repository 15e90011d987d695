// SPDX-License-Identifier: Apache-2.0
#include <memory>

#include "runtime/tests/reporters_fixture.h"

namespace {

constexpr uint64_t kChannel = 50;
enum : uint64_t { kOff = 0, kIdle = 1, kBusy = 2 };

class StateReporter : public Reporters {
  protected:
    StateReporter()
        : reporter_(IOStateReporter::with(service_.get(), kIOReportCategoryPower, 3), OSNoRetain) {
        EXPECT_EQ(reporter_->addChannel(kChannel, "power"), kIOReturnSuccess);
    }
    std::vector<IOStateReportValues> states() {
        std::vector<IOStateReportValues> all;
        for (const auto& element : read(reporter_.get(), {kChannel}))
            all.push_back(values_of<IOStateReportValues>(element));
        return all;
    }
    OSSharedPtr<IOStateReporter> reporter_;
};

// Facts: IOStateReporter.with, IOStateReporter.initWith, IOStateReporter.setStateID
TEST_F(StateReporter, EveryChannelHasAllStates) {
    ASSERT_EQ(states().size(), 3u);
    EXPECT_EQ(states()[2].state_id, 2u);
    const uint64_t name = IOREPORT_MAKEID('b', 'u', 's', 'y', 0, 0, 0, 0);
    EXPECT_EQ(reporter_->setStateID(kChannel, 2, name), kIOReturnSuccess);
    EXPECT_EQ(states()[2].state_id, name);
    EXPECT_EQ(reporter_->setStateID(kChannel, 3, name), kIOReturnBadArgument);
    EXPECT_EQ(reporter_->setStateID(kNobodys, 0, name), kIOReturnBadArgument);
    EXPECT_EQ(reporter_->setChannelState(kChannel, name), kIOReturnSuccess);
    EXPECT_EQ(states()[2].intransitions, 1u);
    const auto elements = read(reporter_.get(), {kChannel});
    EXPECT_EQ(elements[1].channel_type.report_format, kIOReportFormatState);
    EXPECT_EQ(elements[1].channel_type.nelements, 3);
    EXPECT_EQ(elements[1].channel_type.element_idx, 1);

    EXPECT_EQ(IOStateReporter::with(service_.get(), kIOReportCategoryPower, 0), nullptr);
    EXPECT_EQ(IOStateReporter::with(service_.get(), kIOReportCategoryPower, -1), nullptr);
    EXPECT_EQ(IOStateReporter::with(service_.get(), kIOReportCategoryPower, 40000), nullptr);
    const OSSharedPtr<IOStateReporter> other(OSTypeAlloc(IOStateReporter), OSNoRetain);
    EXPECT_TRUE(other->initWith(service_.get(), kIOReportCategoryPower, 2, kIOReportUnitHWTicks));
    EXPECT_EQ(other->addChannel(1), kIOReturnSuccess);
    EXPECT_EQ(read(other.get(), {1}).size(), 2u);
}

// Facts: IOStateReporter.setChannelState(uint64_t, uint64_t),
// IOStateReporter.getStateInTransitions, Facts: IOStateReporter.getStateResidencyTime,
// IOStateReporter.getStateLastTransitionTime, Facts: IOStateReporter.getStateLastChannelUpdateTime
TEST_F(StateReporter, CountsEntriesAndTheTimeInAState) {
    const uint64_t start = mach_absolute_time();
    EXPECT_EQ(reporter_->getStateResidencyTime(kChannel, kOff), 0u);
    EXPECT_EQ(reporter_->setChannelState(kChannel, kOff), kIOReturnSuccess);
    IODelay(2000);
    const uint64_t first = reporter_->getStateResidencyTime(kChannel, kOff);
    EXPECT_GE(first, 2000000u);                                               // still in it
    EXPECT_EQ(reporter_->setChannelState(kChannel, kOff), kIOReturnSuccess);  // nothing new
    EXPECT_EQ(reporter_->setChannelState(kChannel, kBusy), kIOReturnSuccess);
    const uint64_t left = reporter_->getStateResidencyTime(kChannel, kOff);
    EXPECT_GE(left, first);
    IODelay(1000);
    EXPECT_EQ(reporter_->getStateResidencyTime(kChannel, kOff), left);  // no longer counted
    EXPECT_EQ(reporter_->setChannelState(kChannel, kOff), kIOReturnSuccess);
    EXPECT_EQ(reporter_->getStateInTransitions(kChannel, kOff), 2u);
    EXPECT_EQ(reporter_->getStateInTransitions(kChannel, kBusy), 1u);
    EXPECT_EQ(reporter_->getStateInTransitions(kChannel, kIdle), 0u);
    const uint64_t total = reporter_->getStateResidencyTime(kChannel, kOff) +
                           reporter_->getStateResidencyTime(kChannel, kBusy);
    EXPECT_LE(total, mach_absolute_time() - start);
    const uint64_t busy = reporter_->getStateLastTransitionTime(kChannel, kBusy);
    const uint64_t off = reporter_->getStateLastTransitionTime(kChannel, kOff);
    EXPECT_GT(busy, start);
    EXPECT_GT(off, busy);
    EXPECT_GE(reporter_->getStateLastChannelUpdateTime(kChannel), off);

    EXPECT_EQ(reporter_->setChannelState(kChannel, 9), kIOReturnBadArgument);
    EXPECT_EQ(reporter_->setChannelState(kNobodys, kOff), kIOReturnBadArgument);
    EXPECT_EQ(reporter_->getStateInTransitions(kChannel, 9), kIOReportInvalidValue);
    EXPECT_EQ(reporter_->getStateResidencyTime(kNobodys, kOff), kIOReportInvalidValue);
    EXPECT_EQ(reporter_->getStateLastTransitionTime(kChannel, 9), kIOReportInvalidValue);
    EXPECT_EQ(reporter_->getStateLastChannelUpdateTime(kNobodys), kIOReportInvalidValue);
}

// Facts: IOStateReporter.setChannelState(uint64_t, uint64_t, uint64_t, uint64_t)
TEST_F(StateReporter, TakesTimesThatTheDriverMeasured) {
    const uint64_t entered = mach_absolute_time() - 1000000;
    ASSERT_EQ(reporter_->setChannelState(kChannel, kIdle, entered, 0), kIOReturnSuccess);
    EXPECT_EQ(reporter_->getStateLastTransitionTime(kChannel, kIdle), entered);
    EXPECT_GE(reporter_->getStateResidencyTime(kChannel, kIdle), 1000000u);
    // It was there for 600000 only, whatever was counted by reading meanwhile.
    ASSERT_EQ(reporter_->setChannelState(kChannel, kBusy, entered + 600000, 600000),
              kIOReturnSuccess);
    EXPECT_EQ(reporter_->getStateResidencyTime(kChannel, kIdle), 600000u);
    EXPECT_EQ(reporter_->getStateLastTransitionTime(kChannel, kBusy), entered + 600000);
    // Without a residency it is the time between the transitions.
    const uint64_t idle = entered + 700000;
    const OSSharedPtr<IOStateReporter> quiet(
        IOStateReporter::with(service_.get(), kIOReportCategoryPower, 3), OSNoRetain);
    ASSERT_EQ(quiet->addChannel(kChannel), kIOReturnSuccess);
    ASSERT_EQ(quiet->setChannelState(kChannel, kOff, entered, 0), kIOReturnSuccess);
    ASSERT_EQ(quiet->setChannelState(kChannel, kIdle, idle, 0), kIOReturnSuccess);
    EXPECT_EQ(quiet->getStateResidencyTime(kChannel, kOff), 700000u);
}

// Facts: IOStateReporter.setState, IOStateReporter.setStateByIndices
TEST_F(StateReporter, HasShortFormsForOneChannelAndForIndices) {
    EXPECT_EQ(reporter_->setState(kIdle), kIOReturnSuccess);
    EXPECT_EQ(reporter_->getStateInTransitions(kChannel, kIdle), 1u);
    const uint64_t time = mach_absolute_time();
    EXPECT_EQ(reporter_->setState(kBusy, time, 123), kIOReturnSuccess);
    EXPECT_EQ(reporter_->getStateResidencyTime(kChannel, kIdle), 123u);
    EXPECT_EQ(reporter_->setState(9), kIOReturnBadArgument);

    ASSERT_EQ(reporter_->addChannel(51), kIOReturnSuccess);
    EXPECT_EQ(reporter_->setState(kIdle), kIOReturnBadArgument);  // of which channel?
    EXPECT_EQ(reporter_->setStateByIndices(1, 0), kIOReturnSuccess);
    EXPECT_EQ(reporter_->getStateInTransitions(51, kOff), 1u);
    EXPECT_EQ(reporter_->getStateInTransitions(kChannel, kOff), 0u);
    EXPECT_EQ(reporter_->setStateByIndices(1, 2, time, 77), kIOReturnSuccess);
    EXPECT_EQ(reporter_->getStateResidencyTime(51, kOff), 77u);
    EXPECT_EQ(reporter_->getStateLastTransitionTime(51, kBusy), time);
    EXPECT_EQ(reporter_->setStateByIndices(2, 0), kIOReturnBadArgument);
    EXPECT_EQ(reporter_->setStateByIndices(0, 3), kIOReturnBadArgument);
    EXPECT_EQ(reporter_->setStateByIndices(-1, 0), kIOReturnBadArgument);
}

// Facts: IOStateReporter.overrideChannelState, IOStateReporter.incrementChannelState
TEST_F(StateReporter, TakesCountsOfDevicesThatCountThemselves) {
    EXPECT_EQ(reporter_->overrideChannelState(kChannel, kBusy, 500, 6, 7), kIOReturnSuccess);
    EXPECT_EQ(states()[2].upticks, 500u);
    EXPECT_EQ(states()[2].intransitions, 6u);
    EXPECT_EQ(states()[2].last_intransition, 7u);
    EXPECT_EQ(reporter_->incrementChannelState(kChannel, kBusy, 50, 2), kIOReturnSuccess);
    EXPECT_EQ(states()[2].upticks, 550u);
    EXPECT_EQ(states()[2].intransitions, 8u);
    EXPECT_EQ(states()[2].last_intransition, 7u);
    EXPECT_EQ(reporter_->incrementChannelState(kChannel, kBusy, 0, 0, 9), kIOReturnSuccess);
    EXPECT_EQ(states()[2].last_intransition, 9u);
    EXPECT_EQ(reporter_->overrideChannelState(kChannel, kBusy, 1, 1), kIOReturnSuccess);
    EXPECT_EQ(states()[2].upticks, 1u);
    EXPECT_EQ(reporter_->overrideChannelState(kChannel, 9, 1, 1), kIOReturnBadArgument);
    EXPECT_EQ(reporter_->incrementChannelState(kNobodys, kBusy, 1, 1), kIOReturnBadArgument);
}

// Facts: IOStateReporter_IVars.IOStateReporter_IVars, IOStateReporter_IVars.~IOStateReporter_IVars,
// Facts: IOStateReporter_IVars.handleSwapPrepare, IOStateReporter_IVars.handleAddChannelSwap,
// Facts: IOStateReporter_IVars.handleSwapCleanup, IOStateReporter_IVars.handleSetStateByIndices,
// Facts: IOStateReporter_IVars.handleSetStateID,
// Facts: IOStateReporter_IVars.handleOverrideChannelStateByIndices,
// Facts: IOStateReporter_IVars.handleIncrementChannelStateByIndices,
// Facts: IOStateReporter_IVars.updateChannelValues, get_IOStateReporter_IVars
TEST_F(StateReporter, IvarsKeepTheStateOfEachChannel) {
    alignas(IOStateReporter_IVars) std::byte storage[sizeof(IOStateReporter_IVars)];
    const IOReportChannelType type{kIOReportFormatState, 0, 0, 0, 0};
    auto* ivars = new (storage) IOStateReporter_IVars(service_.get(), type, kIOReportUnitHWTicks,
                                                      kIOReportCategoryPower, 2);
    ASSERT_TRUE(ivars->valid());
    EXPECT_EQ(ivars->channelType.categories, kIOReportCategoryPower);
    EXPECT_EQ(get_IOStateReporter_IVars(ivars), ivars);
    EXPECT_EQ(get_IOStateReporter_IVars(reporter_.get()), reporter_->ivars);
    ivars->lockReporterConfig();
    ivars->lockReporter();
    for (int i = 0; i < 2; ++i) {
        ASSERT_EQ(ivars->handleSwapPrepare(i + 1), kIOReturnSuccess);
        ASSERT_EQ(ivars->handleAddChannelSwap(static_cast<uint64_t>(i + 1), nullptr),
                  kIOReturnSuccess);
        ivars->handleSwapCleanup(i);
        EXPECT_EQ(ivars->swapCurrentStates, nullptr);
        EXPECT_EQ(ivars->swapLastUpdateTimes, nullptr);
        EXPECT_EQ(ivars->currentStates[i], -1);
        EXPECT_EQ(ivars->handleSetStateByIndices(i, 1, 0, 0), kIOReturnSuccess);
        EXPECT_EQ(ivars->currentStates[0], 1);  // the first channel's is kept
    }
    EXPECT_EQ(ivars->handleSetStateByIndices(2, 0, 0, 0), kIOReturnBadArgument);
    const uint64_t before = ivars->lastUpdateTimes[1];
    IODelay(100);
    EXPECT_EQ(ivars->updateChannelValues(1), kIOReturnSuccess);
    EXPECT_GE(ivars->getElementValues(3)->v[2], 100000u);
    EXPECT_GT(ivars->lastUpdateTimes[1], before);
    EXPECT_EQ(ivars->updateChannelValues(2), kIOReturnBadArgument);
    EXPECT_EQ(ivars->handleSetStateID(2, 0, 99), kIOReturnSuccess);
    EXPECT_EQ(ivars->getElementValues(2)->v[0], 99u);
    EXPECT_EQ(ivars->handleOverrideChannelStateByIndices(1, 0, 10, 20, 30), kIOReturnSuccess);
    EXPECT_EQ(ivars->handleIncrementChannelStateByIndices(1, 0, 1, 2, 3), kIOReturnSuccess);
    EXPECT_EQ(ivars->getElementValues(2)->v[1], 22u);
    EXPECT_EQ(ivars->getElementValues(2)->v[2], 11u);
    EXPECT_EQ(ivars->getElementValues(2)->v[3], 3u);
    EXPECT_EQ(ivars->handleOverrideChannelStateByIndices(1, 2, 0, 0, 0), kIOReturnBadArgument);
    EXPECT_EQ(ivars->handleIncrementChannelStateByIndices(-1, 0, 0, 0, 0), kIOReturnBadArgument);
    ivars->unlockReporter();
    ivars->unlockReporterConfig();
    ivars->~IOStateReporter_IVars();
}

}  // namespace
