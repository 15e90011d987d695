// SPDX-License-Identifier: Apache-2.0
#include <DriverKit/IOService.h>
#include <DriverKit/OSBoolean.h>
#include <DriverKit/OSData.h>
#include <DriverKit/OSNumber.h>
#include <DriverKit/OSString.h>

#include <climits>
#include <cstring>
#include <utility>

#include "runtime/reporters/reporter_class.h"

IOReporter_IVars::IOReporter_IVars(IOService* reportingService, IOReportChannelType type,
                                   IOReportUnit reportUnit)
    : driver_id(0),
      channelType(type),
      channelDimension(type.nelements),
      unit(reportUnit),
      nChannels(0),
      nElements(0),
      elements(nullptr),
      enableCounts(nullptr),
      enabled(0),
      channelNames(nullptr),
      swapElements(nullptr),
      swapEnableCounts(nullptr),
      reporterLock(IOLockAlloc()),
      configLock(IOLockAlloc()),
      reporterIsLocked(false),
      reporterConfigIsLocked(false) {
    IVarsInvalidator invalidator(*this);
    if (reportingService == nullptr || channelDimension == 0) return;
    // 0 for a service that is not in the registry yet.
    (void)reportingService->GetRegistryEntryID(&driver_id);
    channelNames = OSArray::withCapacity(1);
    if (channelNames == nullptr) return;
    invalidator.disarm();
}

IOReporter_IVars::~IOReporter_IVars() {
    OSSafeReleaseNULL(channelNames);
    IOSafeDeleteNULL(elements, IOReportElement, static_cast<size_t>(nElements));
    IOSafeDeleteNULL(enableCounts, int, static_cast<size_t>(nChannels));
    if (reporterLock != nullptr) IOLockFreeZero(reporterLock);
    if (configLock != nullptr) IOLockFreeZero(configLock);
}

bool IOReporter_IVars::valid() {
    return reporterLock != nullptr && configLock != nullptr;
}

void IOReporter_IVars::lockReporter() {
    IOLockLock(reporterLock);
    reporterIsLocked = true;
}
void IOReporter_IVars::unlockReporter() {
    reporterIsLocked = false;
    IOLockUnlock(reporterLock);
}
void IOReporter_IVars::lockReporterConfig() {
    IOLockLock(configLock);
    reporterConfigIsLocked = true;
}
void IOReporter_IVars::unlockReporterConfig() {
    reporterConfigIsLocked = false;
    IOLockUnlock(configLock);
}

IOReturn IOReporter_IVars::handleSwapPrepare(int newNChannels) {
    IOREPORTER_CHECK_CONFIG_LOCK();
    if (newNChannels <= nChannels || newNChannels > INT_MAX / channelDimension)
        return kIOReturnBadArgument;
    const auto channels = static_cast<size_t>(newNChannels);
    swapElements = IONewZero(IOReportElement, channels * channelDimension);
    swapEnableCounts = IONewZero(int, channels);
    if (swapElements != nullptr && swapEnableCounts != nullptr) return kIOReturnSuccess;
    IOReporter_IVars::handleSwapCleanup(newNChannels);
    return kIOReturnNoMemory;
}

IOReturn IOReporter_IVars::handleAddChannelSwap(uint64_t channel_id,
                                                const OSString* symChannelName) {
    IOREPORTER_CHECK_CONFIG_LOCK();
    IOREPORTER_CHECK_LOCK();
    int index = 0;
    if (getChannelIndex(channel_id, &index) == kIOReturnSuccess) return kIOReturnBadArgument;
    if (swapElements == nullptr || swapEnableCounts == nullptr) return kIOReturnNotReady;
    const OSMetaClassBase* name = symChannelName;
    if (name == nullptr) name = kOSBooleanFalse;
    if (!channelNames->setObject(name)) return kIOReturnNoMemory;

    if (nChannels > 0) {
        memcpy(swapElements, elements, static_cast<size_t>(nElements) * sizeof *elements);
        memcpy(swapEnableCounts, enableCounts,
               static_cast<size_t>(nChannels) * sizeof *enableCounts);
    }
    std::swap(elements, swapElements);
    std::swap(enableCounts, swapEnableCounts);
    for (int i = 0; i < channelDimension; ++i) {
        IOReportElement& element = elements[nElements + i];
        element.provider_id = driver_id;
        element.channel_id = channel_id;
        element.channel_type = channelType;
        element.channel_type.element_idx = static_cast<int16_t>(i);
    }
    ++nChannels;
    nElements += channelDimension;
    return kIOReturnSuccess;
}

