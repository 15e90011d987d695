// SPDX-License-Identifier: Apache-2.0
#include "apps/serial-over-tcp/cli/agent_control.h"

#include <fcntl.h>
#include <opendext/client.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <thread>

extern char** environ;

namespace opendext::serial_tcp::cli {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kAgentDeadline{10'000};
constexpr std::chrono::seconds kAnswer{30};
/// Which descriptor of agent and guard tells the starter that requests are taken.
constexpr int kReady = 3;
/// How soon a killed agent is started again, at first; a command that needs one does not wait.
constexpr milliseconds kFirstPause{500};
constexpr milliseconds kLastPause{30'000};
/// An agent that lived so long was well.
constexpr std::chrono::seconds kLasting{60};

/// Starts this program with another role. `ready`: becomes descriptor 3 of it; -1: nobody waits.
Result<pid_t> start_role(const Realm& realm, const char* role, int ready) {
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDWR, 0);
    posix_spawn_file_actions_adddup2(&actions, 0, 1);
    if (ready >= 0) {
        posix_spawn_file_actions_adddup2(&actions, ready, kReady);
    } else {
        posix_spawn_file_actions_addopen(&actions, kReady, "/dev/null", O_WRONLY, 0);
    }
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
    const std::string root = realm.root().string();
    const std::string self = (installation_prefix() / "libexec/opendext/opendext-serial").string();
    const char* arguments[] = {self.c_str(), "--realm", root.c_str(), role, nullptr};
    pid_t pid = 0;
    const int failed = ::posix_spawn(&pid, self.c_str(), &actions, &attributes,
                                     const_cast<char* const*>(arguments), environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    if (failed != 0) return Error::system("starting " + self, failed);
    return pid;
}

/// Starts the realm's agent with its guard, detached, and waits until it takes requests.
Status start_agent(const Realm& realm) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return Error::system("pipe");
    const UniqueFd ready(ends[0]);
    UniqueFd theirs(ends[1]);
    (void)OD_TRY(start_role(realm, "guard", theirs.get()));
    theirs.reset();
    pollfd wait{ready.get(), POLLIN, 0};
    if (::poll(&wait, 1, static_cast<int>(kAgentDeadline.count())) == 0)
        return Error{Errc::timed_out, 0, "the agent of the serial ports did not start"};
    return success();
}

/// No words of a program that nobody looks at go to a terminal, and who reads what the command says
/// through a pipe sees its end when the command ends.
void leave_terminal() {
    struct stat about{};
    const bool pipe = ::fstat(STDERR_FILENO, &about) == 0 && S_ISFIFO(about.st_mode);
    if (::isatty(STDERR_FILENO) == 0 && !pipe) return;
    const UniqueFd null(::open("/dev/null", O_WRONLY | O_CLOEXEC));
    ::dup2(null.get(), STDERR_FILENO);
}

/// Starts the agent, and again if it was killed.
int guard(const Realm& realm, int ready) {
    (void)::chdir("/");
    leave_terminal();
    for (milliseconds pause = kFirstPause;; pause = std::min(pause * 2, kLastPause)) {
        const auto began = std::chrono::steady_clock::now();
        const auto agent = start_role(realm, "agent", ready);
        if (ready >= 0) ::close(std::exchange(ready, -1));
        if (!agent.ok()) return 1;
        int status = 0;
        while (::waitpid(*agent, &status, 0) < 0) {
            if (errno != EINTR) return 1;
        }
        if (WIFEXITED(status)) return WEXITSTATUS(status);  // it ended as it meant to
        if (std::chrono::steady_clock::now() - began >= kLasting) pause = kFirstPause;
        std::this_thread::sleep_for(pause);
        if (agent_runs(realm)) return 0;  // a command has started one, with a guard of its own
    }
}

}  // namespace

Result<Message> exchange(const Realm& realm, const Message& request, bool start) {
    for (int attempt = 0;; ++attempt) {
        auto socket = Socket::connect(agent_socket(realm));
        if (!socket.ok()) {
            // An agent that just ends still has its lock: the next attempt finds it gone.
            if (!start || attempt == 5)
                return Error{Errc::not_found, 0, "no agent of the serial ports runs"};
            OD_TRY(start_agent(realm));
            continue;
        }
        OD_TRY(socket->send(request));
        auto answer = socket->receive_within(kAnswer);
        if (!answer.ok() && answer.error().code == Errc::peer_gone && start && attempt < 5)
            continue;
        if (!answer.ok()) return std::move(answer).error().in("agent of the serial ports");
        return answer;
    }
}

int agent_main(const Realm& realm) {
    ::signal(SIGPIPE, SIG_IGN);
    (void)::chdir("/");
    rlimit files{};  // each port has a dozen descriptors
    ::getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &files);
    UniqueFd starter(kReady);
    ::fcntl(kReady, F_SETFD, FD_CLOEXEC);
    if (opendext_set_realm(realm.root().c_str()) != KERN_SUCCESS) return 1;
    Agent agent(realm);
    const Status ended = agent.run([&] {
        (void)!::write(starter.get(), "r", 1);
        starter.reset();
    });
    return ended.ok() ? 0 : 1;
}

int guard_main(const Realm& realm) {
    return guard(realm, kReady);
}

int at_start_main(const Realm& realm) {
    return guard(realm, -1);
}

}  // namespace opendext::serial_tcp::cli
