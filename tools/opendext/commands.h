// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "tools/common/command_line.h"

namespace opendext::tools {

/// One built-in command of `opendext`. `arguments` are those behind its name; `realm` is the global
/// --realm option.
struct Builtin {
    const char* name;
    const char* summary;
    int (*run)(const std::vector<std::string>& arguments, const std::string& realm);
};
[[nodiscard]] const std::vector<Builtin>& builtins();

/// Where the programs lie that bring further commands: opendext-NAME in the installation, then in
/// $PATH.
[[nodiscard]] std::filesystem::path find_command(const std::string& name);
/// Names of all commands that find_command would find in the installation.
[[nodiscard]] std::vector<std::string> found_commands();

}  // namespace opendext::tools
