// SPDX-License-Identifier: Apache-2.0
#include <DriverKit/IOStateReporter.h>

#include <cstring>
#include <utility>

#include "runtime/reporters/reporter_class.h"

using namespace opendext::runtime;
using Which = ReporterLock::Which;

OSMetaClass* gIOStateReporterMetaClass;

namespace {

ContainerRegistration<IOStateReporter> g_state("IOStateReporter", "IOReporter",
                                               &gIOStateReporterMetaClass);

static_assert(sizeof(IOStateReportValues) == sizeof(IOReportElementValues));

IOStateReportValues read(IOReporter_IVars& ivars, int element) {
    IOStateReportValues state;
    memcpy(&state, ivars.getElementValues(element), sizeof state);
    return state;
}
IOReturn write(IOReporter_IVars& ivars, int element, const IOStateReportValues& state,
               uint64_t time) {
    IOReportElementValues values;
    memcpy(&values, &state, sizeof values);
    return ivars.setElementValues(element, &values, time);
}

}  // namespace

IOStateReporter_IVars::IOStateReporter_IVars(IOService* reportingService, IOReportChannelType type,
                                             IOReportUnit reportUnit, IOReportCategories categories,
                                             int64_t nstates)
    : IOReporter_IVars(
          reportingService,
          {type.report_format, 0, categories,
           nstates > 0 && nstates <= INT16_MAX ? static_cast<uint16_t>(nstates) : uint16_t{0}, 0},
          reportUnit),
      currentStates(nullptr),
      lastUpdateTimes(nullptr),
      swapCurrentStates(nullptr),
      swapLastUpdateTimes(nullptr) {}

IOStateReporter_IVars::~IOStateReporter_IVars() {
    IOSafeDeleteNULL(currentStates, int, static_cast<size_t>(nChannels));
    IOSafeDeleteNULL(lastUpdateTimes, uint64_t, static_cast<size_t>(nChannels));
}

IOReturn IOStateReporter_IVars::handleSwapPrepare(int newNChannels) {
    const IOReturn result = IOReporter_IVars::handleSwapPrepare(newNChannels);
    if (result != kIOReturnSuccess) return result;
    swapCurrentStates = IONewZero(int, static_cast<size_t>(newNChannels));
    swapLastUpdateTimes = IONewZero(uint64_t, static_cast<size_t>(newNChannels));
    if (swapCurrentStates != nullptr && swapLastUpdateTimes != nullptr) return kIOReturnSuccess;
    IOStateReporter_IVars::handleSwapCleanup(newNChannels);
    return kIOReturnNoMemory;
}

IOReturn IOStateReporter_IVars::handleAddChannelSwap(uint64_t channelID,
                                                     const OSString* symChannelName) {
    const auto before = static_cast<size_t>(nChannels);
    const IOReturn result = IOReporter_IVars::handleAddChannelSwap(channelID, symChannelName);
    if (result != kIOReturnSuccess) return result;
    if (before > 0) {
        memcpy(swapCurrentStates, currentStates, before * sizeof *currentStates);
        memcpy(swapLastUpdateTimes, lastUpdateTimes, before * sizeof *lastUpdateTimes);
    }
    std::swap(currentStates, swapCurrentStates);
    std::swap(lastUpdateTimes, swapLastUpdateTimes);
    currentStates[before] = -1;
    for (int i = 0; i < channelDimension; ++i) {
        const IOStateReportValues state{static_cast<uint64_t>(i), 0, 0, 0};
        write(*this, static_cast<int>(before) * channelDimension + i, state, 0);
    }
    return kIOReturnSuccess;
}

void IOStateReporter_IVars::handleSwapCleanup(int swapNChannels) {
    IOReporter_IVars::handleSwapCleanup(swapNChannels);
    IOSafeDeleteNULL(swapCurrentStates, int, static_cast<size_t>(swapNChannels));
    IOSafeDeleteNULL(swapLastUpdateTimes, uint64_t, static_cast<size_t>(swapNChannels));
}

