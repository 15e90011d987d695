// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include "keeper/prepared/features.h"
#include "rpc/fd.h"
#include "rpc/result.h"

namespace opendext::prepared {

/// A process that was forked, or both of a driver with a process id namespace of its own. All are
/// children of our parent, the keeper, which reaps them.
struct Forked {
    pid_t pid = 0;  ///< 0 in the child
    UniqueFd pidfd;
    UniqueFd init_pidfd;  ///< process 1 of its process id namespace, if it has one of its own
};

/// Forks a process in the namespaces of this one, and in new ones as `flags` (CLONE_NEW…) say, and
/// in the control group whose folder is `group`, if that is not -1. pid 0 in the child.
Status fork_sibling(Forked& forked, uint64_t flags = 0, int group = -1);
/// Starts process 1 of the process id namespace that the next children go to, which is new. It does
/// nothing, and ends by SIGKILL or with the keeper. `link`: hangs up when the keeper has ended.
Result<UniqueFd> start_init(int link);

/// Forks driver processes, each into the namespaces that `features` says a driver has for itself.
class Forks {
  public:
    static Result<Forks> prepare(const Features& features, int link);
    /// pid 0 in the child. When it fails after the init of the new namespace was made, `forked` has
    /// that one: the keeper has to reap it.
    Status fork(Forked& forked, int group) const;

  private:
    Forks(uint64_t flags, UniqueFd own_pids, int link)
        : flags_(flags), own_pids_(std::move(own_pids)), link_(link) {}
    uint64_t flags_;     ///< CLONE_NEW…
    UniqueFd own_pids_;  ///< the process id namespace of this process; none: drivers share it
    int link_;
};

}  // namespace opendext::prepared
