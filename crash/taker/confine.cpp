// SPDX-License-Identifier: Apache-2.0
#include "crash/taker/confine.h"

#include <fcntl.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <memory>

#include "crash/limits.h"

namespace opendext::crash {
namespace {

/// Without conditions: memory, and descriptors that are there. The rest is refused with EPERM.
constexpr const char* kAllowed[] = {
    "brk",          "munmap",       "mremap",         "madvise",         "read",
    "pread64",      "lseek",        "write",          "close",           "fstat",
    "exit",         "exit_group",   "futex",          "clock_gettime",   "getrandom",
    "gettimeofday", "rt_sigreturn", "rt_sigprocmask", "restart_syscall", "sched_yield",
};

Status limit(__rlimit_resource resource, rlim_t value) {
    rlimit now{};
    ::getrlimit(resource, &now);
    const rlimit wanted{std::min(value, now.rlim_max), std::min(value, now.rlim_max)};
    if (::setrlimit(resource, &wanted) != 0) return Error::system("cannot set limits");
    return success();
}

}  // namespace

Status confine() {
    OD_TRY(limit(RLIMIT_AS, kAddressSpace));
    OD_TRY(limit(RLIMIT_CORE, 0));
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return Error::system("cannot give up new privileges");
    const std::unique_ptr<void, decltype(&::seccomp_release)> context(
        ::seccomp_init(SCMP_ACT_ERRNO(EPERM)), &::seccomp_release);
    if (!context) return Error{Errc::unsupported, 0, "libseccomp cannot build the filter"};
    ::seccomp_attr_set(context.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    const auto allow = [&](const char* call, std::initializer_list<scmp_arg_cmp> when) -> Status {
        const int number = ::seccomp_syscall_resolve_name(call);
        if (number < 0) return success();
        const int error =
            ::seccomp_rule_add_array(context.get(), SCMP_ACT_ALLOW, number,
                                     static_cast<unsigned>(when.size()), std::data(when));
        if (error != 0) return Error::system(std::string("seccomp rule for ") + call, -error);
        return success();
    };
    for (const char* call : kAllowed) OD_TRY(allow(call, {}));
    for (const char* call : {"mmap", "mprotect"})
        OD_TRY(allow(call, {scmp_arg_cmp{2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0}}));
    // What glibc's fstat() is, and what libelf asks of a descriptor.
    OD_TRY(
        allow("newfstatat", {scmp_arg_cmp{3, SCMP_CMP_MASKED_EQ, AT_EMPTY_PATH, AT_EMPTY_PATH}}));
    OD_TRY(allow("fcntl", {scmp_arg_cmp{1, SCMP_CMP_EQ, F_GETFL, 0}}));
    OD_TRY(allow("fcntl", {scmp_arg_cmp{1, SCMP_CMP_EQ, F_GETFD, 0}}));
    if (const int error = ::seccomp_load(context.get()); error != 0)
        return Error::system("cannot load the filter", -error);
    return success();
}

}  // namespace opendext::crash
