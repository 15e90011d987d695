// SPDX-License-Identifier: Apache-2.0
#include "rpc/woken_here.h"

namespace opendext {

WokenHere::WokenHere(pid_t process) : process_(process) {
    if (process_ == 0) return;
    const int here = ::sched_getcpu();
    if (here < 0 || ::sched_getaffinity(process_, sizeof before_, &before_) != 0) return;
    if (!CPU_ISSET(here, &before_) || CPU_COUNT(&before_) == 1) return;
    cpu_set_t only;
    CPU_ZERO(&only);
    CPU_SET(here, &only);
    moved_ = ::sched_setaffinity(process_, sizeof only, &only) == 0;
}

WokenHere::~WokenHere() {
    if (moved_) static_cast<void>(::sched_setaffinity(process_, sizeof before_, &before_));
}

}  // namespace opendext
