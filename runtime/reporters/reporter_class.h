// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <DriverKit/IOReporter.h>

#include "runtime/containers/container_class.h"

namespace opendext::runtime {

/// A new object of a reporter class, or of the legend's; init() has run. nullptr without memory.
template <typename Class>
Class* new_reporter(OSMetaClass* meta) {
    OSObject* object = nullptr;
    return OSObjectAllocate(meta, &object) == kIOReturnSuccess ? static_cast<Class*>(object)
                                                               : nullptr;
}

/// Holds the lock of a reporter's values, that of its set of channels, or both.
class ReporterLock {
  public:
    enum class Which { values, channels, both };
    ReporterLock(IOReporter_IVars& ivars, Which which) : ivars_(ivars), which_(which) {
        if (which_ != Which::values) ivars_.lockReporterConfig();
        if (which_ != Which::channels) ivars_.lockReporter();
    }
    ~ReporterLock() {
        if (which_ != Which::channels) ivars_.unlockReporter();
        if (which_ != Which::values) ivars_.unlockReporterConfig();
    }
    ReporterLock(const ReporterLock&) = delete;
    ReporterLock& operator=(const ReporterLock&) = delete;

  private:
    IOReporter_IVars& ivars_;
    const Which which_;
};

/// The three steps that add a channel; takes the locks.
IOReturn add_channel(IOReporter_IVars& ivars, uint64_t channel_id, const OSString* name);

}  // namespace opendext::runtime
