// SPDX-License-Identifier: Apache-2.0
#include "tools/doctor/machine.h"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <functional>

#include "rpc/control_group.h"
#include "rpc/fd.h"
#include "rpc/realm.h"
#include "tools/common/realm_control.h"
#include "tools/doctor/device_access.h"
#include "tools/doctor/left_behind.h"

namespace opendext::doctor {
namespace {

/// Newer than the headers of Debian 12, or named differently there.
constexpr long kLandlockCreateRuleset = 444;
constexpr unsigned kLandlockVersion = 1;
constexpr long kPidfdOpen = 434;

/// 0 if it worked, else an errno.
using Attempt = std::function<int()>;

int in_child(const Attempt& attempt) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(attempt());
    int status = 0;
    if (child < 0) return errno;
    while (::waitpid(child, &status, 0) < 0) {
        if (errno != EINTR) return errno;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
}

std::string words(int error) {
    return error == 0 ? "works" : Error::system("", error).text().substr(2);
}

int open_node(const char* path, int flags) {
    const UniqueFd node(::open(path, flags | O_CLOEXEC | O_NONBLOCK));
    return node ? 0 : errno;
}

int try_sealed_memory() {
    const UniqueFd memory(
        static_cast<int>(::memfd_create("opendext-doctor", MFD_CLOEXEC | MFD_ALLOW_SEALING)));
    if (!memory || ::ftruncate(memory.get(), 4096) != 0) return errno;
    return ::fcntl(memory.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) == 0 ? 0 : errno;
}

int try_process_descriptor() {
    const UniqueFd process(static_cast<int>(::syscall(kPidfdOpen, ::getpid(), 0)));
    return process ? 0 : errno;
}

int try_seccomp_action(uint32_t action) {
    return ::syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0 ? 0 : errno;
}

int try_namespaces() {
    constexpr int kNamespaces = CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWPID | CLONE_NEWNS;
    if (in_child([] { return ::unshare(CLONE_NEWUSER | kNamespaces) == 0 ? 0 : errno; }) == 0)
        return 0;
    // With privilege they can be had without one for users.
    return in_child([] { return ::unshare(kNamespaces) == 0 ? 0 : errno; });
}

/// /proc/sys/… as a number, -1 if there is no such setting.
int setting(const char* path) {
    const UniqueFd file(::open(path, O_RDONLY | O_CLOEXEC));
    char text[16] = {};
    if (!file || ::read(file.get(), text, sizeof text - 1) <= 0) return -1;
    return std::atoi(text);
}

std::string namespace_fix() {
    if (setting("/proc/sys/kernel/unprivileged_userns_clone") == 0)
        return "sysctl -w kernel.unprivileged_userns_clone=1";
    if (setting("/proc/sys/user/max_user_namespaces") == 0)
        return "sysctl -w user.max_user_namespaces=15000";
    if (setting("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == 1)
        return "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0, or an AppArmor profile "
               "for opendext-driver that allows userns";
    return "in a container: allow user namespaces (docker run --security-opt seccomp=unconfined, "
           "or a profile with unshare and clone); in a chroot they cannot be had";
}

std::string node_fix(const char* path, int error, const char* module) {
    if (error == ENOENT || error == ENODEV || error == ENXIO) {
        return std::string("modprobe ") + module +
               "; in a container also pass the node: --device " + path;
    }
    return std::string("run the realm as root, or give this user the node: setfacl -m u:") +
           std::to_string(::getuid()) + ":rw " + path + " (a udev rule makes it last)";
}

Feature make(const char* name, Need need, int error, std::string cost, std::string fix) {
    Feature feature{name, need, error == 0, words(error), "", ""};
    if (error != 0) {
        feature.cost = std::move(cost);
        feature.fix = std::move(fix);
    }
    return feature;
}

Feature node(const char* name, const char* path, const char* module, std::string cost) {
    const int error = open_node(path, O_RDWR);
    Feature feature =
        make(name, Need::reach, error, std::move(cost), node_fix(path, error, module));
    feature.found = std::string(path) + ": " + feature.found;
    return feature;
}

Feature landlock() {
    const long version = ::syscall(kLandlockCreateRuleset, nullptr, 0, kLandlockVersion);
    Feature feature =
        make("Landlock", Need::isolation, version > 0 ? 0 : errno,
             "files are kept from drivers by the list of calls and a mount namespace alone",
             "a kernel from 5.13 on with landlock in the boot parameter lsm=");
    if (version > 0) feature.found = "version " + std::to_string(version);
    return feature;
}

/// Of this process; the keeper's may be another one, and rlimits hold everywhere.
Feature control_groups() {
    const Result<ControlGroup> group = find_control_group();
    Feature feature{"control groups", Need::isolation, group.ok(), {}, {}, {}};
    if (group.ok()) {
        feature.found = group->folder.string() + ":";
        for (const std::string& controller : group->controllers) feature.found += " " + controller;
        return feature;
    }
    feature.found = group.error().text();
    feature.cost =
        "memory and processor time of a driver have no limit, threads only for ordinary users; "
        "descriptors and address space have";
    feature.fix =
        "run the realm in a unit to which systemd delegates its group: systemd-run --user -p "
        "Delegate=yes opendext-keeper --foreground; or name a cgroup v2 folder that is left to "
        "OpenDext in realm.conf: sandbox.cgroup = /sys/fs/cgroup/opendext";
    return feature;
}

/// Drivers have user namespaces that belong to the realm's user: whoever owns one may trace what is
/// in it, whatever Yama says, unless it says that nobody may.
Feature tracing(bool namespaces) {
    constexpr const char* kScope = "/proc/sys/kernel/yama/ptrace_scope";
    constexpr int kNobody = 3;
    const int scope = setting(kScope);
    const bool allowed = scope <= 0 || (scope < kNobody && (namespaces || ::geteuid() == 0));
    Feature feature =
        make("tracing", Need::reach, allowed ? 0 : EPERM,
             "reports of crashed and hung drivers have no stacks, and opendext debug cannot attach",
             scope >= kNobody
                 ? std::string("start the machine with a lower ") + kScope +
                       ", which cannot be lowered while it runs"
                 : std::string("sysctl -w kernel.yama.ptrace_scope=0; or ") + namespace_fix());
    if (scope > 0) feature.found = std::string(kScope) + " is " + std::to_string(scope);
    return feature;
}

Feature runtime_folder() {
    const Realm realm = Realm::user();
    std::filesystem::path folder = realm.root();
    while (!std::filesystem::exists(folder) && folder.has_parent_path() &&
           folder != folder.parent_path())
        folder = folder.parent_path();
    const int error = ::access(folder.c_str(), W_OK | X_OK) == 0 ? 0 : errno;
    Feature feature = make("place for a user's realm", Need::essential, error,
                           "no realm can be started without --realm",
                           "set XDG_RUNTIME_DIR to a folder of yours, or give --realm DIR");
    feature.found = realm.root().string() + ": " + feature.found;
    return feature;
}

}  // namespace

std::string_view to_string(Need need) {
    switch (need) {
        case Need::essential:
            return "essential";
        case Need::isolation:
            return "isolation";
        case Need::reach:
            return "reach";
    }
    return "unknown";
}

Feature realm_space(const std::filesystem::path& realm) {
    constexpr uintmax_t kLeast = 1024 * 1024;
    std::error_code error;
    const std::filesystem::space_info space = std::filesystem::space(realm, error);
    Feature feature{
        "room in the realm", Need::essential, error || space.available >= kLeast, {}, {}, {}};
    feature.found =
        error ? words(error.value())
              : std::to_string(space.available / 1024) + " KiB are free in " + realm.string();
    if (!feature.present) {
        feature.cost =
            "nothing can be installed, and crash reports, the log and what opendextd "
            "would need after a crash are not written";
        feature.fix = "make room in the file system of " + realm.string() +
                      ", or have the realm elsewhere: --realm DIR";
    }
    return feature;
}

std::vector<Feature> examine_machine() {
    std::vector<Feature> features;
    features.push_back(runtime_folder());
    features.push_back(make("sealed shared memory", Need::essential, try_sealed_memory(),
                            "drivers and programs cannot share memory",
                            "a kernel with memfd_create (CONFIG_MEMFD_CREATE); in a container a "
                            "seccomp profile that allows it"));
    features.push_back(make("process descriptors", Need::essential, try_process_descriptor(),
                            "the ends of drivers cannot be watched",
                            "a kernel from 5.3 on, or a seccomp profile that allows pidfd_open"));
    features.push_back(make("pseudo terminals", Need::essential,
                            open_node("/dev/ptmx", O_RDWR | O_NOCTTY), "serial drivers get no node",
                            "mount -t devpts devpts /dev/pts, and a link /dev/ptmx -> pts/ptmx"));
    features.push_back(
        make("seccomp filters", Need::isolation, try_seccomp_action(SECCOMP_RET_ERRNO),
             "no list of calls can be set for drivers", "a kernel with CONFIG_SECCOMP_FILTER"));
    features.push_back(make("seccomp reports", Need::isolation,
                            try_seccomp_action(SECCOMP_RET_USER_NOTIF),
                            "what a driver is refused is not in the log",
                            "a kernel from 5.0 on; inside another supervisor that uses seccomp "
                            "notification itself it cannot be had"));
    const int namespaces = try_namespaces();
    features.push_back(make("namespaces", Need::isolation, namespaces,
                            "network and other processes are kept from drivers by the list of "
                            "calls alone",
                            namespace_fix()));
    features.push_back(landlock());
    features.push_back(control_groups());
    features.push_back(tracing(namespaces == 0));
    features.push_back(node("network devices", "/dev/net/tun", "tun",
                            "network drivers get an interface only in a namespace of their own"));
    features.push_back(node("input devices", "/dev/uhid", "uhid",
                            "devices of HID drivers are not seen by the kernel"));
    features.push_back(node("character devices", "/dev/cuse", "cuse",
                            "serial ports are pseudo terminals, without modem lines"));
    features.push_back(node("PCI devices", "/dev/vfio/vfio", "vfio-pci",
                            "real PCI devices cannot be given to drivers"));
    for (Feature& feature :
         examine_device_access(installation_prefix() / "share/opendext/device-access"))
        features.push_back(std::move(feature));
    for (Feature& feature :
         examine_left_behind(installation_prefix() / "share/opendext/left-behind",
                             tools::keeper_of(Realm::system()) != 0))
        features.push_back(std::move(feature));
    return features;
}

std::string to_text(const std::vector<Feature>& features, bool all) {
    std::string text;
    for (const Feature& feature : features) {
        if (feature.present && !all) continue;
        text += std::string("  ") + (feature.present ? "ok       " : "missing  ") + feature.name +
                " (" + std::string(to_string(feature.need)) + "): " + feature.found + "\n";
        if (feature.present) continue;
        text += "           costs: " + feature.cost + "\n           fix: " + feature.fix + "\n";
    }
    return text;
}

Value to_value(const std::vector<Feature>& features) {
    Array list;
    for (const Feature& feature : features) {
        list.push_back(Dictionary{{"name", feature.name},
                                  {"need", std::string(to_string(feature.need))},
                                  {"present", feature.present},
                                  {"found", feature.found},
                                  {"cost", feature.cost},
                                  {"fix", feature.fix}});
    }
    return list;
}

}  // namespace opendext::doctor