IOReturn IOStateReporter_IVars::updateChannelValues(int channel_index) {
    IOREPORTER_CHECK_LOCK();
    if (channel_index < 0 || channel_index >= nChannels) return kIOReturnBadArgument;
    const int current = currentStates[channel_index];
    if (current < 0) return kIOReturnSuccess;
    const uint64_t now = mach_absolute_time();
    uint64_t& counted = lastUpdateTimes[channel_index];
    const int element = channel_index * channelDimension + current;
    IOStateReportValues state = read(*this, element);
    if (now > counted) state.upticks += now - counted;  // the driver may name times to come
    counted = now > counted ? now : counted;
    return write(*this, element, state, now);
}

IOReturn IOStateReporter_IVars::handleSetStateByIndices(int channel_index, int new_state_index,
                                                        uint64_t last_intransition,
                                                        uint64_t prev_state_residency) {
    IOREPORTER_CHECK_LOCK();
    if (channel_index < 0 || channel_index >= nChannels || new_state_index < 0 ||
        new_state_index >= channelDimension) {
        return kIOReturnBadArgument;
    }
    const int current = currentStates[channel_index];
    if (current == new_state_index) return kIOReturnSuccess;
    const uint64_t now = mach_absolute_time();
    const uint64_t entered = last_intransition == 0 ? now : last_intransition;
    const int first = channel_index * channelDimension;
    if (current >= 0) {
        const uint64_t counted = lastUpdateTimes[channel_index];
        IOStateReportValues left = read(*this, first + current);
        if (prev_state_residency == 0) {
            if (entered > counted) left.upticks += entered - counted;
        } else {
            // Part of it was counted already if somebody has read the channel meanwhile.
            const uint64_t begin = left.last_intransition;
            left.upticks += prev_state_residency - (counted > begin ? counted - begin : 0);
        }
        write(*this, first + current, left, now);
    }
    IOStateReportValues reached = read(*this, first + new_state_index);
    ++reached.intransitions;
    reached.last_intransition = entered;
    write(*this, first + new_state_index, reached, now);
    lastUpdateTimes[channel_index] = entered;
    currentStates[channel_index] = new_state_index;
    return kIOReturnSuccess;
}

IOReturn IOStateReporter_IVars::handleSetStateID(uint64_t channel_id, int state_index,
                                                 uint64_t state_id) {
    IOREPORTER_CHECK_LOCK();
    int first = 0;
    const IOReturn found = getFirstElementIndex(channel_id, &first);
    if (found != kIOReturnSuccess) return found;
    if (state_index < 0 || state_index >= channelDimension) return kIOReturnBadArgument;
    IOStateReportValues state = read(*this, first + state_index);
    state.state_id = state_id;
    return write(*this, first + state_index, state, 0);
}

IOReturn IOStateReporter_IVars::handleOverrideChannelStateByIndices(int channel_index,
                                                                    int state_index,
                                                                    uint64_t time_in_state,
                                                                    uint64_t intransitions,
                                                                    uint64_t last_intransition) {
    IOREPORTER_CHECK_LOCK();
    if (channel_index < 0 || channel_index >= nChannels || state_index < 0 ||
        state_index >= channelDimension) {
        return kIOReturnBadArgument;
    }
    const uint64_t now = mach_absolute_time();
    const int element = channel_index * channelDimension + state_index;
    IOStateReportValues state = read(*this, element);
    state.upticks = time_in_state;
    state.intransitions = intransitions;
    if (last_intransition != 0) state.last_intransition = last_intransition;
    // The time given holds up to now.
    if (currentStates[channel_index] == state_index) lastUpdateTimes[channel_index] = now;
    return write(*this, element, state, now);
}

