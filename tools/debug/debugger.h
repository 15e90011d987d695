// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "rpc/result.h"

namespace opendext::debug_tool {

/// The command that puts a debugger on a driver process: its program, sources and libraries are
/// found in our file system and not in that of the process, breakpoints in a dext that is still to
/// be loaded are kept, and threads are counted by the kernel and not by a library that does not see
/// through process id namespaces. `more`: arguments of the user's own, behind ours.
[[nodiscard]] std::vector<std::string> debugger_command(const std::string& debugger, int32_t pid,
                                                        const std::filesystem::path& program,
                                                        const std::vector<std::string>& more);

/// Where the debugger is: `name` if it is "gdb", "lldb" or such a name with a version, or a path;
/// the first of gdb and lldb that is installed if it is empty. The error says what to install.
[[nodiscard]] Result<std::filesystem::path> find_debugger(const std::string& name);

}  // namespace opendext::debug_tool
