// SPDX-License-Identifier: Apache-2.0
#include "keeper/prepared/sandbox.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "keeper/prepared/sanitized.h"

namespace opendext::prepared {
namespace {

// The kernel's Landlock interface up to ABI 7; Debian 12's header stops at 2.
struct LandlockRuleset {
    uint64_t files;
    uint64_t network;
    uint64_t scopes;
};
struct [[gnu::packed]] LandlockPath {
    uint64_t allowed;
    int32_t parent;
};
constexpr unsigned kVersionFlag = 1;
constexpr int kRulePathBeneath = 1;
constexpr uint64_t kExecute = 1, kReadFile = 4, kReadDirectory = 8;

/// Every right of files that the version can withhold.
uint64_t file_rights(int version) {
    const int count = version >= 5 ? 16 : version >= 3 ? 15 : version >= 2 ? 14 : 13;
    return (uint64_t{1} << count) - 1;
}

long install(const Program& program, unsigned flags) {
    const sock_fprog filter{static_cast<unsigned short>(program.size()),
                            const_cast<sock_filter*>(program.data())};
    return ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &filter);
}

Status limit(__rlimit_resource resource, rlim_t value, const char* name) {
    rlimit now{};
    ::getrlimit(resource, &now);
    if (now.rlim_max < value) value = now.rlim_max;
    const rlimit wanted{value, value};
    if (::setrlimit(resource, &wanted) != 0)
        return Error::system(std::string("cannot limit ") + name);
    return success();
}

Status make_directories(const std::string& path) {
    for (size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
        if (::mkdir(path.substr(0, slash).c_str(), 0755) != 0 && errno != EEXIST) {
            return Error::system("cannot create " + path);
        }
        if (slash == std::string::npos) return success();
    }
}

/// The tree as `path` below a root that is being made, read-only.
Status mount_below(const std::string& root, const UniqueFd& tree, const std::string& path) {
    const std::string place = root + path;
    OD_TRY(make_directories(place));
    if (::move_mount(tree.get(), "", AT_FDCWD, place.c_str(), MOVE_MOUNT_F_EMPTY_PATH) != 0)
        return Error::system("cannot mount the bundle");
    mount_attr read_only{};
    read_only.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
    if (::mount_setattr(AT_FDCWD, place.c_str(), 0, &read_only, sizeof read_only) != 0)
        return Error::system("cannot make the bundle read-only");
    return success();
}

}  // namespace

int landlock_version() {
    const long version = ::syscall(SYS_landlock_create_ruleset, nullptr, 0, kVersionFlag);
    return version > 0 ? static_cast<int>(version) : 0;
}

Status restrict_files(int version, const std::string& bundle) {
    LandlockRuleset ruleset{file_rights(version), version >= 4 ? 3u : 0u, version >= 6 ? 3u : 0u};
    const size_t size = version >= 6 ? 24 : version >= 4 ? 16 : 8;
    const UniqueFd rules(
        static_cast<int>(::syscall(SYS_landlock_create_ruleset, &ruleset, size, 0)));
    if (!rules) return Error::system("cannot make Landlock rules");
    if (!bundle.empty()) {
        const UniqueFd folder(::open(bundle.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
        if (!folder) return Error::system("cannot open the bundle " + bundle);
        const LandlockPath path{kExecute | kReadFile | kReadDirectory, folder.get()};
        if (::syscall(SYS_landlock_add_rule, rules.get(), kRulePathBeneath, &path, 0) != 0)
            return Error::system("cannot keep the bundle open with Landlock");
    }
    if (::syscall(SYS_landlock_restrict_self, rules.get(), 0) != 0)
        return Error::system("cannot close off files with Landlock");
    return success();
}

Status keep_user() {
    for (const auto& [path, text] : {std::pair{"/proc/self/setgroups", "deny"},
                                     {"/proc/self/uid_map", "0 0 1"},
                                     {"/proc/self/gid_map", "0 0 1"}}) {
        const UniqueFd file(::open(path, O_WRONLY | O_CLOEXEC));
        const auto size = static_cast<ssize_t>(std::strlen(text));
        if (!file || ::write(file.get(), text, std::strlen(text)) != size)
            return Error::system(path);
    }
    return success();
}

Status mount_only(const std::string& bundle) {
    constexpr const char* kRoot = "/tmp";  // any directory will do: the namespace is nobody else's
    if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
        return Error::system("cannot make mounts private");
    // Taken before the new root can hide it.
    UniqueFd tree;
    if (!bundle.empty()) {
        tree = UniqueFd(::open_tree(AT_FDCWD, bundle.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
        if (!tree) return Error::system("cannot open the bundle " + bundle);
    }
    if (::mount("opendext", kRoot, "tmpfs", MS_NOSUID | MS_NODEV, "size=64k,mode=0755") != 0) {
        return Error::system("cannot mount an empty root");
    }
    if (tree) OD_TRY(mount_below(kRoot, tree, bundle));
    if (::chdir(kRoot) != 0) return Error::system("cannot enter the empty root");
    if (::syscall(SYS_pivot_root, ".", ".") == 0) {
        if (::umount2(".", MNT_DETACH) != 0) return Error::system("cannot leave the old root");
    } else if (::chroot(".") != 0) {  // in a chroot the old root is no mount point
        return Error::system("cannot change the root");
    }
    if (::chdir("/") != 0) return Error::system("cannot enter the new root");
    mount_attr read_only{};
    read_only.attr_set = MOUNT_ATTR_RDONLY;
    if (::mount_setattr(AT_FDCWD, "/", 0, &read_only, sizeof read_only) != 0) {
        return Error::system("cannot make the root read-only");
    }
    return success();
}

Status drop_capabilities() {
    // Needs CAP_SETPCAP; without it there is nothing to drop.
    for (int capability = 0; ::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0; ++capability) {
    }
    ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    const __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {};
    if (::syscall(SYS_capset, &header, none) != 0) return Error::system("cannot drop capabilities");
    return success();
}

Status limit_resources(const Limits& limits, bool count_threads, uint64_t address_space) {
    OD_TRY(limit(RLIMIT_CORE, 0, "core files"));
    if (limits.descriptors != 0) OD_TRY(limit(RLIMIT_NOFILE, limits.descriptors, "descriptors"));
    if (count_threads && limits.threads != 0)
        OD_TRY(limit(RLIMIT_NPROC, limits.threads, "threads"));
    if (address_space == 0) address_space = limits.address_space;
    if (address_space == 0 || kSanitized) return success();
    UniqueFd file(::open("/proc/self/statm", O_RDONLY | O_CLOEXEC));
    char text[64] = {};
    if (!file || ::read(file.get(), text, sizeof text - 1) <= 0)
        return Error::system("cannot read /proc/self/statm");
    const uint64_t pages = ::strtoull(text, nullptr, 10);
    return limit(RLIMIT_AS, pages * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE)) + address_space,
                 "address space");
}

Result<UniqueFd> install_listening(const Program& program) {
    UniqueFd listener(static_cast<int>(install(program, SECCOMP_FILTER_FLAG_NEW_LISTENER)));
    if (!listener) return Error::system("cannot install the seccomp filter");
    return listener;
}

Status install_silent(const Program& program) {
    const long result = install(program, SECCOMP_FILTER_FLAG_TSYNC);
    if (result < 0) return Error::system("cannot install the seccomp filter");
    if (result > 0) return Error{Errc::system, EBUSY, "a thread has a seccomp filter of its own"};
    return success();
}

}  // namespace opendext::prepared
