// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <linux/filter.h>
#include <sys/types.h>

#include <vector>

#include "rpc/result.h"

namespace opendext::prepared {

/// Who answers a call that the list (rules.cpp) does not allow.
enum class Refusal {
    ask_keeper,  ///< the call waits until the keeper has logged and refused it (seccomp user
                 ///< notification)
    silent,      ///< EPERM at once; for kernels and containers that give no listener
};
/// How far the sandbox is closed. Only `silent` filters differ by it: the keeper knows the step
/// itself.
enum class Step { loading, closed };

using Program = std::vector<sock_filter>;

/// The filter as a BPF program, built once. It permits tgkill only with the process id that
/// `set_own_pid` puts in.
Result<Program> build_program(Refusal refusal, Step step);
void set_own_pid(Program& program, pid_t pid);

}  // namespace opendext::prepared
