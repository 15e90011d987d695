// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "daemon/adoption/recorder.h"
#include "daemon/crashes/crashes.h"
#include "daemon/crashes/debugging.h"
#include "daemon/deadlines.h"
#include "daemon/entitlements/policy.h"
#include "daemon/event_loop.h"
#include "daemon/keeper_link.h"
#include "daemon/log/log.h"
#include "daemon/registry/classes.h"
#include "daemon/registry/registry.h"
#include "daemon/supervision/rules.h"

namespace opendext::daemon {

/// What the parts of opendextd share. All of it outlives them.
struct Context {
    EventLoop& loop;
    const Deadlines& deadlines;
    Log& log;
    Registry& registry;
    Recorder& recorder;  ///< of what a successor of opendextd has to know
    ClassTable& classes;
    KeeperLink& keeper;
    Crashes& crashes;
    Debugging& debugging;
    PolicyMode policy = PolicyMode::dev;
    RestartRules restart;
    std::filesystem::path programs;  ///< folder of the client programs' entitlements
    Clock& clock;                    ///< of deadlines and supervision; the loop but in tests
};

}  // namespace opendext::daemon
