// SPDX-License-Identifier: Apache-2.0
#include "keeper/prepared/features.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>

#include "keeper/prepared/sandbox.h"

namespace opendext::prepared {
namespace {

constexpr int kShared = CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWPID;

Status write_file(const char* path, const std::string& text) {
    UniqueFd file(::open(path, O_WRONLY | O_CLOEXEC));
    if (!file ||
        ::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
        return Error::system(path);
    }
    return success();
}

/// A user namespace in which this user and group keep their numbers and nobody else exists.
Status enter_user_namespace(int more) {
    const std::string uid = std::to_string(::geteuid());
    const std::string gid = std::to_string(::getegid());
    if (::unshare(CLONE_NEWUSER | more) != 0) return Error::system("unshare");
    OD_TRY(write_file("/proc/self/setgroups", "deny"));
    OD_TRY(write_file("/proc/self/uid_map", uid + " " + uid + " 1"));
    OD_TRY(write_file("/proc/self/gid_map", gid + " " + gid + " 1"));
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

int try_listener() {
    const Result<Program> program = build_program(Refusal::ask_keeper, Step::loading);
    if (!program.ok()) return error_of(program.error());
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return errno;
    const Result<UniqueFd> listener = install_listening(program.value());
    // Whatever _exit needs is in the list; anything else would now wait for nobody.
    return listener.ok() ? 0 : error_of(listener.error());
}

std::string error_text(int number) {
    return Error::system("", number).text().substr(2);
}

}  // namespace

Features probe_features(const std::string& without) {
    const auto lacks = [&](const char* name) {
        return ("," + without + ",").find(std::string(",") + name + ",") != std::string::npos;
    };
    Features found;
    std::string& text = found.description;

    const int listener = lacks("listener") ? EBUSY : try_in_child(try_listener);
    if (listener == 0) {
        text = "seccomp list of calls, refusals reported";
    } else {
        found.refusal = Refusal::silent;
        text = "seccomp list of calls; refusals are NOT reported (no seccomp listener: " +
               error_text(listener) + ")";
    }

    found.landlock = lacks("landlock") ? 0 : landlock_version();
    int error = lacks("namespaces") ? EPERM : try_in_child([] {
        return error_of(enter_user_namespace(kShared | CLONE_NEWNS));
    });
    if (error == 0) {
        found.user_namespace = found.namespaces = true;
    } else if (!lacks("namespaces")) {
        // Without user namespaces a keeper with privilege can make the others directly.
        found.namespaces =
            try_in_child([] { return ::unshare(kShared | CLONE_NEWNS) == 0 ? 0 : errno; }) == 0;
    }
    found.mount_namespace = found.namespaces && found.landlock == 0 && !lacks("mount");

    if (found.landlock > 0) {
        text += "; files: Landlock " + std::to_string(found.landlock) + ", the bundle only";
    } else if (found.mount_namespace) {
        text += "; files: mount namespace, the bundle only";
    } else {
        text +=
            "; files: kept away by the list of calls alone (neither Landlock nor mount namespaces "
            "here: "
            "a kernel from 5.13 on, or unprivileged user namespaces, would close them off twice)";
    }
    if (found.namespaces) {
        text += std::string("; own ") + (found.user_namespace ? "user, " : "") +
                "network, ipc and process id namespaces";
    } else {
        text += "; NO namespaces (" + error_text(error) +
                "): network and processes are kept away by the list of calls alone";
    }
    text += "; no capabilities, no new privileges, no core files";
    return found;
}

Status enter_namespaces(const Features& features) {
    if (features.user_namespace) return enter_user_namespace(kShared);
    if (features.namespaces && ::unshare(kShared) != 0) return Error::system("unshare");
    return success();
}

}  // namespace opendext::prepared
