// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <linux/filter.h>
#include <sys/types.h>

#include <string>
#include <vector>

#include "rpc/result.h"
#include "rpc/sandbox_calls.h"

namespace opendext::prepared {

/// Who answers a call that the list (rules.cpp) does not allow.
enum class Refusal : uint8_t {
    ask_keeper,  ///< the call waits until the keeper has logged and refused it (seccomp user
                 ///< notification)
    silent,      ///< EPERM at once; for kernels and containers that give no listener
};
/// How far the sandbox is closed. Only `silent` filters differ by it: the keeper knows the step
/// itself.
enum class Step { loading, closed };

using Program = std::vector<sock_filter>;
/// The lists that make up a filter: the runtime's and those of families.
using CallLists = std::vector<SandboxCalls>;

/// What every driver process may call: the first of the lists that make up a filter.
SandboxCalls runtime_calls();
[[nodiscard]] std::vector<std::string> list_names(const CallLists& lists);
/// How many different calls they allow, with or without a condition.
[[nodiscard]] size_t count_calls(const CallLists& lists);
/// All of them for people, one rule a line.
[[nodiscard]] std::string print_calls(const CallLists& lists);

/// The filter as a BPF program, built once for a set of lists. It permits tgkill only with the
/// process id that `set_own_pid` puts in.
Result<Program> build_program(Refusal refusal, Step step, const CallLists& lists);
void set_own_pid(Program& program, pid_t pid);

}  // namespace opendext::prepared
