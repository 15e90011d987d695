// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include "keeper/prepared/features.h"
#include "keeper/prepared/title.h"
#include "rpc/driver_start.h"
#include "rpc/fd.h"
#include "rpc/protocol/keeper.h"
#include "rpc/socket.h"

namespace opendext::prepared {

/// What every driver process of this prepared process has in common. Made before the first fork,
/// only read after it.
struct Blueprint {
    Features features;
    Title title;
    opendext_driver_main_t entry = nullptr;
    Program filter;         ///< in force before the dext is loaded
    Program second_filter;  ///< Refusal::silent only: added after it is loaded
};

struct Forked {
    pid_t pid = 0;  ///< 0 in the child
    UniqueFd pidfd;
};
/// Forks a child of our parent, the keeper: it reaps it and gets its exit status. `flags`:
/// namespaces for clone.
Result<Forked> fork_sibling(uint64_t flags);

/// The rest of the life of a driver process: closes the sandbox, then calls the runtime. Never
/// returns.
[[noreturn]] void become_driver(Blueprint& blueprint, const protocol::keeper::Spawn& spawn,
                                Socket control, Socket report);
/// The rest of the life of the process that is init of the drivers' process id namespace: waits
/// until the other end of `keeper` is gone. All drivers end with it.
[[noreturn]] void become_namespace_init(const Blueprint& blueprint, Socket keeper);

}  // namespace opendext::prepared