IOReturn IOStateReporter_IVars::handleIncrementChannelStateByIndices(int channel_index,
                                                                     int state_index,
                                                                     uint64_t time_in_state,
                                                                     uint64_t intransitions,
                                                                     uint64_t last_intransition) {
    IOREPORTER_CHECK_LOCK();
    if (channel_index < 0 || channel_index >= nChannels || state_index < 0 ||
        state_index >= channelDimension) {
        return kIOReturnBadArgument;
    }
    const int element = channel_index * channelDimension + state_index;
    IOStateReportValues state = read(*this, element);
    state.upticks += time_in_state;
    state.intransitions += intransitions;
    if (last_intransition != 0) state.last_intransition = last_intransition;
    return write(*this, element, state, 0);
}

IOReturn IOStateReporter_IVars::getStateIndices(uint64_t channel_id, uint64_t state_id,
                                                int* channel_index, int* state_index) {
    int first = 0;
    const IOReturn found = getChannelIndices(channel_id, channel_index, &first);
    if (found != kIOReturnSuccess) return found;
    for (int i = 0; i < channelDimension; ++i) {
        if (read(*this, first + i).state_id != state_id) continue;
        *state_index = i;
        return kIOReturnSuccess;
    }
    return kIOReturnBadArgument;
}

IOStateReporter* IOStateReporter::with(IOService* reportingService, IOReportCategories categories,
                                       int nstates, IOReportUnit unit) {
    auto* reporter = new_reporter<IOStateReporter>(gIOStateReporterMetaClass);
    if (reporter != nullptr && !reporter->initWith(reportingService, categories, nstates, unit))
        OSSafeReleaseNULL(reporter);
    return reporter;
}

bool IOStateReporter::initWith(IOService* reportingService, IOReportCategories categories,
                               int nstates, IOReportUnit unit) {
    const IOReportChannelType type{kIOReportFormatState, 0, categories, 0, 0};
    return adopt(new IOStateReporter_IVars(reportingService, type, unit, categories, nstates));
}

IOReturn IOStateReporter::setStateID(uint64_t channel_id, int state_index, uint64_t state_id) {
    IOStateReporter_IVars& own = *get_IOStateReporter_IVars(this);
    const ReporterLock lock(own, Which::values);
    return own.handleSetStateID(channel_id, state_index, state_id);
}

IOReturn IOStateReporter::setChannelState(uint64_t channel_id, uint64_t new_state_id) {
    return setChannelState(channel_id, new_state_id, 0, 0);
}
IOReturn IOStateReporter::setChannelState(uint64_t channel_id, uint64_t new_state_id,
                                          uint64_t last_intransition,
                                          uint64_t prev_state_residency) {
    IOStateReporter_IVars& own = *get_IOStateReporter_IVars(this);
    const ReporterLock lock(own, Which::values);
    int channel = 0;
    int state = 0;
    const IOReturn found = own.getStateIndices(channel_id, new_state_id, &channel, &state);
    if (found != kIOReturnSuccess) return found;
    return own.handleSetStateByIndices(channel, state, last_intransition, prev_state_residency);
}

IOReturn IOStateReporter::setState(uint64_t new_state_id) {
    return setState(new_state_id, 0, 0);
}
IOReturn IOStateReporter::setState(uint64_t new_state_id, uint64_t last_intransition,
                                   uint64_t prev_state_residency) {
    IOStateReporter_IVars& own = *get_IOStateReporter_IVars(this);
    const ReporterLock lock(own, Which::values);
    if (own.nChannels != 1) return kIOReturnBadArgument;
    int channel = 0;
    int state = 0;
    const IOReturn found =
        own.getStateIndices(own.elements[0].channel_id, new_state_id, &channel, &state);
    if (found != kIOReturnSuccess) return found;
    return own.handleSetStateByIndices(channel, state, last_intransition, prev_state_residency);
}

