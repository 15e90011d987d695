// SPDX-License-Identifier: Apache-2.0
#include "families/serial/system/client_rights.h"

#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

namespace opendext::serial {
namespace {

/// Whether a process is of the group, as the kernel says (no name service: nothing here may block).
bool is_in_group(int32_t pid, gid_t group) {
    std::ifstream status("/proc/" + std::to_string(pid) + "/status");
    for (std::string line; std::getline(status, line);) {
        if (!line.starts_with("Gid:") && !line.starts_with("Groups:")) continue;
        std::istringstream numbers(line.substr(line.find(':') + 1));
        for (gid_t number = 0; numbers >> number;) {
            if (number == group) return true;
        }
    }
    return false;
}

}  // namespace

bool may_write(const std::string& path, const daemon::ClientProgram& program) {
    if (program.uid == 0 || program.uid == ::geteuid()) return true;
    struct stat node{};
    return ::stat(path.c_str(), &node) == 0 &&
           ((node.st_uid == program.uid && (node.st_mode & S_IWUSR) != 0) ||
            ((node.st_mode & S_IWGRP) != 0 && is_in_group(program.pid, node.st_gid)) ||
            (node.st_mode & S_IWOTH) != 0);
}

}  // namespace opendext::serial
