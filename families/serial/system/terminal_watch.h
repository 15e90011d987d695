// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "daemon/family.h"
#include "rpc/fd.h"
#include "rpc/result.h"

namespace opendext::serial {

/// Tells of opens and closes of the realm's terminals: an open gives no event on a master. All
/// share one inotify instance, of which a user has few. The keeper has it and puts each terminal
/// in when it opens it, so that it outlives opendextd: what happens while there is none waits in
/// it.
class TerminalWatch {
  public:
    explicit TerminalWatch(daemon::FamilyHost& host) : host_(host) {}

    /// Calls `done` once terminals can be followed, at once or later.
    void prepare(std::function<void(Status)> done);
    /// Calls `changed` now, for what happened before, and whenever the terminal of this number was
    /// opened or closed; one call may stand for many. `changed` must not call follow().
    void follow(int number, std::function<void()> changed);
    /// No more calls; the terminal stays in.
    void ignore(int number) { followed_.erase(number); }
    /// The terminal goes.
    void remove(int number);

  private:
    void read();

    daemon::FamilyHost& host_;
    UniqueFd inotify_;
    std::unique_ptr<daemon::Handle> handle_;
    std::vector<std::function<void(Status)>> waiting_;  ///< for the keeper's answer
    std::map<int, std::function<void()>> followed_;
};

}  // namespace opendext::serial
