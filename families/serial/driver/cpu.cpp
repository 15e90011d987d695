// SPDX-License-Identifier: Apache-2.0
#include "families/serial/driver/cpu.h"

#include <sched.h>

namespace opendext::serial {
namespace {

struct Affinity {
    cpu_set_t all;  ///< as it was before the first change
    bool known = false;
    uint32_t bound = 0;
};
thread_local Affinity t_affinity;

}  // namespace

void follow_cpu(uint32_t cpu) {
    Affinity& own = t_affinity;
    if (cpu == own.bound) return;
    if (!own.known) {
        if (::sched_getaffinity(0, sizeof own.all, &own.all) != 0) return;
        own.known = true;
    }
    own.bound = cpu;
    cpu_set_t one;
    CPU_ZERO(&one);
    const bool usable = cpu != 0 && cpu <= CPU_SETSIZE && CPU_ISSET(cpu - 1, &own.all);
    if (usable) CPU_SET(cpu - 1, &one);
    // What may not be changed (a sandbox, a cpuset) only costs time.
    (void)::sched_setaffinity(0, sizeof one, usable ? &one : &own.all);
}

}  // namespace opendext::serial
