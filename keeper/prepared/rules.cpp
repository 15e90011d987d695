// SPDX-License-Identifier: Apache-2.0
#include "keeper/prepared/rules.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <iterator>
#include <memory>
#include <set>
#include <span>
#include <string_view>

#include "rpc/fd.h"

namespace opendext::prepared {
namespace {

/// Stands for the process's own id until it is known.
constexpr uint32_t kOwnPid = 0x6f644b49;
constexpr uint32_t kNameMappings = 0x53564d41;  // PR_SET_VMA: glibc's malloc names its memory

constexpr CallCondition is(uint32_t argument, uint64_t value) {
    return {argument, ~uint64_t{0}, value};
}
constexpr auto is32 = argument_is;
constexpr auto without = argument_without;

/// A new thread of this process, in this process's namespaces: nothing else that clone can make.
constexpr uint64_t kCloneMask = CLONE_THREAD | CLONE_VM | CLONE_NEWNS | CLONE_NEWCGROUP |
                                CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID |
                                CLONE_NEWNET;

/// What every driver process may call, from the moment before its dext is loaded. None of
/// these calls names a path, makes a socket or a process, or reaches another process. What stands
/// here without a condition acts only on the process itself and on descriptors that it was given.
constexpr CallRule kAllowed[] = {
    // Memory. Executable mappings are not in the list: the keeper allows them while the dext is
    // being loaded.
    {"brk"},
    {"mmap", without(2, PROT_EXEC)},
    {"mprotect", without(2, PROT_EXEC)},
    {"munmap"},
    {"mremap"},
    {"madvise"},
    {"msync"},
    {"mlock"},
    {"mlock2"},
    {"munlock"},
    {"membarrier"},
    {"memfd_create"},
    {"ftruncate"},
    {"fallocate"},

    // Descriptors that the process has.
    {"read"},
    {"write"},
    {"readv"},
    {"writev"},
    {"pread64"},
    {"pwrite64"},
    {"preadv"},
    {"pwritev"},
    {"preadv2"},
    {"pwritev2"},
    {"lseek"},
    {"sendfile"},
    {"splice"},
    {"tee"},
    {"close"},
    {"close_range"},
    {"dup"},
    {"dup2"},
    {"dup3"},
    {"fstat"},
    {"pipe2"},
    {"eventfd2"},
    {"timerfd_create"},
    {"timerfd_settime"},
    {"timerfd_gettime"},
    {"epoll_create1"},
    {"epoll_ctl"},
    {"epoll_wait"},
    {"epoll_pwait"},
    {"epoll_pwait2"},
    {"poll"},
    {"ppoll"},
    {"select"},
    {"pselect6"},
    {"fcntl", is32(1, F_DUPFD)},
    {"fcntl", is32(1, F_DUPFD_CLOEXEC)},
    {"fcntl", is32(1, F_GETFD)},
    {"fcntl", is32(1, F_SETFD)},
    {"fcntl", is32(1, F_GETFL)},
    {"fcntl", is32(1, F_SETFL)},
    {"fcntl", is32(1, F_ADD_SEALS)},
    {"fcntl", is32(1, F_GET_SEALS)},

    // Connected sockets: the control socket and those of its clients. No address can be given.
    {"sendmsg"},
    {"recvmsg"},
    {"recvfrom"},
    {"sendto", is(4, 0)},
    {"shutdown"},

    // Bytes waiting. What else can be asked of a descriptor is the families' business.
    {"ioctl", is32(1, FIONREAD)},
    {"ioctl", is32(1, FIONBIO)},

    // Threads. clone3 hides its flags from the filter; it answers ENOSYS below and glibc uses
    // clone.
    {"clone", {0, kCloneMask, CLONE_THREAD | CLONE_VM}},
    {"exit"},
    {"exit_group"},
    {"futex"},
    {"futex_waitv"},
    {"set_robust_list"},
    {"rseq"},
    {"gettid"},
    {"sched_yield"},
    {"sched_getaffinity"},
    {"sched_setaffinity", is32(0, 0)},
    {"sched_setaffinity", is32(0, kOwnPid)},
    {"sched_getparam"},
    {"sched_getscheduler"},
    {"sched_get_priority_max"},
    {"sched_get_priority_min"},
    {"getcpu"},
    {"prctl", is32(0, PR_SET_NAME)},
    {"prctl", is32(0, PR_GET_NAME)},
    {"prctl", is32(0, PR_SET_TIMERSLACK)},
    {"prctl", is32(0, PR_GET_TIMERSLACK)},
    {"prctl", is32(0, kNameMappings)},

    // Signals within the process; abort() and pthread_kill() send with tgkill.
    {"rt_sigaction"},
    {"rt_sigprocmask"},
    {"rt_sigreturn"},
    {"rt_sigpending"},
    {"rt_sigtimedwait"},
    {"rt_sigsuspend"},
    {"sigaltstack"},
    {"restart_syscall"},
    {"tgkill", is32(0, kOwnPid)},

    // Time, randomness, and what the process may know about itself.
    {"clock_gettime"},
    {"clock_getres"},
    {"clock_nanosleep"},
    {"nanosleep"},
    {"gettimeofday"},
    {"time"},
    {"getrandom"},
    {"getpid"},
    {"getppid"},
    {"getuid"},
    {"geteuid"},
    {"getgid"},
    {"getegid"},
    {"getrusage"},
    {"getrlimit"},
    {"prlimit64", is32(0, 0), is(2, 0)},
    {"uname"},
    {"sysinfo"},
};

/// Only for filters that have no keeper to ask (Refusal::silent): what loading needs, and what
/// glibc's fstat() is.
constexpr CallRule kAllowedWhileLoading[] = {
    {"openat", without(2, O_ACCMODE | O_CREAT | O_TRUNC)},
    {"mmap"},
    {"mprotect"},
    {"seccomp"},
};
constexpr CallRule kAllowedWithoutKeeper[] = {
    {"newfstatat", {3, AT_EMPTY_PATH, AT_EMPTY_PATH}},
};

using Context = std::unique_ptr<void, decltype(&seccomp_release)>;

Status add(const Context& context, uint32_t action, const CallRule& rule) {
    const int number = seccomp_syscall_resolve_name(rule.call);
    if (number < 0) return success();  // not on this architecture, or newer than this libseccomp
    scmp_arg_cmp conditions[2];
    unsigned count = 0;
    for (const CallCondition& when : {rule.when, rule.also}) {
        if (when.mask == 0) continue;
        conditions[count++] =
            scmp_arg_cmp{when.argument, SCMP_CMP_MASKED_EQ, when.mask, when.value};
    }
    const int error = seccomp_rule_add_array(context.get(), action, number, count, conditions);
    if (error != 0) return Error::system(std::string("seccomp rule for ") + rule.call, -error);
    return success();
}

Result<Program> export_program(const Context& context) {
    UniqueFd file(::memfd_create("filter", MFD_CLOEXEC));
    if (!file) return Error::system("cannot create memory for the seccomp filter");
    const int error = seccomp_export_bpf(context.get(), file.get());
    if (error != 0) return Error::system("cannot build the seccomp filter", -error);
    const off_t size = ::lseek(file.get(), 0, SEEK_END);
    Program program(static_cast<size_t>(size) / sizeof(sock_filter));
    if (size <= 0 || ::pread(file.get(), program.data(), static_cast<size_t>(size), 0) != size) {
        return Error::system("cannot read the seccomp filter");
    }
    return program;
}

}  // namespace

SandboxCalls runtime_calls() {
    return {sizeof(SandboxCalls), "runtime", kAllowed, std::size(kAllowed)};
}

std::vector<std::string> list_names(const CallLists& lists) {
    std::vector<std::string> names;
    for (const SandboxCalls& list : lists) names.emplace_back(list.family);
    return names;
}

size_t count_calls(const CallLists& lists) {
    std::set<std::string_view> calls;
    for (const SandboxCalls& list : lists) {
        for (const CallRule& rule : std::span(list.rules, list.count)) calls.insert(rule.call);
    }
    return calls.size();
}

std::string print_calls(const CallLists& lists) {
    std::string text;
    char line[160];
    for (const SandboxCalls& list : lists) {
        for (const CallRule& rule : std::span(list.rules, list.count)) {
            text += std::string(list.family) + ": " + rule.call;
            for (const CallCondition& when : {rule.when, rule.also}) {
                if (when.mask == 0) continue;
                std::snprintf(line, sizeof line, ", argument %u & 0x%llx = 0x%llx", when.argument,
                              static_cast<unsigned long long>(when.mask),
                              static_cast<unsigned long long>(when.value));
                text += line;
            }
            text += "\n";
        }
    }
    return text;
}

Result<Program> build_program(Refusal refusal, Step step, const CallLists& lists) {
    const uint32_t otherwise =
        refusal == Refusal::ask_keeper ? SCMP_ACT_NOTIFY : SCMP_ACT_ERRNO(EPERM);
    const Context context(seccomp_init(otherwise), &seccomp_release);
    if (!context) return Error{Errc::unsupported, 0, "this libseccomp cannot build the filter"};
    // Calls by another ABI (32 bits, x32) have other numbers: no list of names holds for them.
    seccomp_attr_set(context.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    seccomp_attr_set(context.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2);  // a tree instead of a list
    for (const SandboxCalls& list : lists) {
        for (const CallRule& rule : std::span(list.rules, list.count))
            OD_TRY(add(context, SCMP_ACT_ALLOW, rule));
    }
    OD_TRY(add(context, SCMP_ACT_ERRNO(ENOSYS), {"clone3"}));
    if (refusal == Refusal::silent) {
        for (const CallRule& rule : kAllowedWithoutKeeper)
            OD_TRY(add(context, SCMP_ACT_ALLOW, rule));
        if (step == Step::loading) {
            for (const CallRule& rule : kAllowedWhileLoading)
                OD_TRY(add(context, SCMP_ACT_ALLOW, rule));
        }
    }
    return export_program(context);
}

void set_own_pid(Program& program, pid_t pid) {
    for (sock_filter& instruction : program) {
        if (BPF_CLASS(instruction.code) == BPF_JMP && instruction.k == kOwnPid) {
            instruction.k = static_cast<uint32_t>(pid);
        }
    }
}

}  // namespace opendext::prepared
