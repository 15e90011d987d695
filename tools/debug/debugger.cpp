// SPDX-License-Identifier: Apache-2.0
#include "tools/debug/debugger.h"

#include <unistd.h>

#include <cstdlib>
#include <sstream>

namespace opendext::debug_tool {
namespace {

constexpr int kNewestLldb = 25;
constexpr int kOldestLldb = 13;

std::filesystem::path find_in_path(const std::string& name) {
    if (name.find('/') != std::string::npos)
        return ::access(name.c_str(), X_OK) == 0 ? std::filesystem::path(name)
                                                 : std::filesystem::path();
    const char* variable = std::getenv("PATH");
    std::istringstream folders(variable == nullptr ? "/usr/bin:/bin" : variable);
    for (std::string folder; std::getline(folders, folder, ':');) {
        const std::filesystem::path file = std::filesystem::path(folder) / name;
        if (!folder.empty() && ::access(file.c_str(), X_OK) == 0) return file;
    }
    return {};
}

/// Debian's lldb of a version has that in its name: the newest.
std::filesystem::path find_installed(const std::string& name) {
    std::filesystem::path found = find_in_path(name);
    for (int version = kNewestLldb; found.empty() && name == "lldb" && version >= kOldestLldb;
         --version)
        found = find_in_path("lldb-" + std::to_string(version));
    return found;
}

}  // namespace

std::vector<std::string> debugger_command(const std::string& debugger, int32_t pid,
                                          const std::filesystem::path& program,
                                          const std::vector<std::string>& more) {
    std::vector<std::string> command{debugger};
    const auto add = [&](std::initializer_list<std::string> words) {
        command.insert(command.end(), words);
    };
    if (std::filesystem::path(debugger).filename().string().starts_with("lldb")) {
        add({"-o", "target create " + program.string()});
        add({"-o", "process attach --pid " + std::to_string(pid)});
    } else {
        add({"-q", "-iex", "set libthread-db-search-path /", "-iex", "set sysroot /"});
        add({"-iex", "set breakpoint pending on"});
        add({"-p", std::to_string(pid), program.string()});
    }
    command.insert(command.end(), more.begin(), more.end());
    return command;
}

Result<std::filesystem::path> find_debugger(const std::string& name) {
    if (!name.empty()) {
        const std::string file = std::filesystem::path(name).filename().string();
        if (!file.starts_with("gdb") && !file.starts_with("lldb"))
            return Error{Errc::invalid, 0, "--with: '" + name + "' is neither gdb nor lldb"};
        std::filesystem::path found = find_installed(name);
        if (!found.empty()) return found;
        return Error{Errc::not_found, 0,
                     "--with: " + name + " is not installed (apt install " + file + ")"};
    }
    for (const char* each : {"gdb", "lldb"}) {
        std::filesystem::path found = find_installed(each);
        if (!found.empty()) return found;
    }
    return Error{Errc::not_found, 0,
                 "neither gdb nor lldb is installed (apt install gdb, or apt install lldb)"};
}

}  // namespace opendext::debug_tool
