/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DRIVERKIT_IOSTATEREPORTER_H
#define DRIVERKIT_IOSTATEREPORTER_H

#include <DriverKit/IOReporter.h>

enum IOStateReporter_valueSelector : unsigned int {
    kInTransitions = 0,
    kResidencyTime = 1,
    kLastTransitionTime = 2,
};

struct OPENDEXT_EXPORT IOStateReporter_IVars : public IOReporter_IVars {
    IOStateReporter_IVars(IOService* reportingService, IOReportChannelType channelType,
                          IOReportUnit unit, IOReportCategories categories, int64_t nstates);
    ~IOStateReporter_IVars() override;

    IOReturn handleSwapPrepare(int newNChannels) override;
    IOReturn handleAddChannelSwap(uint64_t channelID, const OSString* symChannelName) override;
    void handleSwapCleanup(int swapNChannels) override;
    /* Counts the time in the present state up to now. */
    IOReturn updateChannelValues(int channel_index) override;

    /* With reporterLock; as the methods of IOStateReporter. kIOReturnBadArgument for an index or id
     * that does not exist. */
    IOReturn handleSetStateByIndices(int channel_index, int new_state_index,
                                     uint64_t last_intransition, uint64_t prev_state_residency);
    IOReturn handleSetStateID(uint64_t channel_id, int state_index, uint64_t state_id);
    IOReturn handleOverrideChannelStateByIndices(int channel_index, int state_index,
                                                 uint64_t time_in_state, uint64_t intransitions,
                                                 uint64_t last_intransition);
    IOReturn handleIncrementChannelStateByIndices(int channel_index, int state_index,
                                                  uint64_t time_in_state, uint64_t intransitions,
                                                  uint64_t last_intransition);
    /* With reporterLock. */
    IOReturn getStateIndices(uint64_t channel_id, uint64_t state_id, int* channel_index,
                             int* state_index);

    int* currentStates;        /* of each channel; -1 before the first state is set */
    uint64_t* lastUpdateTimes; /* until when the time in that state is counted */
    int* swapCurrentStates;
    uint64_t* swapLastUpdateTimes;
};

extern OPENDEXT_EXPORT OSMetaClass* gIOStateReporterMetaClass;

/* Which of its states each channel is in: how often it entered each, and how long it was there. */
class OPENDEXT_EXPORT IOStateReporter : public IOReporter {
  public:
    using super = IOReporter;

    /* `nstates`: states of every channel, 1 to 32767; their ids are 0, 1, … until setStateID. */
    static IOStateReporter* with(IOService* reportingService, IOReportCategories categories,
                                 int nstates, IOReportUnit unit = kIOReportUnitHWTicks);
    bool initWith(IOService* reportingService, IOReportCategories categories, int nstates,
                  IOReportUnit unit = kIOReportUnitHWTicks);

    IOReturn setStateID(uint64_t channel_id, int state_index, uint64_t state_id);

    /* The channel enters a state now. The same state again: nothing happens. */
    IOReturn setChannelState(uint64_t channel_id, uint64_t new_state_id);
    /* It entered the state at `last_intransition` (0 = now), after `prev_state_residency` in the
     * one before (0 = the time since that was entered). */
    IOReturn setChannelState(uint64_t channel_id, uint64_t new_state_id, uint64_t last_intransition,
                             uint64_t prev_state_residency);
    /* For reporters with one channel; with more of them kIOReturnBadArgument. */
    IOReturn setState(uint64_t new_state_id);
    IOReturn setState(uint64_t new_state_id, uint64_t last_intransition,
                      uint64_t prev_state_residency);
    IOReturn setStateByIndices(int channel_index, int new_state_index);
    IOReturn setStateByIndices(int channel_index, int new_state_index, uint64_t last_intransition,
                               uint64_t prev_state_residency);

    /* For devices that count by themselves. `last_intransition` 0 = as it was. */
    IOReturn overrideChannelState(uint64_t channel_id, uint64_t state_id, uint64_t time_in_state,
                                  uint64_t intransitions, uint64_t last_intransition = 0);
    IOReturn incrementChannelState(uint64_t channel_id, uint64_t state_id, uint64_t time_in_state,
                                   uint64_t intransitions, uint64_t last_intransition = 0);

    /* kIOReportInvalidValue for a channel or state that does not exist. */
    uint64_t getStateInTransitions(uint64_t channel_id, uint64_t state_id);
    uint64_t getStateResidencyTime(uint64_t channel_id, uint64_t state_id);
    uint64_t getStateLastTransitionTime(uint64_t channel_id, uint64_t state_id);
    uint64_t getStateLastChannelUpdateTime(uint64_t channel_id);
};

static inline IOStateReporter_IVars* get_IOStateReporter_IVars(IOStateReporter* p) {
    return static_cast<IOStateReporter_IVars*>(p->ivars);
}
static inline IOStateReporter_IVars* get_IOStateReporter_IVars(IOStateReporter_IVars* p) {
    return p;
}

#endif /* DRIVERKIT_IOSTATEREPORTER_H */
