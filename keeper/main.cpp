// SPDX-License-Identifier: Apache-2.0
// opendext-keeper: starts a realm and keeps it. See README.md.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "keeper/keeper.h"
#include "keeper/realm_lock.h"

namespace opendext::keeper {
namespace {

constexpr const char* kUsage =
    "usage: opendext-keeper [--realm DIR] [--foreground] [--require PART[,PART]]\n"
    "Starts the realm below DIR (else $OPENDEXT_REALM, the system's or the user's) and keeps it. "
    "Ends with status 0\n"
    "when the realm answers, also if another keeper has it already. --foreground stays until "
    "SIGINT or SIGTERM.\n"
    "--require (strict mode) refuses drivers where a part of the sandbox is missing: namespaces, "
    "users, landlock, mount,\n"
    "listener, cgroup. The realm's realm.conf can say that for good (sandbox.require).\n"
    "For tests: --daemon FILE, --runtime FILE, --without PART[,PART], --layout N, --start-deadline "
    "MS, "
    "--stop-deadline MS,\n"
    "--driver-deadline MS, --most-crashes N (of opendextd within a minute, then the realm ends; "
    "5),\n"
    "--longest-pause MS (before opendextd is started again; 1600).\n";

struct CommandLine {
    std::string realm, daemon, runtime;
    std::vector<std::string>
        prepared;  ///< --require, --without, --layout, for that process to read
    bool foreground = false;
    bool help = false;
    int start = 20000, stop = 10000, driver = 2000, pause = 1600;  ///< milliseconds
    int most_crashes = 5;
};

bool parse(int argc, char** argv, CommandLine& line) {
    for (int i = 1; i < argc; ++i) {
        const std::string_view option = argv[i];
        if (option == "--foreground") {
            line.foreground = true;
            continue;
        }
        if (option == "--help") {
            line.help = true;
            continue;
        }
        const char* value = i + 1 < argc ? argv[++i] : nullptr;
        if (value == nullptr) return false;
        if (option == "--realm")
            line.realm = value;
        else if (option == "--daemon")
            line.daemon = value;
        else if (option == "--runtime")
            line.runtime = value;
        else if (option == "--require" || option == "--without" || option == "--layout")
            line.prepared.insert(line.prepared.end(), {std::string(option), value});
        else if (option == "--start-deadline")
            line.start = std::atoi(value);
        else if (option == "--stop-deadline")
            line.stop = std::atoi(value);
        else if (option == "--driver-deadline")
            line.driver = std::atoi(value);
        else if (option == "--most-crashes")
            line.most_crashes = std::atoi(value);
        else if (option == "--longest-pause")
            line.pause = std::atoi(value);
        else
            return false;
    }
    return true;
}

int complain(const Error& error) {
    std::fprintf(stderr, "opendext-keeper: %s\n", error.text().c_str());
    return 1;
}

std::filesystem::path message_file(const Realm& realm) {
    return realm.log().parent_path() / "daemon.err";
}

/// Messages of the keeper, opendextd and the prepared process, while no terminal is there to take
/// them.
Status redirect_messages(const Realm& realm) {
    constexpr off_t kLargest = 1 << 20;
    const UniqueFd file(
        ::open(message_file(realm).c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
    const UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
    if (!file || !null) return Error::system("cannot open " + message_file(realm).string());
    if (::lseek(file.get(), 0, SEEK_END) > kLargest) static_cast<void>(::ftruncate(file.get(), 0));
    ::dup2(null.get(), 0);
    ::dup2(null.get(), 1);
    ::dup2(file.get(), 2);
    return success();
}

int keep(const CommandLine& line, const Realm& realm, const RealmLock& lock,
         std::function<void(const Status&)> came_up) {
    rlimit files{};  // descriptors are held for many drivers
    ::getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &files);
    sigset_t handled;
    sigemptyset(&handled);
    for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGCHLD}) sigaddset(&handled, number);
    ::sigprocmask(SIG_BLOCK, &handled, nullptr);
    ::signal(SIGPIPE, SIG_IGN);
    if (const Status owner = lock.set_owner(); !owner.ok()) return complain(owner.error());
    Options options{
        .realm = realm, .daemon = line.daemon, .runtime = line.runtime, .prepared = line.prepared};
    options.start = std::chrono::milliseconds(line.start);
    options.stop = std::chrono::milliseconds(line.stop);
    options.driver_exit = std::chrono::milliseconds(line.driver);
    options.most_crashes = static_cast<size_t>(std::max(0, line.most_crashes));
    options.longest_pause = std::chrono::milliseconds(line.pause);
    const int status = Keeper(std::move(options), std::move(came_up)).run();
    lock.remove();
    return status;
}

/// The process that the user started waits here: one byte says that the realm is up, a text why it
/// is not.
int wait_for(const UniqueFd& pipe, const Realm& realm) {
    std::string text;
    char buffer[512];
    for (;;) {
        const ssize_t size = ::read(pipe.get(), buffer, sizeof buffer);
        if (size < 0 && errno == EINTR) continue;
        if (size <= 0) break;
        text.append(buffer, static_cast<size_t>(size));
    }
    if (text == "+") return 0;
    if (text.empty()) text = "the keeper died";
    return complain(Error{Errc::not_ready, 0,
                          "the realm " + realm.root().string() + " did not come up: " + text +
                              " (messages are in " + message_file(realm).string() + ")"});
}

int detach(const CommandLine& line, const Realm& realm, const RealmLock& lock) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return complain(Error::system("cannot create a pipe"));
    UniqueFd from(ends[0]);
    UniqueFd to(ends[1]);
    const pid_t child = ::fork();
    if (child < 0) return complain(Error::system("cannot fork"));
    if (child > 0) {
        to.reset();
        return wait_for(from, realm);
    }
    from.reset();
    ::setsid();
    static_cast<void>(::chdir("/"));
    if (const Status redirected = redirect_messages(realm); !redirected.ok())
        return complain(redirected.error());
    return keep(line, realm, lock, [&to](const Status& status) {
        const std::string text = status.ok() ? "+" : status.error().text();
        static_cast<void>(::write(to.get(), text.data(), text.size()));
        to.reset();
    });
}

int run(int argc, char** argv) {
    CommandLine line;
    if (!parse(argc, argv, line)) {
        std::fputs(kUsage, stderr);
        return 64;
    }
    if (line.help) {
        std::fputs(kUsage, stdout);
        return 0;
    }
    const Realm realm = Realm::select(line.realm);
    if (const Status created = realm.create(); !created.ok()) return complain(created.error());
    Result<std::optional<RealmLock>> lock =
        RealmLock::acquire(realm, std::chrono::milliseconds(line.start));
    if (!lock.ok()) return complain(lock.error());
    if (!lock.value()) return 0;
    if (!line.foreground) return detach(line, realm, **lock);
    return keep(line, realm, **lock, nullptr);
}

}  // namespace
}  // namespace opendext::keeper

int main(int argc, char** argv) {
    return opendext::keeper::run(argc, argv);
}
