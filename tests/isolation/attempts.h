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

/// One try of a call that must not be there, by name: the log must show it.
struct Try {
    const char* call;
    long number;
    long a = 0, b = 0, c = 0, d = 0, e = 0, f = 0;
};

/// The keeper names 100 refused calls of a process in a second and counts the others. Whoever wants
/// to see every name takes a breath in between.
inline void breathe() {
    const long pause[2] = {1, 200'000'000};
    raw(SYS_nanosleep, reinterpret_cast<long>(pause));
}

/// Calls `tell` for each attempt. A child that should not be there ends itself at once.
template <typename F>
void try_everything(F tell) {
    const auto at = [](const void* value) { return reinterpret_cast<long>(value); };
    static const char* const argv[] = {"true", nullptr};
    static const char unix_address[] = "\1\0/run/dbus/system_bus_socket";
    static char room[4096];
    constexpr long kHere = -100, kStream = 1, kRaw = 3, kChildEnds = 17;
    const long passwd = at("/etc/passwd"), tmp = at("/tmp"), fresh = at("/tmp/escaped");
    const long scratch = at(room), one = 1;

    const Try tries[] = {
        // Files: read, write, make, change, watch, other file systems.
        {"openat", SYS_openat, kHere, passwd, 0},
        {"openat", SYS_openat, kHere, fresh, 0101, 0600},
        {"openat", SYS_openat, kHere, at("/proc/self/mem"), 2},
        {"openat", SYS_openat, kHere, at("/proc/1/fd/0"), 2},
        {"openat", SYS_openat, kHere, at("/dev/mem"), 2},
        {"openat", SYS_openat, kHere, at("/dev/shm/escaped"), 0102, 0600},
        {"openat2", SYS_openat2, kHere, passwd, scratch, 24},
        {"newfstatat", SYS_newfstatat, kHere, passwd, scratch, 0},
        {"statx", SYS_statx, kHere, passwd, 0, 0x7ff, scratch},
        {"statfs", SYS_statfs, at("/"), scratch},
        {"readlinkat", SYS_readlinkat, kHere, at("/proc/self/exe"), scratch, 255},
        {"faccessat", SYS_faccessat, kHere, passwd, 4},
        {"faccessat2", SYS_faccessat2, kHere, passwd, 4, 0},
        {"mkdirat", SYS_mkdirat, kHere, fresh, 0700},
        {"mknodat", SYS_mknodat, kHere, fresh, 0020600, 0x101},
        {"unlinkat", SYS_unlinkat, kHere, passwd, 0},
        {"renameat2", SYS_renameat2, kHere, passwd, kHere, fresh},
        {"linkat", SYS_linkat, kHere, passwd, kHere, fresh},
        {"symlinkat", SYS_symlinkat, passwd, kHere, fresh},
        {"fchmodat", SYS_fchmodat, kHere, passwd, 0666},
        {"fchownat", SYS_fchownat, kHere, passwd, 0, 0, 0},
        {"fchmod", SYS_fchmod, 3, 0666},
        {"truncate", SYS_truncate, passwd, 0},
        {"utimensat", SYS_utimensat, kHere, passwd, 0, 0},
        {"setxattr", SYS_setxattr, passwd, at("user.x"), scratch, 1, 0},
        {"getdents64", SYS_getdents64, 3, scratch, sizeof room},
        {"getcwd", SYS_getcwd, scratch, sizeof room},
        {"chdir", SYS_chdir, at("/")},
        {"fchdir", SYS_fchdir, 3},
        {"chroot", SYS_chroot, at("/")},
        {"name_to_handle_at", SYS_name_to_handle_at, kHere, passwd, scratch, scratch, 0},
        {"open_by_handle_at", SYS_open_by_handle_at, 3, scratch, 0},
        {"inotify_init1", SYS_inotify_init1, 0},
        {"fanotify_init", SYS_fanotify_init, 0, 0},
        {"mount", SYS_mount, at("none"), tmp, at("tmpfs"), 0, 0},
        {"umount2", SYS_umount2, tmp, 2},
        {"pivot_root", SYS_pivot_root, tmp, tmp},
        {"open_tree", SYS_open_tree, kHere, at("/"), 1},
        {"move_mount", SYS_move_mount, 3, at(""), kHere, tmp, 4},
        {"fsopen", SYS_fsopen, at("tmpfs"), 0},
        {"mount_setattr", SYS_mount_setattr, kHere, at("/"), 0, scratch, 32},
        {"quotactl", SYS_quotactl, 0x80000100, at("/dev/sda"), 0, scratch},
        {"swapon", SYS_swapon, fresh, 0},
        {"swapoff", SYS_swapoff, fresh},
        {"acct", SYS_acct, fresh},
        {"sync", SYS_sync},

        // Network of every kind, and sockets that others listen on.
        {"socket", SYS_socket, 1, kStream, 0},   // local
        {"socket", SYS_socket, 2, kStream, 0},   // IPv4
        {"socket", SYS_socket, 10, kStream, 0},  // IPv6
        {"socket", SYS_socket, 16, kRaw, 0},     // netlink
        {"socket", SYS_socket, 17, kRaw, 0},     // packets
        {"socket", SYS_socket, 29, kRaw, 1},     // CAN
        {"socket", SYS_socket, 31, kRaw, 1},     // Bluetooth
        {"socket", SYS_socket, 38, 5, 0},        // kernel cryptography
        {"socket", SYS_socket, 40, kStream, 0},  // virtual machines
        {"socket", SYS_socket, 44, kRaw, 0},     // XDP
        {"socketpair", SYS_socketpair, 1, kStream, 0, scratch},
        {"connect", SYS_connect, 3, at(unix_address), sizeof unix_address},
        {"bind", SYS_bind, 3, at(unix_address), sizeof unix_address},
        {"listen", SYS_listen, 3, 1},
        {"accept4", SYS_accept4, 3, 0, 0, 0},
        {"sendto", SYS_sendto, 3, at("x"), 1, 0, at(unix_address), sizeof unix_address},
        {"sendmmsg", SYS_sendmmsg, 3, scratch, 1, 0},
        {"recvmmsg", SYS_recvmmsg, 3, scratch, 1, 0, 0},
        {"setsockopt", SYS_setsockopt, 3, 1, 16, at(&one), 4},  // SO_PASSCRED
        {"getpeername", SYS_getpeername, 3, scratch, scratch},

        // Memory and messages that others made.
        {"shmget", SYS_shmget, 1, 4096, 01777},
        {"shmat", SYS_shmat, 0, 0, 0},
        {"semget", SYS_semget, 1, 1, 01777},
        {"msgget", SYS_msgget, 1, 01777},
        {"mq_open", SYS_mq_open, at("escaped"), 0102, 0600, 0},
        {"mq_unlink", SYS_mq_unlink, at("escaped")},
        {"process_vm_readv", SYS_process_vm_readv, 1, 0, 0, 0, 0, 0},
        {"process_vm_writev", SYS_process_vm_writev, 1, 0, 0, 0, 0, 0},
        {"process_madvise", SYS_process_madvise, 3, scratch, 1, 4, 0},
        {"move_pages", SYS_move_pages, 1, 0, 0, 0, 0, 0},
        {"migrate_pages", SYS_migrate_pages, 1, 0, 0, 0},
        {"kcmp", SYS_kcmp, 1, 1, 0, 0, 0},

        // Processes, and descriptors of theirs.
        {"clone", SYS_clone, kChildEnds},
        {"clone", SYS_clone, 0x10000000 | kChildEnds},  // into a user namespace of its own
        {"clone", SYS_clone, 0x8000 | kChildEnds},      // a sibling
        {"execve", SYS_execve, at("/bin/true"), at(argv), 0},
        {"execveat", SYS_execveat, kHere, at("/bin/true"), at(argv), 0, 0},
        {"execveat", SYS_execveat, 3, at(""), at(argv), 0, 0x1000},  // a descriptor
        {"wait4", SYS_wait4, -1, 0, 1, 0},
        {"waitid", SYS_waitid, 0, 0, scratch, 5, 0},
        {"ptrace", SYS_ptrace, 16, 1, 0, 0},
        {"ptrace", SYS_ptrace, 0, 0, 0, 0},  // be traced
        {"pidfd_open", SYS_pidfd_open, 1, 0},
        {"pidfd_getfd", SYS_pidfd_getfd, 3, 0, 0},
        {"setpgid", SYS_setpgid, 0, 0},
        {"setsid", SYS_setsid},
        {"unshare", SYS_unshare, 0x10000000},
        {"setns", SYS_setns, 3, 0},

        // Signals to others.
        {"kill", SYS_kill, 1, 9},
        {"kill", SYS_kill, -1, 9},
        {"tgkill", SYS_tgkill, 1, 1, 9},
        {"tkill", SYS_tkill, 1, 9},
        {"rt_sigqueueinfo", SYS_rt_sigqueueinfo, 1, 9, scratch},
        {"rt_tgsigqueueinfo", SYS_rt_tgsigqueueinfo, 1, 1, 9, scratch},
        {"pidfd_send_signal", SYS_pidfd_send_signal, 3, 9, 0, 0},
        {"fcntl", SYS_fcntl, 3, 8, 1},   // F_SETOWN
        {"fcntl", SYS_fcntl, 3, 10, 9},  // F_SETSIG
        {"timer_create", SYS_timer_create, 0, scratch, scratch},

        // Who it is, and what it may use.
        {"setuid", SYS_setuid, 0},
        {"setresuid", SYS_setresuid, 0, 0, 0},
        {"setgid", SYS_setgid, 0},
        {"setgroups", SYS_setgroups, 0, 0},
        {"capset", SYS_capset, scratch, scratch},
        {"prctl", SYS_prctl, 22, 1, 0},        // another seccomp
        {"prctl", SYS_prctl, 4, 0},            // not to be looked at
        {"prctl", SYS_prctl, 1, 0},            // to outlive the keeper
        {"prctl", SYS_prctl, 0x59616d61, -1},  // to be traced by anybody
        {"seccomp", SYS_seccomp, 1, 0, scratch},
        {"landlock_restrict_self", SYS_landlock_restrict_self, 3, 0},
        {"setrlimit", SYS_setrlimit, 7, scratch},
        {"prlimit64", SYS_prlimit64, 0, 7, scratch, 0},
        {"prlimit64", SYS_prlimit64, 1, 7, 0, scratch},
        {"setpriority", SYS_setpriority, 0, 0, -20},
        {"ioprio_set", SYS_ioprio_set, 1, 0, 0x2000},
        {"sched_setscheduler", SYS_sched_setscheduler, 0, 1, scratch},
        {"sched_setattr", SYS_sched_setattr, 0, scratch, 0},
        {"sched_setaffinity", SYS_sched_setaffinity, 1, 8, scratch},

        // Keys and clocks.
        {"add_key", SYS_add_key, at("user"), at("x"), scratch, 1, -3},
        {"request_key", SYS_request_key, at("user"), at("x"), 0, -3},
        {"keyctl", SYS_keyctl, 0, -3, 1},
        {"settimeofday", SYS_settimeofday, scratch, 0},
        {"clock_settime", SYS_clock_settime, 0, scratch},
        {"adjtimex", SYS_adjtimex, scratch},
        {"clock_adjtime", SYS_clock_adjtime, 0, scratch},

        // The kernel itself.
        {"bpf", SYS_bpf, 0, scratch, 128},
        {"perf_event_open", SYS_perf_event_open, scratch, 0, -1, -1, 0},
        {"io_uring_setup", SYS_io_uring_setup, 8, scratch},
        {"io_uring_enter", SYS_io_uring_enter, 3, 1, 0, 0, 0, 0},
        {"io_uring_register", SYS_io_uring_register, 3, 0, 0, 0},
        {"userfaultfd", SYS_userfaultfd, 0},
        {"init_module", SYS_init_module, scratch, 64, at("")},
        {"finit_module", SYS_finit_module, 3, at(""), 0},
        {"delete_module", SYS_delete_module, at("x"), 0},
        {"kexec_load", SYS_kexec_load, 0, 0, 0, 0},
        {"reboot", SYS_reboot, 0xfee1dead, 672274793, 0},
        {"personality", SYS_personality, 0x0040000},  // no random addresses
        {"syslog", SYS_syslog, 10, 0, 0},
        {"sethostname", SYS_sethostname, at("x"), 1},
        {"vhangup", SYS_vhangup},
        {"remap_file_pages", SYS_remap_file_pages, scratch, 4096, 0, 0, 0},
        {"pkey_mprotect", SYS_pkey_mprotect, scratch & ~4095, 4096, 7, -1},
        {"mbind", SYS_mbind, scratch & ~4095, 4096, 1, 0, 0, 0},
#if defined(__x86_64__)
        {"iopl", SYS_iopl, 3},
        {"ioperm", SYS_ioperm, 0, 1, 1},
        {"modify_ldt", SYS_modify_ldt, 1, scratch, 16},
        {"arch_prctl", SYS_arch_prctl, 0x1001, scratch},
        {"vfork", SYS_vfork},
        {"fork", SYS_fork},
        {"creat", SYS_creat, fresh, 0600},
        {"access", SYS_access, passwd, 4},
        {"signalfd4", SYS_signalfd4, -1, scratch, 8, 0},
#endif

        // Terminals: type into them, take them, open their other side, change what they speak.
        {"ioctl", SYS_ioctl, 0, 0x5412, at("x")},   // TIOCSTI
        {"ioctl", SYS_ioctl, 0, 0x540e, 1},         // TIOCSCTTY
        {"ioctl", SYS_ioctl, 0, 0x5441, 0},         // TIOCGPTPEER
        {"ioctl", SYS_ioctl, 0, 0x5423, at(&one)},  // TIOCSETD
        {"ioctl", SYS_ioctl, 0, 0x541c, at(&one)},  // TIOCLINUX
    };

    tell(open_a_file());
    int count = 1;
    for (const Try& one_try : tries) {
        const long result =
            raw(one_try.number, one_try.a, one_try.b, one_try.c, one_try.d, one_try.e, one_try.f);
        // Born where no child may be.
        bool forks = one_try.number == SYS_clone;
#ifdef SYS_fork
        forks = forks || one_try.number == SYS_fork || one_try.number == SYS_vfork;
#endif
        if (result == 0 && forks) raw(SYS_exit_group, 99);
        tell(Attempt{one_try.call, result});
        if (++count % 90 == 0) breathe();
    }
}

}  // namespace attempts
