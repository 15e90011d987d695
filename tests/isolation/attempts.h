// SPDX-License-Identifier: Apache-2.0
#pragma once

// Ways out of a driver process, tried by raw system calls: no library of ours or of the system is
// asked. Used by a plain shared object (isolation_test.cpp) and by a real dext (isolation_test.py),
// so it includes nothing but numbers.
#include <sys/syscall.h>

namespace attempts {

#if defined(__x86_64__)
inline long raw(long number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0,
                long f = 0) {
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    long result = number;
    __asm__ volatile("syscall"
                     : "+a"(result)
                     : "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}
#elif defined(__aarch64__)
inline long raw(long number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0,
                long f = 0) {
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    register long x4 __asm__("x4") = e;
    register long x5 __asm__("x5") = f;
    __asm__ volatile("svc #0"
                     : "+r"(x0)
                     : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
                     : "memory");
    return x0;
}
#endif

constexpr long kRefused = -1;  // -EPERM

struct Attempt {
    const char* call;  ///< the name that the log must show
    long result;
    bool operator()() const { return result == kRefused; }
};

/// The first: from a static constructor, before anything of the driver runs.
inline Attempt open_a_file() {
    const char* path = "/etc/passwd";
#ifdef SYS_open
    return {"open", raw(SYS_open, reinterpret_cast<long>(path), 0)};
#else
    return {"openat", raw(SYS_openat, -100, reinterpret_cast<long>(path), 0)};
#endif
}

/// Calls `tell` for each attempt. A child that should not be there ends itself at once.
template <typename F>
void try_everything(F tell) {
    const auto text = [](const char* value) { return reinterpret_cast<long>(value); };
    const auto child = [](long result) {
        if (result == 0) raw(SYS_exit_group, 99);
        return result;
    };
    static const char* const argv[] = {"true", nullptr};
    static const char unix_address[] = "\1\0/run/dbus/system_bus_socket";
    static char room[256];
    constexpr long kOwnFolder = -100, kInternet = 2, kStream = 1, kChildEnds = 17;

    tell(open_a_file());
    tell(Attempt{"openat", raw(SYS_openat, kOwnFolder, text("/etc/passwd"), 0)});
    tell(Attempt{"openat2", raw(SYS_openat2, kOwnFolder, text("/etc/passwd"), text(room), 24)});
    tell(
        Attempt{"newfstatat", raw(SYS_newfstatat, kOwnFolder, text("/etc/passwd"), text(room), 0)});
    tell(Attempt{"statx", raw(SYS_statx, kOwnFolder, text("/etc/passwd"), 0, 0x7ff, text(room))});
    tell(Attempt{"readlinkat",
                 raw(SYS_readlinkat, kOwnFolder, text("/proc/self/exe"), text(room), 255)});
    tell(Attempt{"faccessat", raw(SYS_faccessat, kOwnFolder, text("/etc/passwd"), 4)});
    tell(Attempt{"mkdirat", raw(SYS_mkdirat, kOwnFolder, text("/tmp/escaped"), 0700)});
    tell(Attempt{"unlinkat", raw(SYS_unlinkat, kOwnFolder, text("/etc/passwd"), 0)});
    tell(Attempt{"chdir", raw(SYS_chdir, text("/"))});
    tell(Attempt{"chroot", raw(SYS_chroot, text("/"))});
    tell(Attempt{"mount", raw(SYS_mount, text("none"), text("/tmp"), text("tmpfs"), 0, 0)});
    tell(Attempt{"inotify_init1", raw(SYS_inotify_init1, 0)});

    tell(Attempt{"socket", raw(SYS_socket, kInternet, kStream, 0)});
    tell(Attempt{"socketpair", raw(SYS_socketpair, 1, kStream, 0, text(room))});
    tell(Attempt{"connect", raw(SYS_connect, 3, text(unix_address), sizeof unix_address)});
    tell(Attempt{"bind", raw(SYS_bind, 3, text(unix_address), sizeof unix_address)});
    tell(Attempt{"sendto",
                 raw(SYS_sendto, 3, text("x"), 1, 0, text(unix_address), sizeof unix_address)});
    tell(Attempt{"shmget", raw(SYS_shmget, 1, 4096, 01777)});
    tell(Attempt{"mq_open", raw(SYS_mq_open, text("escaped"), 0102, 0600, 0)});

    tell(Attempt{"ptrace", raw(SYS_ptrace, 16, 1, 0, 0)});
    tell(Attempt{"process_vm_readv", raw(SYS_process_vm_readv, 1, 0, 0, 0, 0, 0)});
    tell(Attempt{"pidfd_open", raw(SYS_pidfd_open, 1, 0)});
#ifdef SYS_fork
    tell(Attempt{"fork", child(raw(SYS_fork))});
#endif
    tell(Attempt{"clone", child(raw(SYS_clone, kChildEnds))});
    tell(Attempt{"execve", raw(SYS_execve, text("/bin/true"), reinterpret_cast<long>(argv), 0)});
    tell(Attempt{"execveat", raw(SYS_execveat, kOwnFolder, text("/bin/true"),
                                 reinterpret_cast<long>(argv), 0, 0)});
    tell(Attempt{"kill", raw(SYS_kill, 1, 9)});
    tell(Attempt{"kill", raw(SYS_kill, -1, 9)});
    tell(Attempt{"tgkill", raw(SYS_tgkill, 1, 1, 9)});
    tell(Attempt{"tkill", raw(SYS_tkill, 1, 9)});
    tell(Attempt{"prlimit64", raw(SYS_prlimit64, 1, 7, 0, text(room))});
    tell(Attempt{"sched_setscheduler", raw(SYS_sched_setscheduler, 0, 1, text(room))});

    tell(Attempt{"unshare", raw(SYS_unshare, 0x10000000)});
    tell(Attempt{"setns", raw(SYS_setns, 3, 0)});
    tell(Attempt{"setuid", raw(SYS_setuid, 0)});
    tell(Attempt{"capset", raw(SYS_capset, text(room), text(room))});
    tell(Attempt{"io_uring_setup", raw(SYS_io_uring_setup, 8, text(room))});
    tell(Attempt{"bpf", raw(SYS_bpf, 0, text(room), 128)});
    tell(Attempt{"perf_event_open", raw(SYS_perf_event_open, text(room), 0, -1, -1, 0)});
    tell(Attempt{"userfaultfd", raw(SYS_userfaultfd, 0)});
    tell(Attempt{"keyctl", raw(SYS_keyctl, 0, -3, 1)});
    tell(Attempt{"seccomp", raw(SYS_seccomp, 1, 0, text(room))});
    tell(Attempt{"syslog", raw(SYS_syslog, 10, 0, 0)});
    tell(Attempt{"ioctl", raw(SYS_ioctl, 0, 0x5412, text("x"))});  // TIOCSTI
    tell(Attempt{"fcntl", raw(SYS_fcntl, 3, 8, 1)});               // F_SETOWN
}

}  // namespace attempts
