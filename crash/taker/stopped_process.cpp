// SPDX-License-Identifier: Apache-2.0
#include "crash/taker/stopped_process.h"

#include <dirent.h>
#include <elf.h>
#include <fcntl.h>
#include <seccomp.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <memory>
#include <thread>

#include "crash/limits.h"

namespace opendext::crash {
namespace {

constexpr std::chrono::microseconds kPause{200};
/// New threads may appear while the first are being stopped; so often they are looked for.
constexpr int kRounds = 10;

std::vector<pid_t> thread_ids(pid_t pid) {
    std::vector<pid_t> ids;
    const std::unique_ptr<DIR, decltype(&::closedir)> folder(
        ::opendir(("/proc/" + std::to_string(pid) + "/task").c_str()), &::closedir);
    if (!folder) return ids;
    while (const dirent* entry = ::readdir(folder.get())) {
        const pid_t id = std::atoi(entry->d_name);
        if (id > 0) ids.push_back(id);
        if (ids.size() > kMostThreads) break;
    }
    return ids;
}

/// "running", "in futex": from a line like "202 0x7f… …" of /proc/…/syscall.
std::string what_it_does(const std::string& folder) {
    const std::string line = read_proc(folder + "syscall");
    if (line.empty()) return "";
    if (line.starts_with("running")) return "running";
    const int number = std::atoi(line.c_str());
    if (number < 0) return "blocked, not in a system call";
    char* name = ::seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, number);
    const std::string text =
        name != nullptr ? "in " + std::string(name) : "in system call " + std::to_string(number);
    std::free(name);
    return text;
}

Status check_parent(pid_t pid, pid_t parent) {
    const std::string status = read_proc("/proc/" + std::to_string(pid) + "/status");
    if (parent == 0 || status_field(status, "PPid") == std::to_string(parent)) return success();
    return Error{Errc::not_found, 0,
                 "process " + std::to_string(pid) + " is no driver process of this realm"};
}

}  // namespace

std::string read_proc(const std::string& path, size_t most) {
    const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    std::string text;
    char buffer[4096];
    while (file && text.size() < most) {
        const ssize_t got = ::read(file.get(), buffer, sizeof buffer);
        if (got <= 0) break;
        text.append(buffer, static_cast<size_t>(got));
    }
    while (text.ends_with('\n')) text.pop_back();
    return text;
}

std::string status_field(const std::string& text, const std::string& key) {
    size_t at = text.starts_with(key + ":") ? 0 : text.find("\n" + key + ":");
    if (at == std::string::npos) return "";
    at = text.find_first_not_of(" \t", text.find(':', at) + 1);
    return at == std::string::npos ? "" : text.substr(at, text.find('\n', at) - at);
}

Result<StoppedProcess> StoppedProcess::stop(pid_t pid, pid_t parent, Time deadline) {
    const std::string name = "process " + std::to_string(pid);
    const std::string status = read_proc("/proc/" + std::to_string(pid) + "/status");
    if (status.empty()) return Error{Errc::not_found, 0, "there is no " + name};
    const std::string state = status_field(status, "State");
    if (state.starts_with('Z') || state.starts_with('X'))
        return Error{Errc::not_found, 0, name + " has ended"};
    if (const std::string tracer = status_field(status, "TracerPid"); tracer != "0") {
        return Error{Errc::not_ready, 0,
                     name + " is being debugged by process " + tracer + ", which shows its stacks"};
    }
    StoppedProcess process;
    // Before it is touched, and once it cannot end and give its number to another one any more.
    OD_TRY(check_parent(pid, parent));
    OD_TRY(process.seize_all(pid));
    OD_TRY(check_parent(pid, parent));
    process.wait(deadline);
    process.look(pid);
    return process;
}

Status StoppedProcess::seize_all(pid_t pid) {
    for (int round = 0; round < kRounds; ++round) {
        bool found_new = false;
        for (const pid_t id : thread_ids(pid)) {
            if (held_.contains(id)) continue;
            if (held_.size() >= kMostThreads) {
                notes.push_back("only " + std::to_string(kMostThreads) + " threads are shown");
                return success();
            }
            const std::string folder =
                "/proc/" + std::to_string(pid) + "/task/" + std::to_string(id) + "/";
            const std::string doing = what_it_does(folder);
            if (::ptrace(PTRACE_SEIZE, id, nullptr, nullptr) != 0) {
                if (errno == ESRCH) continue;  // it ended meanwhile
                return Error::system("cannot stop process " + std::to_string(pid) +
                                     " (ptrace; /proc/sys/kernel/yama/ptrace_scope may forbid it)");
            }
            ::ptrace(PTRACE_INTERRUPT, id, nullptr, nullptr);
            held_[id];
            doing_[id] = doing;
            found_new = true;
        }
        if (!found_new) break;
    }
    if (held_.empty())
        return Error{Errc::not_found, 0, "process " + std::to_string(pid) + " has ended"};
    return success();
}

void StoppedProcess::wait(Time deadline) {
    for (;;) {
        bool waiting = false;
        for (auto place = held_.begin(); place != held_.end();) {
            auto& [id, held] = *place;
            int status = 0;
            const pid_t got = held.stopped ? 0 : ::waitpid(id, &status, __WALL | WNOHANG);
            if (got == id && !WIFSTOPPED(status)) {
                place = held_.erase(place);
                continue;
            }
            if (got == id) {
                held.stopped = true;
                // A stop of our own has an event in the upper bits; else a signal is on its way.
                if (status >> 16 == 0) held.signal = WSTOPSIG(status);
            } else if (got < 0 && errno == ECHILD) {
                place = held_.erase(place);
                continue;
            }
            waiting |= !held.stopped;
            ++place;
        }
        if (!waiting || std::chrono::steady_clock::now() >= deadline) return;
        std::this_thread::sleep_for(kPause);
    }
}

/// What there is to know of each thread while it stands still.
void StoppedProcess::look(pid_t pid) {
    for (const auto& [id, held] : held_) {
        const std::string status =
            read_proc("/proc/" + std::to_string(pid) + "/task/" + std::to_string(id) + "/status");
        StoppedThread thread;
        thread.id = id;
        thread.name = status_field(status, "Name");
        thread.doing = doing_[id];
        const std::string inner = status_field(status, "NSpid");
        thread.inner = std::atoi(inner.substr(inner.rfind('\t') + 1).c_str());
        if (held.stopped) {
            user_regs_struct registers{};
            iovec room{&registers, sizeof registers};
            if (::ptrace(PTRACE_GETREGSET, id, NT_PRSTATUS, &room) == 0) {
                machine::read(registers, thread.registers);
                thread.stopped = true;
            } else {
                thread.why_not = "its registers cannot be read";
            }
        } else {
            thread.why_not = "it does not stop: it is in a call that cannot be interrupted";
        }
        threads.push_back(std::move(thread));
    }
}

StoppedProcess::~StoppedProcess() {
    for (const auto& [id, held] : held_) {
        // One that has not stopped cannot be detached; it is let go when this program ends.
        if (held.stopped)
            ::ptrace(PTRACE_DETACH, id, nullptr, reinterpret_cast<void*>(intptr_t{held.signal}));
    }
}

}  // namespace opendext::crash
