// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>

#include "rpc/protocol/driver.h"

class IODispatchQueue;
class OSAction;
class OSObject;

namespace opendext::runtime {

/// Sources of this process that opendextd reports to, by the number that the two use. Any thread.
class Watches {
  public:
    using Ready = void (*)(OSObject* source);
    /// The source is not retained: its free() calls `remove`.
    uint64_t add(OSObject* source, Ready ready);
    void remove(uint64_t number);
    /// opendextd says that there is something; calls the source's function.
    void ready(uint64_t number);

  private:
    struct Watch {
        OSObject* source = nullptr;
        Ready ready = nullptr;
    };
    std::mutex mutex_;
    uint64_t next_ = 1;
    std::map<uint64_t, Watch> watches_;
};

}  // namespace opendext::runtime
