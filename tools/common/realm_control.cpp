// SPDX-License-Identifier: Apache-2.0
#include "tools/common/realm_control.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <fstream>
#include <string>
#include <thread>

#include "rpc/fd.h"
#include "tools/common/daemon_client.h"

extern char** environ;

namespace opendext::tools {
namespace {

using Clock = std::chrono::steady_clock;

/// How long a realm that somebody else is just bringing up (or whose opendextd is being restarted)
/// may take.
constexpr std::chrono::seconds kOtherStarter{15};

bool wait_until_up(const Realm& realm, Clock::time_point deadline) {
    for (;;) {
        if (realm_is_up(realm)) return true;
        if (Clock::now() >= deadline) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
}

struct KeeperRun {
    int status = 0;
    std::string words;  ///< what it wrote to standard error, one line
};

/// Runs the keeper until its foreground process ends; the realm goes on without it.
Result<KeeperRun> run_keeper(const Realm& realm) {
    const std::string program = installation_prefix() / "bin" / "opendext-keeper";
    if (::access(program.c_str(), X_OK) != 0) return Error::system("cannot run " + program);
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return Error::system("cannot create a pipe");
    const UniqueFd reader(ends[0]);
    UniqueFd writer(ends[1]);

    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    ::posix_spawn_file_actions_adddup2(&actions, writer.get(), STDERR_FILENO);
    const std::string directory = realm.root();
    std::array<char*, 4> arguments{const_cast<char*>(program.c_str()), const_cast<char*>("--realm"),
                                   const_cast<char*>(directory.c_str()), nullptr};
    pid_t pid = 0;
    const int failed =
        ::posix_spawn(&pid, program.c_str(), &actions, nullptr, arguments.data(), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    if (failed != 0) return Error::system("cannot run " + program, failed);
    writer.reset();

    KeeperRun run;
    while (::waitpid(pid, &run.status, 0) < 0) {
        if (errno != EINTR) return Error::system("cannot wait for opendext-keeper");
    }
    // The keeper proper may still hold the pipe: take what is there, do not wait for its end.
    ::fcntl(reader.get(), F_SETFL, O_NONBLOCK);
    std::array<char, 4096> text{};
    for (ssize_t count; (count = ::read(reader.get(), text.data(), text.size())) > 0;) {
        run.words.append(text.data(), static_cast<size_t>(count));
    }
    while (!run.words.empty() && run.words.back() == '\n') run.words.pop_back();
    return run;
}

/// Well-meant drivers are stopped within this time; then the keeper is told, which ends the others.
constexpr std::chrono::seconds kStopAnswer{10};

/// Errc::kern if opendextd refuses; any other error if it cannot be asked or does not answer.
Status ask_to_stop(const Realm& realm) {
    DaemonClient daemon = OD_TRY(DaemonClient::connect(realm, "opendext stop", kStopAnswer));
    const auto reply =
        daemon.request<protocol::client::Reply>(protocol::client::StopRealm{}, kStopAnswer);
    // opendextd may be gone before its answer is read: then it has done what was asked.
    if (reply.ok() || reply.error().code == Errc::peer_gone) return success();
    return reply.error();
}

/// Longer than the instances of an extension may take to end.
constexpr std::chrono::minutes kExtensionTimeout{5};

/// A request that is the same however often it is made.
template <typename Request>
Status ask_until_answered(const Realm& realm, const std::string& program, Request request) {
    while (request.request == 0) {
        if (::getrandom(&request.request, sizeof request.request, 0) < 0 && errno != EINTR)
            return Error::system("cannot get a random number");
    }
    return until_answered(realm, kExtensionTimeout, [&]() -> Status {
        DaemonClient daemon = OD_TRY(DaemonClient::connect(realm, program));
        OD_TRY(daemon.request<protocol::client::Reply>(request, kExtensionTimeout));
        return success();
    });
}

}  // namespace

Status install_extension(const Realm& realm, const std::string& program,
                         const std::string& bundle_path) {
    return ask_until_answered(realm, program, protocol::client::Install{bundle_path});
}

Status uninstall_extension(const Realm& realm, const std::string& program,
                           const std::string& bundle_id) {
    return ask_until_answered(realm, program, protocol::client::Uninstall{bundle_id});
}

bool comes_back(const Realm& realm, const Error& error) {
    const bool gone =
        error.code == Errc::peer_gone ||
        (error.code == Errc::system && (error.number == ECONNREFUSED || error.number == ENOENT));
    return gone && keeper_of(realm) != 0;
}

bool realm_is_up(const Realm& realm) {
    return Socket::connect(realm.socket()).ok();
}

pid_t keeper_of(const Realm& realm) {
    const UniqueFd file(::open(realm.keeper_pid().c_str(), O_RDONLY | O_CLOEXEC));
    if (!file) return 0;
    if (::flock(file.get(), LOCK_SH | LOCK_NB) == 0)
        return 0;  // nobody holds it; closing the file unlocks
    std::array<char, 32> text{};
    if (::pread(file.get(), text.data(), text.size() - 1, 0) <= 0) return 0;
    return static_cast<pid_t>(std::strtol(text.data(), nullptr, 10));
}

Status ensure_realm(const Realm& realm) {
    const Result<Socket> there = Socket::connect(realm.socket());
    if (there.ok()) return success();
    if (there.error().code == Errc::timed_out) return Error{there.error()};
    if (realm.is_system() && ::geteuid() != 0) {
        return Error{Errc::not_permitted, 0,
                     "the system realm is not up and only root can start it; use --realm DIR for "
                     "one of your own"};
    }
    if (keeper_of(realm) != 0 && wait_until_up(realm, Clock::now() + kOtherStarter))
        return success();
    const KeeperRun run = OD_TRY(run_keeper(realm));
    if (WIFEXITED(run.status) && WEXITSTATUS(run.status) == 0) {
        if (wait_until_up(realm, Clock::now() + std::chrono::seconds(5))) return success();
        return Error{
            Errc::not_ready, 0,
            "opendext-keeper is up but opendextd does not answer; see " + realm.log().string()};
    }
    // Another tool's keeper may have been quicker.
    if (keeper_of(realm) != 0 && wait_until_up(realm, Clock::now() + kOtherStarter))
        return success();
    std::string reason = run.words;
    if (reason.empty()) {
        reason =
            WIFSIGNALED(run.status)
                ? "opendext-keeper died of signal " + std::to_string(WTERMSIG(run.status))
                : "opendext-keeper failed with status " + std::to_string(WEXITSTATUS(run.status));
    }
    return Error{Errc::not_ready, 0,
                 "cannot start the realm in " + realm.root().string() + ": " + reason};
}

Status stop_realm(const Realm& realm, std::chrono::milliseconds timeout) {
    const auto deadline = Clock::now() + timeout;
    const pid_t keeper = keeper_of(realm);
    if (keeper == 0 && !realm_is_up(realm)) return success();
    // A pid could be reused as soon as the keeper is gone; the descriptor cannot.
    const UniqueFd process(keeper > 0 ? static_cast<int>(::syscall(SYS_pidfd_open, keeper, 0))
                                      : -1);
    const Status asked = ask_to_stop(realm);
    if (!asked.ok() && (asked.error().code == Errc::kern || !process.valid())) return asked.error();
    if (!asked.ok()) {
        // opendextd does not answer, or not in time: its keeper ends the realm on a signal, too.
        ::syscall(SYS_pidfd_send_signal, process.get(), SIGTERM, nullptr, 0);
    }
    while (keeper_of(realm) != 0 || realm_is_up(realm)) {
        if (Clock::now() >= deadline) {
            return Error{Errc::timed_out, 0,
                         "the realm in " + realm.root().string() +
                             " does not end; its keeper is process " +
                             std::to_string(keeper_of(realm))};
        }
        pollfd waiter{process.get(), POLLIN, 0};
        if (process.valid()) {
            ::poll(&waiter, 1, 100);
            if ((waiter.revents & POLLIN) != 0)
                std::this_thread::sleep_for(std::chrono::milliseconds(5));
        } else {
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
        }
    }
    return success();
}

}  // namespace opendext::tools
