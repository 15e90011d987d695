// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sched.h>
#include <sys/types.h>

namespace opendext {

/// While one lives, a process that is woken runs on the processor of this thread. For who hears of
/// the death of another: where that ran, the kernel takes it apart for several 100 us and lets
/// nobody in, and the process may have run there last. Where it may run is as before afterwards.
class WokenHere {
  public:
    /// 0: none.
    explicit WokenHere(pid_t process);
    ~WokenHere();
    WokenHere(const WokenHere&) = delete;
    WokenHere& operator=(const WokenHere&) = delete;

  private:
    const pid_t process_;
    cpu_set_t before_{};
    bool moved_ = false;
};

}  // namespace opendext
