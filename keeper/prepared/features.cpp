// SPDX-License-Identifier: Apache-2.0
#include "keeper/prepared/features.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <functional>

#include "keeper/prepared/cgroup.h"
#include "keeper/prepared/sandbox.h"

namespace opendext::prepared {
namespace {

/// One for all drivers of a realm: an empty network costs as much time as all else together. The
/// process id namespace is the parent of the drivers' own ones.
constexpr int kShared = CLONE_NEWNET | CLONE_NEWPID;
constexpr int kOwn = CLONE_NEWIPC | CLONE_NEWPID;

Status write_file(const char* path, const std::string& text) {
    UniqueFd file(::open(path, O_WRONLY | O_CLOEXEC));
    if (!file ||
        ::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
        return Error::system(path);
    }
    return success();
}

/// A user namespace with nobody in it but this user and group, as root: so that the next program
/// that is started here keeps the capabilities for this namespace.
Status enter_user_namespace(uint64_t more) {
    const std::string uid = std::to_string(::geteuid());
    const std::string gid = std::to_string(::getegid());
    if (::unshare(static_cast<int>(CLONE_NEWUSER | more)) != 0) return Error::system("unshare");
    OD_TRY(write_file("/proc/self/setgroups", "deny"));
    OD_TRY(write_file("/proc/self/uid_map", "0 " + uid + " 1"));
    OD_TRY(write_file("/proc/self/gid_map", "0 " + gid + " 1"));
    return success();
}

/// Runs `attempt` in a child: 0 if it succeeded, else its errno.
int try_in_child(const std::function<int()>& attempt) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(attempt());
    int status = 0;
    if (child < 0 || ::waitpid(child, &status, 0) != child || !WIFEXITED(status)) return EAGAIN;
    return WEXITSTATUS(status);
}

int error_of(const Status& status) {
    if (status.ok()) return 0;
    return status.error().number != 0 ? static_cast<int>(status.error().number) : EINVAL;
}

int try_unshare(uint64_t flags) {
    return try_in_child([flags] { return ::unshare(static_cast<int>(flags)) == 0 ? 0 : errno; });
}

/// All namespaces as drivers have them, in user namespaces.
int try_namespaces() {
    return try_in_child([] {
        const int shared = error_of(enter_user_namespace(kShared));
        return shared != 0 ? shared : try_unshare(CLONE_NEWUSER | kOwn | CLONE_NEWNS);
    });
}

int try_listener() {
    const Result<Program> program =
        build_program(Refusal::ask_keeper, Step::loading, {runtime_calls()});
    if (!program.ok()) return error_of(program.error());
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return errno;
    const Result<UniqueFd> listener = install_listening(program.value());
    // Whatever _exit needs is in the list; anything else would now wait for nobody.
    return listener.ok() ? 0 : error_of(listener.error());
}

/// Whether the keeper may read what a refused call names out of the memory of a driver, as it may
/// of a child of this process: Yama's ptrace_scope may be against it.
int try_reading(bool own_user_namespace) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return errno;
    UniqueFd reading(ends[0]);
    UniqueFd writing(ends[1]);
    char word = 'w';
    const pid_t child = ::fork();
    if (child == 0) {
        if (own_user_namespace && ::unshare(CLONE_NEWUSER) != 0) ::_exit(1);
        reading.reset();
        static_cast<void>(::write(writing.get(), &word, 1));
        // Until the parent closes its end: it kills this process, or has been killed itself.
        pollfd parent{writing.get(), 0, 0};
        ::poll(&parent, 1, -1);
        ::_exit(0);
    }
    if (child < 0) return errno;
    writing.reset();
    char copy = 0;
    int error = EAGAIN;
    if (::read(reading.get(), &copy, 1) == 1) {
        const iovec local{&copy, 1};
        const iovec remote{&word, 1};
        error = ::process_vm_readv(child, &local, 1, &remote, 1, 0) == 1 ? 0 : errno;
    }
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    return error;
}

std::string error_text(int number) {
    return Error::system("", number).text().substr(2);
}

Array array(const std::vector<std::string>& strings) {
    return {strings.begin(), strings.end()};
}

