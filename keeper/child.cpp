// SPDX-License-Identifier: Apache-2.0
#include "keeper/child.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace opendext::keeper {
namespace {

void drop_privilege() {
    for (int capability = 0; ::prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; ++capability) {
        ::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
    }
    ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    const __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {};
    ::syscall(SYS_capset, &header, none);
    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

std::vector<char*> pointers(std::vector<std::string>& strings) {
    std::vector<char*> result;
    for (std::string& text : strings) result.push_back(text.data());
    result.push_back(nullptr);
    return result;
}

}  // namespace

Status Child::signal(int number) const {
    if (::syscall(SYS_pidfd_send_signal, pidfd.get(), number, nullptr, 0) != 0) {
        return Error::system("cannot send signal " + std::to_string(number) + " to process " +
                             std::to_string(pid));
    }
    return success();
}

Result<Child> child_of(UniqueFd pidfd) {
    const std::string path = "/proc/self/fdinfo/" + std::to_string(pidfd.get());
    const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    char text[512] = {};
    if (!file || ::read(file.get(), text, sizeof text - 1) <= 0)
        return Error::system("cannot read " + path);
    const char* line = std::strstr(text, "\nPid:");
    const pid_t pid = line == nullptr ? 0 : std::atoi(line + 5);
    if (pid <= 0) return Error{Errc::not_found, 0, path + " names no process"};  // reaped already
    return Child{pid, std::move(pidfd)};
}

Result<Child> fork_child(const std::function<int()>& body) {
    const pid_t keeper = ::getpid();
    std::fflush(nullptr);
    const pid_t pid = ::fork();
    if (pid < 0) return Error::system("cannot fork");
    if (pid == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
        if (::getppid() != keeper) ::_exit(0);  // the keeper died before the call above
        for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGCHLD})
            ::signal(number, SIG_DFL);
        sigset_t none;
        sigemptyset(&none);
        ::sigprocmask(SIG_SETMASK, &none, nullptr);
        ::_exit(body());
    }
    UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));  // close-on-exec
    if (!pidfd) {
        const Error error = Error::system("cannot watch a child");
        ::kill(pid, SIGKILL);
        ::waitpid(pid, nullptr, 0);
        return error;
    }
    return Child{pid, std::move(pidfd)};
}

Result<Child> start_program(const std::filesystem::path& file, std::vector<std::string> arguments,
                            std::vector<std::string> environment, int fd, int place,
                            Privilege privilege) {
    arguments.insert(arguments.begin(), file.string());
    const std::vector<char*> argv = pointers(arguments);
    const std::vector<char*> envp = pointers(environment);
    if (::access(file.c_str(), X_OK) != 0) return Error::system("cannot start " + file.string());
    return fork_child([&] {
        ::setsid();  // a terminal's ^C is for the keeper, which ends the rest in order
        if (privilege == Privilege::drop) drop_privilege();
        if (fd == place) {
            ::fcntl(fd, F_SETFD, 0);
        } else if (::dup2(fd, place) < 0) {
            return 126;
        }
        if (environment.empty()) {
            ::execv(file.c_str(), argv.data());
        } else {
            ::execve(file.c_str(), argv.data(), envp.data());
        }
        std::fprintf(stderr, "opendext-keeper: cannot start %s: %s\n", file.c_str(),
                     std::strerror(errno));
        return 127;
    });
}

int status_of_dying(const Child& child) {
    const std::string path = "/proc/" + std::to_string(child.pid) + "/stat";
    const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    char text[1024];
    const ssize_t size = file ? ::read(file.get(), text, sizeof text) : 0;
    // The name, in brackets, may contain anything. The status is the last field (proc(5): 52).
    std::string_view fields(text, size > 0 ? static_cast<size_t>(size) : 0);
    fields.remove_prefix(std::min(fields.size(), fields.rfind(')') + 1));
    constexpr int kBlanksBefore = 50;
    for (int blank = 0; blank < kBlanksBefore; ++blank) {
        const size_t next = fields.find(' ');
        if (next == std::string_view::npos) return 0;
        fields.remove_prefix(next + 1);
    }
    int status = 0;
    std::from_chars(fields.data(), fields.data() + fields.size(), status);
    return status;
}

std::string describe_status(int wait_status) {
    if (WIFEXITED(wait_status)) return "exit status " + std::to_string(WEXITSTATUS(wait_status));
    const int number = WTERMSIG(wait_status);
    return "signal " + std::to_string(number) + " (" + ::strsignal(number) + ")";
}

}  // namespace opendext::keeper