void IOReporter_IVars::handleSwapCleanup(int swapNChannels) {
    IOREPORTER_CHECK_CONFIG_LOCK();
    const auto channels = static_cast<size_t>(swapNChannels);
    IOSafeDeleteNULL(swapElements, IOReportElement, channels * channelDimension);
    IOSafeDeleteNULL(swapEnableCounts, int, channels);
}

IOReturn IOReporter_IVars::handleConfigureReport(IOReportChannelList* channelList,
                                                 IOReportConfigureAction action,
                                                 uint32_t& elementCount) {
    IOREPORTER_CHECK_CONFIG_LOCK();
    IOREPORTER_CHECK_LOCK();
    if (channelList == nullptr) return kIOReturnBadArgument;
    if (action != kIOReportEnable && action != kIOReportDisable && action != kIOReportGetDimensions)
        return kIOReturnUnsupported;
    for (uint32_t i = 0; i < channelList->nchannels; ++i) {
        int channel = 0;
        if (getChannelIndex(channelList->channels[i].channel_id, &channel) != kIOReturnSuccess)
            continue;
        int& count = enableCounts[channel];
        if (action == kIOReportGetDimensions) {
            elementCount += channelDimension;
        } else if (action == kIOReportEnable) {
            if (count == INT_MAX) return kIOReturnNoSpace;
            if (count++ == 0) ++enabled;
        } else {
            if (count == 0) return kIOReturnNotOpen;
            if (--count == 0) --enabled;
        }
    }
    return kIOReturnSuccess;
}

IOReturn IOReporter_IVars::handleUpdateReport(IOReportChannelList* channelList,
                                              IOReportConfigureAction action,
                                              uint32_t& elementCount, uint8_t*& buffer,
                                              size_t& capacity) {
    IOREPORTER_CHECK_CONFIG_LOCK();
    IOREPORTER_CHECK_LOCK();
    if (channelList == nullptr || buffer == nullptr) return kIOReturnBadArgument;
    if (action != kIOReportCopyChannelData) return kIOReturnUnsupported;
    for (uint32_t i = 0; i < channelList->nchannels; ++i) {
        int channel = 0;
        if (getChannelIndex(channelList->channels[i].channel_id, &channel) != kIOReturnSuccess)
            continue;
        IOReturn result = updateChannelValues(channel);
        if (result == kIOReturnSuccess)
            result = updateReportChannel(channel, elementCount, buffer, capacity);
        if (result != kIOReturnSuccess) return result;
    }
    return kIOReturnSuccess;
}

IOReturn IOReporter_IVars::updateChannelValues(int channel_index) {
    IOREPORTER_CHECK_LOCK();
    return channel_index >= 0 && channel_index < nChannels ? kIOReturnSuccess
                                                           : kIOReturnBadArgument;
}

IOReturn IOReporter_IVars::updateReportChannel(int channel_index, uint32_t& elementCount,
                                               uint8_t*& buffer, size_t& capacity) {
    IOREPORTER_CHECK_LOCK();
    if (channel_index < 0 || channel_index >= nChannels || buffer == nullptr)
        return kIOReturnBadArgument;
    const size_t size = channelDimension * sizeof(IOReportElement);
    if (size > capacity) {
        IORERROR("%zu bytes of a channel do not fit into %zu", size, capacity);
        return kIOReturnOverrun;
    }
    memcpy(buffer, elements + channel_index * channelDimension, size);
    buffer += size;
    capacity -= size;
    elementCount += channelDimension;
    return kIOReturnSuccess;
}

IOReturn IOReporter_IVars::setElementValues(int element_index, IOReportElementValues* values,
                                            uint64_t record_time) {
    IOREPORTER_CHECK_LOCK();
    if (element_index < 0 || element_index >= nElements || values == nullptr)
        return kIOReturnBadArgument;
    elements[element_index].values = *values;
    elements[element_index].timestamp = record_time == 0 ? mach_absolute_time() : record_time;
    return kIOReturnSuccess;
}

const IOReportElementValues* IOReporter_IVars::getElementValues(int element_index) {
    IOREPORTER_CHECK_LOCK();
    if (element_index < 0 || element_index >= nElements) return nullptr;
    return &elements[element_index].values;
}