std::vector<std::string> namespace_names(uint64_t flags) {
    std::vector<std::string> names;
    for (const auto& [flag, name] : {std::pair<uint64_t, const char*>{CLONE_NEWUSER, "user"},
                                     {CLONE_NEWPID, "pid"},
                                     {CLONE_NEWIPC, "ipc"},
                                     {CLONE_NEWNS, "mount"},
                                     {CLONE_NEWNET, "network"}}) {
        if ((flags & flag) != 0) names.emplace_back(name);
    }
    return names;
}

std::string joined(const std::vector<std::string>& names) {
    std::string text;
    for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
    return text;
}

/// Looks for one part after the other and writes down what is missing.
class Probe {
  public:
    Probe(Features& found, const std::vector<std::string>& without)
        : found_(found), without_(without) {}

    /// After namespaces().
    void listener() {
        const int error = absent("listener") ? EBUSY : try_in_child(try_listener);
        const int reading = error == 0 ? try_reading((found_.own & CLONE_NEWUSER) != 0) : 0;
        if (error == 0 && reading == 0) return;
        found_.refusal = Refusal::silent;
        if (error != 0) {
            miss("listener", error_text(error),
                 "refused calls are not in the log; a kernel from 5.0 on gives it, unless another "
                 "supervisor of this container uses seccomp notification itself");
        } else {
            miss("listener", "the memory of drivers cannot be read: " + error_text(reading),
                 "refused calls are not in the log; a lower "
                 "/proc/sys/kernel/yama/ptrace_scope gives it");
        }
    }
    void namespaces() {
        const int error = absent("namespaces") ? EPERM : try_namespaces();
        if (error == 0 && !absent("users")) {
            found_.shared = CLONE_NEWUSER | kShared;
            found_.own = CLONE_NEWUSER | kOwn;
            found_.counts_threads = ::geteuid() != 0;
            return;
        }
        // Without user namespaces a keeper with privilege can make the others directly.
        if (!absent("namespaces") && try_unshare(kShared | kOwn | CLONE_NEWNS) == 0) {
            found_.shared = kShared;
            found_.own = kOwn;
        } else {
            miss("namespaces", error_text(error),
                 "network and processes are kept away by the list of calls alone; opendext doctor "
                 "says how to allow user namespaces");
        }
        miss("users", error_text(error),
             "a driver process has the number of the user who runs the realm");
    }
    void files() {
        found_.landlock = absent("landlock") ? 0 : landlock_version();
        if (found_.landlock > 0) return;
        found_.mount_namespace = found_.own != 0 && !absent("mount");
        if (found_.mount_namespace) found_.own |= CLONE_NEWNS;
        miss("landlock", "the kernel has none",
             found_.mount_namespace
                 ? "files are closed off by a mount namespace, which takes longer to make; a "
                   "kernel from 5.13 on has Landlock"
                 : "files are kept away by the list of calls alone; a kernel from 5.13 on, or "
                   "unprivileged user namespaces, would close them off twice");
        if (!found_.mount_namespace)
            miss("mount", "there are no mount namespaces here", "see landlock");
    }
    void control_group(const std::string& folder) {
        const Result<ControlGroup> group =
            absent("cgroup") ? Error{Errc::unsupported, 0, "as if there were none"}
            : folder.empty() ? find_control_group()
                             : control_group_at(folder);
        const Status claimed = group.ok() ? claim_group(group.value()) : Status(group.error());
        if (claimed.ok()) {
            found_.cgroup = group->folder;
            found_.controllers = group->controllers;
            return;
        }
        miss("cgroup", claimed.error().text(),
             "memory and processor time of a driver have no limit, threads only for ordinary "
             "users; a unit with Delegate=yes, or sandbox.cgroup in realm.conf, gives it");
    }

  private:
    [[nodiscard]] bool absent(const char* item) const {
        return std::ranges::find(without_, item) != without_.end();
    }
    void miss(const char* item, const std::string& why, const char* price) {
        found_.missing.push_back({item, why, price});
    }
    Features& found_;
    const std::vector<std::string>& without_;
};

}  // namespace

