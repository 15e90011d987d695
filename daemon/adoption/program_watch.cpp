// SPDX-License-Identifier: Apache-2.0
#include "daemon/adoption/program_watch.h"

#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <string>
#include <utility>

namespace opendext::daemon {

uint64_t process_start_time(int32_t pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
    std::string line;
    std::getline(file, line);
    // The name, in parentheses, may contain anything; field 3 follows the last parenthesis.
    const size_t name_end = line.rfind(')');
    if (name_end == std::string::npos) return 0;
    constexpr int kStartTime = 22 - 2;  // fields behind the name
    std::istringstream fields(line.substr(name_end + 1));
    std::string field;
    for (int i = 0; i < kStartTime && fields >> field; ++i) {
    }
    return fields ? std::strtoull(field.c_str(), nullptr, 10) : 0;
}

void ProgramWatch::watch(int32_t pid, uint64_t start_time) {
    if (watched_.contains(pid)) return;
    Watched watched;
    watched.pidfd.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    // Asked after the descriptor is there: it is of the process that has the pid now.
    if (watched.pidfd && start_time != 0 && process_start_time(pid) == start_time) {
        watched.handle =
            loop_.watch(watched.pidfd.get(), EPOLLIN, [this, pid](uint32_t) { ended(pid); });
    }
    if (!watched.handle) loop_.post([this, pid] { ended(pid); });
    watched_.emplace(pid, std::move(watched));
}

void ProgramWatch::ended(int32_t pid) {
    if (watched_.erase(pid) > 0) ended_(pid);
}

}  // namespace opendext::daemon