IOReturn IOReporter_IVars::copyElementValues(int element_index,
                                             IOReportElementValues* elementValues) {
    const IOReportElementValues* values = getElementValues(element_index);
    if (values == nullptr || elementValues == nullptr) return kIOReturnBadArgument;
    *elementValues = *values;
    return kIOReturnSuccess;
}

IOReturn IOReporter_IVars::getChannelIndices(uint64_t channel_id, int* channel_index,
                                             int* element_index) {
    IOREPORTER_CHECK_LOCK();
    for (int channel = 0; channel < nChannels; ++channel) {
        const int element = channel * channelDimension;
        if (elements[element].channel_id != channel_id) continue;
        if (channel_index != nullptr) *channel_index = channel;
        if (element_index != nullptr) *element_index = element;
        return kIOReturnSuccess;
    }
    return kIOReturnBadArgument;
}
IOReturn IOReporter_IVars::getChannelIndex(uint64_t channel_id, int* channel_index) {
    return getChannelIndices(channel_id, channel_index, nullptr);
}
IOReturn IOReporter_IVars::getFirstElementIndex(uint64_t channel_id, int* element_index) {
    return getChannelIndices(channel_id, nullptr, element_index);
}

OSSharedPtr<OSArray> IOReporter_IVars::copyChannelIDs() {
    IOREPORTER_CHECK_CONFIG_LOCK();
    OSSharedPtr<OSArray> ids(OSArray::withCapacity(static_cast<uint32_t>(nChannels)), OSNoRetain);
    for (int channel = 0; ids && channel < nChannels; ++channel) {
        const uint64_t id = elements[channel * channelDimension].channel_id;
        const OSSharedPtr<OSNumber> number(OSNumber::withNumber(id, 64), OSNoRetain);
        if (!ids->setObject(number.get())) return nullptr;
    }
    return ids;
}

OSSharedPtr<IOReportLegendEntry> IOReporter_IVars::handleCreateLegend() {
    IOREPORTER_CHECK_CONFIG_LOCK();
    return legendWith(copyChannelIDs().get(), channelNames, channelType, unit);
}

OSSharedPtr<IOReportLegendEntry> IOReporter_IVars::legendWith(OSArray* channelIDs,
                                                              OSArray* channelNames,
                                                              IOReportChannelType channelType,
                                                              IOReportUnit unit) {
    if (channelIDs == nullptr || channelNames == nullptr ||
        channelIDs->getCount() != channelNames->getCount()) {
        return nullptr;
    }
    uint64_t type = 0;
    static_assert(sizeof type == sizeof channelType);
    memcpy(&type, &channelType, sizeof type);
    const OSSharedPtr<OSNumber> type_number(OSNumber::withNumber(type, 64), OSNoRetain);
    const OSSharedPtr<OSNumber> unit_number(OSNumber::withNumber(unit, 64), OSNoRetain);
    const OSSharedPtr<OSArray> channels(OSArray::withCapacity(channelIDs->getCount()), OSNoRetain);
    const OSSharedPtr<OSDictionary> info(OSDictionary::withCapacity(1), OSNoRetain);
    OSSharedPtr<IOReportLegendEntry> entry(OSDictionary::withCapacity(2), OSNoRetain);
    for (uint32_t i = 0; i < channelIDs->getCount(); ++i) {
        const OSSharedPtr<OSArray> channel(OSArray::withCapacity(3), OSNoRetain);
        channel->setObject(channelIDs->getObject(i));
        channel->setObject(type_number.get());
        OSObject* name = channelNames->getObject(i);
        if (OSDynamicCast(OSString, name) != nullptr) channel->setObject(name);
        channels->setObject(channel.get());
    }
    info->setObject(kIOReportLegendUnitKey, unit_number.get());
    entry->setObject(kIOReportLegendChannelsKey, channels.get());
    entry->setObject(kIOReportLegendInfoKey, info.get());
    return entry;
}

IVarsInvalidator::IVarsInvalidator(IOReporter_IVars& guarded) : ivars(&guarded) {}

IVarsInvalidator::~IVarsInvalidator() {
    if (ivars == nullptr) return;
    if (ivars->reporterLock != nullptr) IOLockFreeZero(ivars->reporterLock);
    if (ivars->configLock != nullptr) IOLockFreeZero(ivars->configLock);
}

void IVarsInvalidator::disarm() {
    ivars = nullptr;
}
