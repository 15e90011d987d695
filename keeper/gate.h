// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>

#include "keeper/event.h"
#include "rpc/fd.h"
#include "rpc/protocol/keeper.h"

struct seccomp_data;
struct seccomp_notif;

namespace opendext::keeper {

/// Answers the system calls of one driver process that its filter does not allow: they wait in the
/// kernel until the keeper has spoken. All are refused with EPERM and reported, but for what
/// loading a dext needs before the second step. A driver that floods waits longer for its answers;
/// the keeper and other drivers are not held up.
class Gate {
  public:
    struct Hooks {
        std::function<void(protocol::keeper::Refused)> report;
        /// No thread of the process is left that could run code. The kernel has yet to take its
        /// memory apart and to close its descriptors.
        std::function<void()> over;
    };
    /// `listener` is the filter's; `bundle` the only folder of which files may be read while
    /// loading, empty as long as there is none.
    Gate(EventLoop& loop, UniqueFd listener, pid_t pid, const UniqueFd& pidfd,
         const std::string& bundle, Hooks hooks);
    void close_second_step() { loading_ = false; }

  private:
    struct Verdict {
        enum class Kind { refuse, let_through, answered, opened } kind = Kind::refuse;
        int error = 0;       ///< answered: errno value for the caller
        std::string detail;  ///< refuse: for the report
        UniqueFd file = {};  ///< opened: what the caller gets a descriptor of
    };
    void answer_one();
    Verdict judge(const seccomp_data& call) const;
    Verdict judge_open(const seccomp_data& call) const;
    Verdict stat_descriptor(const seccomp_data& call) const;
    Verdict open_in_bundle(const std::string& path) const;
    void refused(const seccomp_notif& request, std::string detail);

    EventLoop& loop_;
    UniqueFd listener_;
    pid_t pid_;
    const UniqueFd& pidfd_;
    const std::string& bundle_;
    Hooks hooks_;
    bool loading_ = true;
    unsigned in_window_ = 0;  ///< refusals since the window of one second began
    uint32_t suppressed_ = 0;
    Watch watch_, window_;
};

}  // namespace opendext::keeper
