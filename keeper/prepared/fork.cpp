// SPDX-License-Identifier: Apache-2.0
#include "keeper/prepared/fork.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <ctime>

#include "keeper/prepared/sandbox.h"

/// glibc's other name of clone(): ThreadSanitizer takes that for a fork, whose child has memory of
/// its own.
extern "C" int __clone(int (*)(void*), void*, int, void*, ...);

namespace opendext::prepared {
namespace {

/// Where glibc caches the thread id of this thread. A raw clone leaves the parent's there, which
/// could be the id of another thread of the child; the kernel corrects it when told where it lies.
/// nullptr if it cannot be told.
int* cached_thread_id() {
    constexpr size_t kControlBlock = 1024;  // struct pthread is larger in every glibc from 2.17 on
    int* words = reinterpret_cast<int*>(::pthread_self());
    const int own = static_cast<int>(::syscall(SYS_gettid));
    int* found = nullptr;
    for (size_t i = 0; i < kControlBlock / sizeof(int); ++i) {
        if (words[i] != own) continue;
        if (found != nullptr) return nullptr;
        found = &words[i];
    }
    return found;
}

/// The whole life of process 1 of a driver's process id namespace. It is there because the kernel
/// lets no process 1 end by a signal that it has not asked for, not even by its own abort(): the
/// driver has to be another one. It shares the memory of the prepared process, so it costs a task
/// and no page, and nothing here may write to what that process uses (errno among it: none of these
/// calls fails; and they are bare ones, since a sanitizer keeps books of glibc's). The keeper ends
/// it when the driver has ended.
[[clang::no_sanitize("address", "thread", "undefined")]] int be_init(void* link) {
    ::syscall(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    ::syscall(SYS_prctl, PR_SET_NAME, "driver-init", 0, 0, 0);
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    const __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {};
    ::syscall(SYS_capset, &header, none);
    // A keeper that ended before the first line sends no signal any more.
    pollfd keeper{static_cast<int>(reinterpret_cast<intptr_t>(link)), 0, 0};
    timespec at_once{};
    if (::syscall(SYS_ppoll, &keeper, 1, &at_once, nullptr, 0) != 0) return 0;
    ::syscall(SYS_close_range, 0, ~0U, 0);
    for (;;) ::syscall(SYS_ppoll, nullptr, 0, nullptr, nullptr, 0);
}

}  // namespace

Result<UniqueFd> start_init(int link) {
    // Never given back: what is left of it ends with this prepared process, which is made anew
    // after some forks.
    constexpr size_t kStack = 16 << 10;
    void* stack =
        ::mmap(nullptr, kStack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (stack == MAP_FAILED) return Error::system("cannot make a stack for a namespace's init");
    ::madvise(stack, kStack, MADV_DONTFORK);  // the driver's share of it would be a page
    int pidfd = -1;
    const int pid = ::__clone(be_init, static_cast<char*>(stack) + kStack,
                              CLONE_VM | CLONE_PARENT | CLONE_PIDFD | SIGCHLD,
                              reinterpret_cast<void*>(static_cast<intptr_t>(link)), &pidfd);
    if (pid < 0) return Error::system("cannot start the init of a process id namespace");
    return UniqueFd(pidfd);
}

Status fork_sibling(Forked& forked, uint64_t flags, int group) {
    int pidfd = -1;
    clone_args arguments{};
    arguments.flags = flags | CLONE_PARENT | CLONE_PIDFD;
    arguments.pidfd = reinterpret_cast<uint64_t>(&pidfd);
    if (int* thread_id = cached_thread_id()) {
        arguments.flags |= CLONE_CHILD_SETTID;
        arguments.child_tid = reinterpret_cast<uint64_t>(thread_id);
    }
    if (group >= 0) {
        arguments.flags |= CLONE_INTO_CGROUP;
        arguments.cgroup = static_cast<uint64_t>(group);
    }
    void* robust_list = nullptr;
    size_t robust_size = 0;
    ::syscall(SYS_get_robust_list, 0, &robust_list, &robust_size);
    const long pid = ::syscall(SYS_clone3, &arguments, sizeof arguments);
    if (pid < 0) return Error::system("cannot fork");
    if (pid == 0) ::syscall(SYS_set_robust_list, robust_list, robust_size);
    forked.pid = static_cast<pid_t>(pid);
    forked.pidfd = UniqueFd(pid == 0 ? -1 : pidfd);
    return success();
}

Result<Forks> Forks::prepare(const Features& features, int link) {
    UniqueFd own_pids;
    if ((features.own & CLONE_NEWPID) != 0) {
        own_pids = UniqueFd(::open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC));
        if (!own_pids) return Error::system("cannot open /proc/self/ns/pid");
    }
    return Forks(features.own & ~uint64_t{CLONE_NEWPID}, std::move(own_pids), link);
}

Status Forks::fork(Forked& forked, int group) const {
    if (!own_pids_) return fork_sibling(forked, flags_, group);
    // The namespace is made for the next children, not for this process: its first is the init.
    if (::unshare(CLONE_NEWPID) != 0) return Error::system("cannot make a process id namespace");
    Result<UniqueFd> init = start_init(link_);
    Status made = init.ok() ? fork_sibling(forked, flags_, group) : Status(init.error());
    if (made.ok() && forked.pid == 0) return made;
    if (init.ok()) forked.init_pidfd = std::move(init).value();
    // If that fails, so does the next unshare, and says so.
    static_cast<void>(::setns(own_pids_.get(), CLONE_NEWPID));
    return made;
}

}  // namespace opendext::prepared
