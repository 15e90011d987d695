// SPDX-License-Identifier: Apache-2.0
#include <DriverKit/IOMemoryDescriptor.h>
#include <DriverKit/IOMemoryMap.h>
#include <DriverKit/OSCollections.h>

#include <cstddef>
#include <cstring>
#include <functional>
#include <vector>

#include "runtime/reporters/reporter_class.h"

using namespace opendext::runtime;
using Which = ReporterLock::Which;

OSMetaClass* gIOReporterMetaClass;

namespace {

ContainerRegistration<IOReporter> g_reporter("IOReporter", "OSObject", &gIOReporterMetaClass);

/// A channel list as it came, checked and aligned. The bytes may be anybody's.
class ChannelList {
  public:
    explicit ChannelList(OSData* data) {
        const size_t size = data == nullptr ? 0 : data->getLength();
        if (size < sizeof(uint32_t)) return;
        uint32_t count = 0;
        memcpy(&count, data->getBytesNoCopy(), sizeof count);
        constexpr size_t kHead = offsetof(IOReportChannelList, channels);
        if (count > 0 && (size < kHead || (size - kHead) / sizeof(IOReportChannel) < count)) return;
        words_.resize(size / sizeof(uint64_t) + 1);
        memcpy(words_.data(), data->getBytesNoCopy(), size);
        list_ = reinterpret_cast<IOReportChannelList*>(words_.data());
    }
    /// nullptr if the data is no channel list.
    [[nodiscard]] IOReportChannelList* get() const { return list_; }

  private:
    std::vector<uint64_t> words_;
    IOReportChannelList* list_ = nullptr;
};

/// Calls `step` for each reporter until one returns an error.
IOReturn for_each(OSCollection* reporters, const std::function<IOReturn(IOReporter*)>& step) {
    __block IOReturn result = kIOReturnSuccess;
    const auto* call = &step;
    reporters->iterateObjects(^bool(OSObject* object) {
      auto* reporter = OSDynamicCast(IOReporter, object);
      result = reporter == nullptr ? kIOReturnBadArgument : (*call)(reporter);
      return result != kIOReturnSuccess;
    });
    return result;
}

}  // namespace

namespace opendext::runtime {

IOReturn add_channel(IOReporter_IVars& ivars, uint64_t channel_id, const OSString* name) {
    const ReporterLock channels(ivars, Which::channels);
    const int before = ivars.nChannels;
    IOReturn result = ivars.handleSwapPrepare(before + 1);
    if (result != kIOReturnSuccess) return result;
    {
        const ReporterLock values(ivars, Which::values);
        result = ivars.handleAddChannelSwap(channel_id, name);
    }
    // The old arrays, or after a failure the new ones.
    ivars.handleSwapCleanup(result == kIOReturnSuccess ? before : before + 1);
    return result;
}

}  // namespace opendext::runtime

bool IOReporter::adopt(IOReporter_IVars* made) {
    if (ivars != nullptr || !made->valid()) {
        delete made;
        return false;
    }
    ivars = made;
    return true;
}

void IOReporter::free() {
    delete ivars;
    super::free();
}

IOReturn IOReporter::addChannel(uint64_t channelID, const char* channelName) {
    const OSSharedPtr<OSString> name(OSString::withCString(channelName), OSNoRetain);
    return add_channel(*ivars, channelID, name.get());
}

IOReportLegendEntry* IOReporter::createLegend() {
    const ReporterLock lock(*ivars, Which::channels);
    return ivars->handleCreateLegend().detach();
}

IOReturn IOReporter::configureReport(IOReportChannelList* channelList,
                                     IOReportConfigureAction action, uint32_t& elementCount) {
    const ReporterLock lock(*ivars, Which::both);
    return ivars->handleConfigureReport(channelList, action, elementCount);
}

IOReturn IOReporter::updateReport(IOReportChannelList* channelList, IOReportConfigureAction action,
                                  uint32_t& elementCount, uint8_t*& buffer, size_t& capacity) {
    const ReporterLock lock(*ivars, Which::both);
    return ivars->handleUpdateReport(channelList, action, elementCount, buffer, capacity);
}

IOReturn IOReporter::configureAllReports(OSCollection* reporters, OSData* channels,
                                         IOReportConfigureAction action, uint32_t* outCount) {
    const ChannelList list(channels);
    if (reporters == nullptr || list.get() == nullptr || outCount == nullptr)
        return kIOReturnBadArgument;
    return for_each(reporters, [&](IOReporter* reporter) {
        return reporter->configureReport(list.get(), action, *outCount);
    });
}

IOReturn IOReporter::updateAllReports(OSCollection* reporters, OSData* channels,
                                      IOReportConfigureAction action, uint32_t* outElementCount,
                                      uint64_t offset, uint64_t capacity,
                                      IOMemoryDescriptor* buffer) {
    const ChannelList list(channels);
    if (reporters == nullptr || list.get() == nullptr || outElementCount == nullptr ||
        buffer == nullptr || capacity == 0) {
        return kIOReturnBadArgument;
    }
    IOMemoryMap* map = nullptr;
    IOReturn result = buffer->CreateMapping(0, 0, offset, capacity, 0, &map);
    if (result != kIOReturnSuccess) return result;
    auto* at = reinterpret_cast<uint8_t*>(map->GetAddress());
    size_t room = map->GetLength();
    result = for_each(reporters, [&](IOReporter* reporter) {
        return reporter->updateReport(list.get(), action, *outElementCount, at, room);
    });
    map->release();
    return result;
}
