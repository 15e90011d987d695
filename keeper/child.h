// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "rpc/fd.h"
#include "rpc/result.h"

namespace opendext::keeper {

/// A child process of the keeper. Not ended by the destructor: EventLoop::ended reaps it.
struct Child {
    pid_t pid = 0;
    UniqueFd pidfd;
    /// Sends a signal unless the process has been reaped.
    Status signal(int number) const;
};

/// The process behind a pidfd, with the process id that it has for us. Whoever made it may live in
/// a process id namespace of its own and know another one.
Result<Child> child_of(UniqueFd pidfd);

/// Forks. `body` runs in the child, which then exits with its result; signals are unblocked and
/// default there, and the child is killed when the keeper dies.
Result<Child> fork_child(const std::function<int()>& body);

enum class Privilege { keep, drop };
/// Starts a program with the keeper's environment, or `environment` if it is not empty. `fd` stays
/// open in it as number `place`. `drop`: no capabilities and no way to new ones.
Result<Child> start_program(const std::filesystem::path& file, std::vector<std::string> arguments,
                            std::vector<std::string> environment, int fd, int place,
                            Privilege privilege);

/// How a child ends of which no thread runs any more, as waitpid will tell; 0 where that is not to
/// be had.
int status_of_dying(const Child& child);

/// "exit status 3", "signal 11 (Segmentation fault)".
std::string describe_status(int wait_status);

}  // namespace opendext::keeper
