// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "daemon/deadlines.h"
#include "daemon/entitlements/policy.h"
#include "daemon/event_loop.h"
#include "daemon/keeper_link.h"
#include "daemon/log/log.h"
#include "daemon/registry/classes.h"
#include "daemon/registry/registry.h"

namespace opendext::daemon {

/// How often things are tried again. docs/facts/semantics.md section 13 where not said otherwise.
struct Limits {
    /// Relaunches of one personality on one nub; beyond it that personality is excluded there.
    uint32_t relaunches = 1000;
    /// Retries of a personality whose driver died before Start finished, when no other candidate
    /// took the nub. The facts know none; a developer's crash that a new build of the dext's input
    /// cures should not need a replug. The wait doubles each time.
    uint32_t start_crash_retries = 5;
    std::chrono::milliseconds start_crash_wait{100};
};

/// What the parts of opendextd share. All of it outlives them.
struct Context {
    EventLoop& loop;
    const Deadlines& deadlines;
    Log& log;
    Registry& registry;
    ClassTable& classes;
    KeeperLink& keeper;
    std::filesystem::path crashes;  ///< folder of the crash reports
    PolicyMode policy = PolicyMode::dev;
    Limits limits;
    std::filesystem::path programs;  ///< folder of the client programs' entitlements
};

}  // namespace opendext::daemon