Features probe_features(const std::vector<std::string>& without, const SandboxSettings& settings) {
    Features found;
    found.limits = settings.limits;
    found.layout = settings.layout;
    Probe probe(found, without);
    probe.namespaces();
    probe.listener();
    probe.files();
    probe.control_group(settings.cgroup);
    for (const std::string& item : settings.require) {
        const Missing* missing = found.lacks(item);
        if (missing == nullptr) continue;
        found.refused = "this realm asks for " + item +
                        " (sandbox.require) and this machine does not give it: " + missing->why +
                        "; without it " + missing->price;
        break;
    }
    return found;
}

const Missing* Features::lacks(const std::string& item) const {
    const auto found = std::ranges::find(missing, item, &Missing::item);
    return found == missing.end() ? nullptr : &*found;
}

std::string Features::description() const {
    std::string text;
    if (const Missing* reports = lacks("listener")) {
        text = "seccomp list of calls; refusals are NOT reported (no seccomp listener: " +
               reports->why + ")";
    } else {
        text = "seccomp list of calls, refusals reported";
    }
    if (landlock > 0) {
        text += "; files: Landlock " + std::to_string(landlock) + ", the bundle only";
    } else if (mount_namespace) {
        text += "; files: mount namespace, the bundle only";
    } else {
        text +=
            "; files: kept away by the list of calls alone (neither Landlock nor mount "
            "namespaces here: " +
            lacks("landlock")->price + ")";
    }
    if (const Missing* namespaces = lacks("namespaces")) {
        text += "; NO namespaces (" + namespaces->why + "): " + namespaces->price;
    } else {
        text += "; own namespaces: " + joined(namespace_names(own)) + "; shared and empty: network";
    }
    if (cgroup.empty()) {
        text += "; no control group (" + lacks("cgroup")->why + ")";
    } else {
        text += "; control group with " + joined(controllers);
    }
    return text + "; no capabilities, no new privileges, no core files";
}

Dictionary Features::rights(const std::string& bundle, const CallLists& calls) const {
    Array absent;
    for (const Missing& part : missing) {
        absent.push_back(Dictionary{{"item", part.item}, {"why", part.why}, {"price", part.price}});
    }
    Dictionary limited{{"descriptors", limits.descriptors}, {"core file", uint64_t{0}}};
    const auto limit = [&](const char* name, uint64_t value, bool holds) {
        if (holds && value != 0) limited.insert_or_assign(name, value);
    };
    const auto controls = [&](const char* name) {
        return std::ranges::find(controllers, name) != controllers.end();
    };
    limit("address space", limits.address_space, true);
    limit("memory", limits.memory, controls("memory"));
    limit("threads", limits.threads, controls("pids") || counts_threads);
    limit("cpu percent", limits.cpu_percent, controls("cpu"));
    return {{"namespaces", Dictionary{{"own", array(namespace_names(own))},
                                      {"shared", array(namespace_names(shared & ~own))}}},
            {"calls", Dictionary{{"lists", array(list_names(calls))},
                                 {"count", uint64_t{count_calls(calls)}},
                                 {"refusals", refusal == Refusal::silent ? "silent" : "reported"}}},
            {"files", Dictionary{{"by", landlock > 0      ? "landlock " + std::to_string(landlock)
                                        : mount_namespace ? "mount namespace"
                                                          : "list of calls"},
                                 {"read while loading", bundle.empty() ? Array{} : Array{bundle}},
                                 {"read afterwards", Array{}}}},
            {"limits", std::move(limited)},
            {"descriptors", Dictionary{{"control socket", 1}, {"null device", 3}}},
            {"capabilities", Array{}},
            {"missing", std::move(absent)}};
}

Status enter_namespaces(const Features& features) {
    if ((features.shared & CLONE_NEWUSER) != 0)
        return enter_user_namespace(features.shared & ~uint64_t{CLONE_NEWUSER});
    if (features.shared != 0 && ::unshare(static_cast<int>(features.shared)) != 0)
        return Error::system("unshare");
    return success();
}

}  // namespace opendext::prepared