IOReturn IOStateReporter::setStateByIndices(int channel_index, int new_state_index) {
    return setStateByIndices(channel_index, new_state_index, 0, 0);
}
IOReturn IOStateReporter::setStateByIndices(int channel_index, int new_state_index,
                                            uint64_t last_intransition,
                                            uint64_t prev_state_residency) {
    IOStateReporter_IVars& own = *get_IOStateReporter_IVars(this);
    const ReporterLock lock(own, Which::values);
    return own.handleSetStateByIndices(channel_index, new_state_index, last_intransition,
                                       prev_state_residency);
}

namespace {

/// Finds a state and calls a handler of the IVars with its indices.
template <typename Handler>
auto with_state(IOStateReporter* reporter, uint64_t channel_id, uint64_t state_id,
                decltype(std::declval<Handler>()(std::declval<IOStateReporter_IVars&>(), 0,
                                                 0)) if_missing,
                const Handler& handler) {
    IOStateReporter_IVars& own = *get_IOStateReporter_IVars(reporter);
    const ReporterLock lock(own, Which::values);
    int channel = 0;
    int state = 0;
    if (own.getStateIndices(channel_id, state_id, &channel, &state) != kIOReturnSuccess)
        return if_missing;
    return handler(own, channel, state);
}

uint64_t value_of(IOStateReporter* reporter, uint64_t channel_id, uint64_t state_id,
                  IOStateReporter_valueSelector which) {
    return with_state(reporter, channel_id, state_id, kIOReportInvalidValue,
                      [which](IOStateReporter_IVars& own, int channel, int state) -> uint64_t {
                          own.updateChannelValues(channel);
                          const auto values = read(own, channel * own.channelDimension + state);
                          switch (which) {
                              case kInTransitions:
                                  return values.intransitions;
                              case kResidencyTime:
                                  return values.upticks;
                              case kLastTransitionTime:
                                  return values.last_intransition;
                          }
                          return kIOReportInvalidValue;
                      });
}

}  // namespace

IOReturn IOStateReporter::overrideChannelState(uint64_t channel_id, uint64_t state_id,
                                               uint64_t time_in_state, uint64_t intransitions,
                                               uint64_t last_intransition) {
    return with_state(this, channel_id, state_id, kIOReturnBadArgument,
                      [&](IOStateReporter_IVars& own, int channel, int state) -> IOReturn {
                          return own.handleOverrideChannelStateByIndices(
                              channel, state, time_in_state, intransitions, last_intransition);
                      });
}

IOReturn IOStateReporter::incrementChannelState(uint64_t channel_id, uint64_t state_id,
                                                uint64_t time_in_state, uint64_t intransitions,
                                                uint64_t last_intransition) {
    return with_state(this, channel_id, state_id, kIOReturnBadArgument,
                      [&](IOStateReporter_IVars& own, int channel, int state) -> IOReturn {
                          return own.handleIncrementChannelStateByIndices(
                              channel, state, time_in_state, intransitions, last_intransition);
                      });
}

uint64_t IOStateReporter::getStateInTransitions(uint64_t channel_id, uint64_t state_id) {
    return value_of(this, channel_id, state_id, kInTransitions);
}
uint64_t IOStateReporter::getStateResidencyTime(uint64_t channel_id, uint64_t state_id) {
    return value_of(this, channel_id, state_id, kResidencyTime);
}
uint64_t IOStateReporter::getStateLastTransitionTime(uint64_t channel_id, uint64_t state_id) {
    return value_of(this, channel_id, state_id, kLastTransitionTime);
}
uint64_t IOStateReporter::getStateLastChannelUpdateTime(uint64_t channel_id) {
    IOStateReporter_IVars& own = *get_IOStateReporter_IVars(this);
    const ReporterLock lock(own, Which::values);
    int channel = 0;
    if (own.getChannelIndex(channel_id, &channel) != kIOReturnSuccess) return kIOReportInvalidValue;
    return own.lastUpdateTimes[channel];
}
