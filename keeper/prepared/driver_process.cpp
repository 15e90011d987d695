// SPDX-License-Identifier: Apache-2.0
#include "keeper/prepared/driver_process.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <string>

#include "keeper/prepared/sandbox.h"
#include "keeper/prepared/sanitized.h"
#include "keeper/report.h"
#include "rpc/fields.h"

namespace opendext::prepared {
namespace {

constexpr int kControlFd = 3;
constexpr int kReportFd = 4;
constexpr int kExitSandbox = 71;  // EX_OSERR
constexpr pid_t kDriverPid = 2;   // in a process id namespace of its own; 1 is its init

/// Moves the two sockets to fixed places, gives the rest away, and leaves /dev/null for standard
/// input and output, and for standard error unless there is a file for `reports`.
Status keep_only(Socket& control, Socket& report, UniqueFd reports) {
    UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
    if (!null) return Error::system("cannot open /dev/null");
    // Out of the way first: either may lie in the other's place.
    const int high_control = ::fcntl(control.fd(), F_DUPFD_CLOEXEC, 64);
    const int high_report = ::fcntl(report.fd(), F_DUPFD_CLOEXEC, 64);
    const int high_null = ::fcntl(null.get(), F_DUPFD_CLOEXEC, 64);
    const int high_reports = reports ? ::fcntl(reports.release(), F_DUPFD_CLOEXEC, 64) : high_null;
    static_cast<void>(control.take_fd().release());
    static_cast<void>(report.take_fd().release());
    static_cast<void>(null.release());
    for (int standard = 0; standard < 3; ++standard) {
        if (::dup2(standard == STDERR_FILENO ? high_reports : high_null, standard) < 0)
            return Error::system("cannot set up standard input and output");
    }
    if (::dup3(high_control, kControlFd, O_CLOEXEC) < 0 ||
        ::dup3(high_report, kReportFd, O_CLOEXEC) < 0) {
        return Error::system("cannot place the sockets");
    }
    control = Socket(UniqueFd(kControlFd));
    report = Socket(UniqueFd(kReportFd));
    if (::close_range(kReportFd + 1, ~0U, 0) != 0) return Error::system("cannot close descriptors");
    return success();
}

void reset_signals() {
    for (int number = 1; number < SIGRTMIN; ++number) ::signal(number, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

/// Ends this process when the keeper ends. `socket`: one whose other end only the keeper has. A
/// keeper that ended before the call sends no signal any more, but has closed its end by then.
/// (getppid() does not tell: it is 0 for a parent outside of our process id namespace, whoever that
/// is.)
Status end_with_keeper(const Socket& socket) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    pollfd state{socket.fd(), 0, 0};
    if (::poll(&state, 1, 0) < 0 || (state.revents & POLLHUP) != 0) {
        return Error{Errc::peer_gone, 0, "the keeper is gone"};
    }
    return success();
}

/// Step one: before any code of the dext is loaded.
Status close_first_step(const Blueprint& blueprint, Filters& filters,
                        const protocol::keeper::Spawn& spawn, Socket& control, Socket& report) {
    const Features& features = blueprint.features;
    OD_TRY(keep_only(control, report,
                     open_sanitizer_reports(blueprint.sanitizer_reports, spawn.bundle_id)));
    announce_sandbox();
    reset_signals();
    ::umask(077);
    if (::chdir("/") != 0) return Error::system("cannot enter /");
    ::setsid();
    OD_TRY(limit_resources(features.limits, features.counts_threads, spawn.memory_limit));
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return Error::system("cannot give up new privileges");
    if (features.mount_namespace && (features.own & CLONE_NEWUSER) != 0) OD_TRY(keep_user());
    if (features.mount_namespace) OD_TRY(mount_only(spawn.bundle_path));
    if (features.landlock > 0) OD_TRY(restrict_files(features.landlock, spawn.bundle_path));
    OD_TRY(drop_capabilities());
    OD_TRY(end_with_keeper(report));  // a change of credentials would undo it

    const pid_t self = ::getpid();
    if ((features.own & CLONE_NEWPID) == 0) {
        set_own_pid(filters.first, self);
        set_own_pid(filters.second, self);
    } else if (self != kDriverPid) {
        return Error{Errc::malformed, 0,
                     "a driver is process 2 of its namespace, not " + std::to_string(self)};
    }
    if (features.refusal == Refusal::silent) return install_silent(filters.first);
    Message message = encode(keeper::report::Listener{});
    message.fds.push_back(OD_TRY(install_listening(filters.first)));
    return report.send(message);
}

struct SecondStep {
    const Title* title;
    const Features* features;
    const Filters* filters;
    Socket* report;
};

/// Step two, called by the runtime when the dext is loaded. 0 or an errno value.
int close_second_step(void* context) {
    const auto* step = static_cast<SecondStep*>(context);
    const auto closed = [&]() -> Status {
        if (step->features->refusal == Refusal::silent) {
            return install_silent(step->filters->second);
        }
        return step->report->send(encode(keeper::report::CloseSecondStep{}));
    }();
    step->report->close();
    if (closed.ok()) return 0;
    return closed.error().code == Errc::system ? static_cast<int>(closed.error().number) : EPROTO;
}

void set_title(void* context, const char* title, const char* bundle_id) {
    static_cast<SecondStep*>(context)->title->set(title);
    if (*bundle_id != '\0') set_short_name(bundle_id);
}

}  // namespace

Result<Filters*> Blueprint::filters_for(const std::vector<std::string>& asked) {
    std::vector<std::string> key;
    CallLists lists{runtime_calls()};
    for (const Family& family : libraries.families) {
        if (!asked.empty() && std::ranges::find(asked, family.library) == asked.end()) continue;
        key.push_back(family.library);
        lists.push_back(family.calls);
    }
    const auto known = filters.find(key);
    if (known != filters.end()) return &known->second;
    Filters made{std::move(lists), {}, {}};
    made.first = OD_TRY(build_program(features.refusal, Step::loading, made.lists));
    if (features.refusal == Refusal::silent)
        made.second = OD_TRY(build_program(Refusal::silent, Step::closed, made.lists));
    // Known before there is a driver, so none gets pages of its own for that.
    if ((features.own & CLONE_NEWPID) != 0) {
        set_own_pid(made.first, kDriverPid);
        set_own_pid(made.second, kDriverPid);
    }
    return &filters.emplace(std::move(key), std::move(made)).first->second;
}

void become_driver(const Blueprint& blueprint, Filters& filters,
                   const protocol::keeper::Spawn& spawn, Socket control, Socket report) {
    blueprint.title.set(spawn.title.empty() ? spawn.bundle_path + " " + spawn.bundle_id
                                            : spawn.title);
    set_short_name(spawn.bundle_id);
    const Features& features = blueprint.features;
    const Status closed = close_first_step(blueprint, filters, spawn, control, report);
    if (!closed.ok()) {
        static_cast<void>(report.send(encode(keeper::report::Failed{closed.error().text()})));
        ::_exit(kExitSandbox);
    }
    SecondStep second{&blueprint.title, &features, &filters, &report};
    const opendext_driver_start start{
        .size = sizeof(opendext_driver_start),
        .control_fd = control.take_fd().release(),
        .token = spawn.token,
        .bundle_path = spawn.bundle_path.c_str(),
        .bundle_id = spawn.bundle_id.c_str(),
        .sandbox = blueprint.description.c_str(),
        .close_second_step = close_second_step,
        .context = &second,
        .boot_arguments = blueprint.boot_arguments.c_str(),
        .set_title = set_title,
    };
    ::_exit(blueprint.libraries.entry(&start));
}

}  // namespace opendext::prepared
