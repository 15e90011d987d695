// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <map>
#include <string>
#include <vector>

#include "crash/taker/snapshot.h"

namespace opendext::crash {

/// All threads of a process, held by ptrace until the destructor, which lets every one go on as it
/// was: with the signal that it was about to get, or stopped if it had been.
class StoppedProcess {
  public:
    /// Threads that do not stop by the deadline (in an uninterruptible call) are in the list too.
    /// `parent`: whose child it must be, 0 if that does not matter.
    static Result<StoppedProcess> stop(pid_t pid, pid_t parent, Time deadline);
    StoppedProcess(StoppedProcess&&) = default;
    StoppedProcess& operator=(StoppedProcess&&) = delete;
    ~StoppedProcess();

    std::vector<StoppedThread> threads;
    std::vector<std::string> notes;

  private:
    StoppedProcess() = default;
    struct Held {
        bool stopped = false;
        int signal = 0;  ///< that it was about to get
    };
    Status seize_all(pid_t pid);
    void wait(Time deadline);
    void look(pid_t pid);

    std::map<pid_t, Held> held_;
    std::map<pid_t, std::string> doing_;  ///< before they were stopped
};

/// A small file of /proc as text; empty if it cannot be read.
std::string read_proc(const std::string& path, size_t most = 64 * 1024);
/// What follows "KEY:" in a file like /proc/PID/status, without blanks in front.
std::string status_field(const std::string& text, const std::string& key);

}  // namespace opendext::crash
