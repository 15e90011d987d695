// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <DriverKit/OSMetaClass.h>

class OSObject;

namespace opendext::runtime {

/// Watches one Start on this thread for a cast of the provider that fails: when Start then fails
/// too, the log names both classes (requirement A86).
class StartTrace {
  public:
    /// `provider` may be null: nothing is watched.
    StartTrace(OSObject* object, OSObject* provider);
    ~StartTrace();
    StartTrace(const StartTrace&) = delete;
    StartTrace& operator=(const StartTrace&) = delete;

    /// Start has returned this.
    void ended(kern_return_t result) const;
    /// A cast has failed on this thread.
    static void cast_failed(const OSMetaClassBase* object, const OSMetaClass* wanted);

  private:
    void log() const;

    OSObject* object_;
    OSObject* provider_;
    const OSMetaClass* wanted_ = nullptr;
    StartTrace* outer_;
};

}  // namespace opendext::runtime
