// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

namespace opendext::keeper {

/// Where in a bundle a system call comes from.
struct Origin {
    std::string file;     ///< below the bundle; empty if it cannot be told
    uint64_t offset = 0;  ///< in that file, of the instruction after the call
};

/// Of a thread that waits in a system call. A call through a library comes from the first place of
/// the bundle's code that its stack names: mostly the caller, but good for a message only.
Origin origin_of_call(pid_t thread, uint64_t instruction, const std::string& bundle);

}  // namespace opendext::keeper
