// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <string>

#include <DriverKit/OSMetaClass.h>

namespace opendext::runtime {

/// Services of this process that were initialised and not freed: a process that ends in order has
/// none. Any thread.
class LiveServices {
  public:
    static LiveServices& shared();

    void initialised(const OSMetaClass* meta);
    void freed(const OSMetaClass* meta);
    /// Waits, kGrace at the most, for objects that are being let go just now, and names in the log
    /// what is left: the driver has kept a reference.
    void report();

    /// A release on another thread is not a leak.
    static constexpr std::chrono::milliseconds kGrace{500};

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::map<const OSMetaClass*, size_t> count_;
};

}  // namespace opendext::runtime
