// SPDX-License-Identifier: Apache-2.0
#include "keeper/drivers.h"

#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "keeper/group_limits.h"
#include "keeper/report.h"
#include "rpc/fields.h"
#include "rpc/realm.h"

namespace opendext::keeper {
namespace {

namespace wire = protocol::keeper;
using std::chrono::steady_clock;

constexpr int kLinkFd = 3;
constexpr size_t kTitleRoom = 2048;
constexpr std::chrono::seconds kRestartPause{1};
constexpr int kMostInFlight = 16;
constexpr std::chrono::milliseconds kTidyAfter{5};
constexpr std::chrono::seconds kLastWait{2};
constexpr size_t kEndsRemembered = 4096;

/// A driver sees nothing of the user's environment; what concerns the programs themselves is passed
/// on.
std::vector<std::string> small_environment() {
    std::vector<std::string> result{"PATH=/usr/bin:/bin"};
    for (const char* name :
         {"OPENDEXT_PREFIX", "LD_LIBRARY_PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS",
          "OPENDEXT_SANITIZER_REPORTS", "GLIBC_TUNABLES", "OPENDEXT_BOOT_ARGS"}) {
        if (const char* value = std::getenv(name))
            result.push_back(std::string(name) + "=" + value);
    }
    return result;
}

/// The only folder that a process may read: no trailing slash, no "..", and not the whole machine.
Result<std::string> folder_of_bundle(const std::string& path) {
    std::filesystem::path bundle = std::filesystem::path(path).lexically_normal();
    if (!bundle.has_filename()) bundle = bundle.parent_path();
    if (!bundle.is_absolute() || !bundle.has_relative_path())
        return Error{Errc::invalid, 0, "\"" + path + "\" is no absolute path of a bundle"};
    return bundle.string();
}

}  // namespace

Drivers::Drivers(EventLoop& loop, Options options, std::function<void(Message)> event)
    : loop_(loop), options_(std::move(options)), event_(std::move(event)) {}

Status Drivers::start() {
    auto ends = OD_TRY(Socket::pair());
    std::vector<std::string> arguments{"--link", std::to_string(kLinkFd)};
    if (!options_.runtime.empty())
        arguments.insert(arguments.end(), {"--runtime", options_.runtime});
    arguments.insert(arguments.end(), {"--settings", options_.settings});
    arguments.insert(arguments.end(), options_.prepared.begin(), options_.prepared.end());
    arguments.emplace_back(kTitleRoom, ' ');
    add_prepared(OD_TRY(
        start_program(installation_prefix() / "libexec" / "opendext" / "opendext-driver", arguments,
                      small_environment(), ends.second.fd(), kLinkFd, Privilege::keep)));
    started_ = steady_clock::now();
    link_ = std::move(ends.first);
    answers_ = loop_.readable(link_.fd(), [this] { on_answer(); });
    send_waiting();
    return success();
}

void Drivers::add_prepared(Child child) {
    const pid_t pid = child.pid;
    Process& prepared = prepared_[pid];
    prepared.child = std::move(child);
    prepared.end = loop_.ended(prepared.child.pidfd.get(),
                               [this, pid](int status) { on_prepared_end(pid, status); });
    if (shutting_down_) static_cast<void>(prepared.child.signal(SIGKILL));
}

void Drivers::spawn(wire::Spawn request, std::vector<UniqueFd> control, Done done) {
    if (!request.bundle_path.empty()) {
        Result<std::string> bundle = folder_of_bundle(request.bundle_path);
        if (!bundle.ok()) return done(std::move(bundle).error());
        request.bundle_path = std::move(bundle).value();
    }
    auto ends = Socket::pair();
    if (!ends.ok()) return done(std::move(ends).error());
    const uint64_t serial = next_serial_++;
    Request& entry = requests_[serial];
    entry.bundle_id = request.bundle_id;
    entry.bundle_path = request.bundle_path;
    entry.message = encode(std::move(request), serial);
    entry.message.fds.push_back(std::move(control.front()));
    if (control.size() > 1) entry.control = std::move(control[1]);
    entry.message.fds.push_back(ends->second.take_fd());
    entry.report = std::move(ends->first);
    entry.done = std::move(done);
    send_waiting();
}

/// Few at a time: with the queues of both ends full, each side would wait for the other.
void Drivers::send_waiting() {
    if (!link_.valid()) return;
    auto in_flight =
        std::ranges::count_if(requests_, [](const auto& entry) { return entry.second.sent; });
    for (auto& [serial, request] : requests_) {
        if (request.sent) continue;
        if (in_flight++ >= kMostInFlight) return;
        // If it fails the prepared process has ended; on_prepared_end answers.
        request.sent = true;
        static_cast<void>(link_.send(request.message));
        request.message = {};
    }
}

/// False if there is none.
bool Drivers::on_answer() {
    Result<std::optional<Message>> received = link_.receive(Socket::Wait::dont_block);
    if (!received.ok()) {
        answers_ = {};  // its end is reported by the child's status
        // Who sends what is no message cannot be asked anything any more: another one takes over.
        for (const auto& [pid, prepared] : prepared_)
            static_cast<void>(prepared.child.signal(SIGKILL));
    }
    if (!received.ok() || !received.value()) return false;
    answered(**received);
    return true;
}

void Drivers::answered(Message& message) {
    auto spawned = decode<wire::Spawned>(message);
    if (message.serial == 0) {  // a successor, or the init of all drivers' namespace
        if (!spawned.ok() || message.fds.size() != 1) return;
        if (spawned->pid == 0) {
            const uint64_t before = std::exchange(shared_init_, next_serial_++);
            adopt_init(shared_init_, std::move(message.fds[0]));
            end_unused_init(before);
            return;
        }
        Result<Child> successor = child_of(std::move(message.fds[0]));
        if (successor.ok()) add_prepared(std::move(successor).value());
        return;
    }
    if (message.fds.size() > (spawned.ok() ? 1 : 0)) {
        adopt_init(message.serial, std::move(message.fds.back()));
        message.fds.pop_back();
    }
    auto node = requests_.extract(message.serial);
    if (node.empty()) return;
    Request request = std::move(node.mapped());
    const Done done = std::move(request.done);
    send_waiting();
    const auto fail = [&](const Error& error) {
        end_init(message.serial);  // all that is there of a fork that failed half way
        done(error);
    };
    if (!spawned.ok() || message.fds.size() != 1) {
        const auto refused = decode<wire::Reply>(message);
        return fail(
            {Errc::system, ECHILD, refused.ok() ? refused->reason : "the prepared process failed"});
    }
    Result<UniqueFd> copy = message.fds[0].duplicate();
    if (!copy.ok()) return fail(copy.error());
    Result<Child> child = child_of(std::move(message.fds[0]));
    if (!child.ok()) return fail(child.error());
    spawned->pid = child->pid;
    if (const std::string* group = find_string(spawned->rights, wire::kControlGroup))
        request.control_group = *group;
    adopt(std::move(request), message.serial, std::move(child).value());
    Message answer = encode(std::move(spawned).value());
    answer.fds.push_back(std::move(copy).value());
    done(std::move(answer));
}

void Drivers::adopt(Request request, uint64_t serial, Child child) {
    const pid_t pid = child.pid;
    Driver& driver = drivers_[pid];
    driver.child = std::move(child);
    driver.bundle_id = std::move(request.bundle_id);
    driver.bundle_path = std::move(request.bundle_path);
    driver.shared_init = shared_init_;
    driver.control = std::move(request.control);
    driver.control_group = std::move(request.control_group);
    driver.report = std::move(request.report);
    driver.reports = loop_.readable(driver.report.fd(), [this, pid] { on_report(pid); });
    driver.reports.go_first();  // the second step is closed before a call that comes after it
    driver.end = loop_.ended(driver.child.pidfd.get(), [this, pid, serial](int status) {
        on_report(pid);  // a last word of why the sandbox could not be closed
        tell_end(drivers_[pid], status);
        if (const std::string& group = drivers_[pid].control_group; !group.empty())
            ::rmdir(group.c_str());
        const uint64_t shared_init = drivers_[pid].shared_init;
        drivers_.erase(pid);
        end_init(serial);
        if (shared_init != shared_init_) end_unused_init(shared_init);
        check_over();
    });
    if (shutting_down_) static_cast<void>(driver.child.signal(SIGKILL));
}

/// Once for each process.
void Drivers::tell_end(Driver& driver, int wait_status) {
    if (std::exchange(driver.end_told, true)) return;
    const pid_t pid = driver.child.pid;
    if (!driver.control_group.empty()) {
        if (auto hit = limits_hit(driver.control_group); !hit.empty())
            event_(encode(wire::LimitsHit{pid, std::move(hit)}));
    }
    ended_.push_back({pid, wait_status});
    if (ended_.size() > kEndsRemembered) ended_.pop_front();
    event_(encode(wire::Exited{pid, wait_status}));
}

/// Until a process that died can be reaped, the kernel takes its memory apart, which takes several
/// 100 us; its successor need not wait for that. How it ends is known by then, unless that is with
/// 0: then it may not be known, and nobody is in a hurry. It is reaped a moment later: until then
/// its successor, which others may wait for, has the processors.
void Drivers::on_last_thread_gone(pid_t pid) {
    Driver& driver = drivers_[pid];
    if (const int status = status_of_dying(driver.child); status != 0) {
        tell_end(driver, status);
        driver.end.enable(false);
        driver.tidied = loop_.after(kTidyAfter, [&driver] { driver.end.enable(true); });
    }
}

/// Process 1 of the process id namespace of the driver that was asked for with `serial`.
void Drivers::adopt_init(uint64_t serial, UniqueFd pidfd) {
    Result<Child> child = child_of(std::move(pidfd));
    if (!child.ok()) return;  // it has ended, or is no process at all
    Process& init = inits_[serial];
    init.child = std::move(child).value();
    init.end = loop_.ended(init.child.pidfd.get(), [this, serial](int) {
        inits_.erase(serial);
        check_over();
    });
    if (shutting_down_) check_over();
}

void Drivers::end_init(uint64_t serial) {
    const auto init = inits_.find(serial);
    if (init != inits_.end()) static_cast<void>(init->second.child.signal(SIGKILL));
}

/// The namespace of an earlier prepared process ends with the last of its drivers.
void Drivers::end_unused_init(uint64_t serial) {
    const bool used = std::ranges::any_of(
        drivers_, [serial](const auto& entry) { return entry.second.shared_init == serial; });
    if (!used) end_init(serial);
}

void Drivers::on_report(pid_t pid) {
    Driver& driver = drivers_[pid];
    if (!driver.reports) return;
    Result<std::optional<Message>> received = driver.report.receive(Socket::Wait::dont_block);
    if (received.ok() && !received.value()) return;
    const uint32_t kind = received.ok() ? received.value()->kind : 0;
    if (kind == static_cast<uint32_t>(report::Kind::listener) &&
        received.value()->fds.size() == 1 && !driver.gate) {
        driver.gate = std::make_unique<Gate>(
            loop_, std::move(received.value()->fds[0]), pid, driver.child.pidfd, driver.bundle_path,
            Gate::Hooks{[this](wire::Refused refused) { event_(encode(std::move(refused))); },
                        [this, pid] { on_last_thread_gone(pid); }});
        return;
    }
    if (kind == static_cast<uint32_t>(report::Kind::close_second_step) && driver.gate)
        driver.gate->close_second_step();
    if (const auto failed = received.ok() ? decode<report::Failed>(**received) : Error{};
        failed.ok()) {
        std::fprintf(stderr, "opendext-keeper: %s[%d]: cannot close the sandbox: %s\n",
                     driver.bundle_id.c_str(), pid, failed->reason.c_str());
    }
    driver.reports = {};
    driver.report.close();
}

Status Drivers::signal(const wire::Signal& request) {
    const auto driver = drivers_.find(request.pid);
    // One whose end was told has not been reaped yet, but is none any more.
    if (driver == drivers_.end() || driver->second.end_told) {
        return Error{
            Errc::not_found, 0,
            "process " + std::to_string(request.pid) + " is no driver process of this realm"};
    }
    if (request.number < 1 || request.number > SIGRTMAX) {
        return Error{Errc::invalid, 0, "there is no signal " + std::to_string(request.number)};
    }
    return driver->second.child.signal(request.number);
}

Status Drivers::furnish(wire::Furnish request) {
    const auto driver = drivers_.find(request.pid);
    if (driver == drivers_.end() || !driver->second.bundle_path.empty()) {
        return Error{Errc::not_found, 0,
                     "process " + std::to_string(request.pid) + " does not wait for a bundle"};
    }
    driver->second.bundle_path = OD_TRY(folder_of_bundle(request.bundle_path));
    driver->second.bundle_id = std::move(request.bundle_id);
    return success();
}

void Drivers::on_prepared_end(pid_t pid, int wait_status) {
    while (answers_ && on_answer()) {  // what it said last: who succeeds it
    }
    prepared_.erase(pid);
    if (shutting_down_) return check_over();
    if (wait_status == 0 && !prepared_.empty()) return;  // its successor is there
    std::fprintf(stderr,
                 "opendext-keeper: the prepared driver process ended with %s; starting it again\n",
                 describe_status(wait_status).c_str());
    // Nobody knows which requests it had taken: all begin anew with another one.
    for (auto& [other, prepared] : prepared_) {
        static_cast<void>(prepared.child.signal(SIGKILL));
        prepared.end = {};
        prepared.end = loop_.ended(prepared.child.pidfd.get(), [this, other](int) {
            prepared_.erase(other);
            check_over();
        });
    }
    answers_ = {};
    link_.close();
    std::vector<Done> lost;
    std::erase_if(requests_, [&](auto& entry) {
        if (entry.second.sent) lost.push_back(std::move(entry.second.done));
        return entry.second.sent;
    });
    const bool at_once = steady_clock::now() - started_ > kRestartPause;
    restart_after(at_once ? std::chrono::seconds(0) : kRestartPause);
    for (const Done& done : lost)
        done(Error{Errc::peer_gone, 0, "the prepared driver process died"});
}

void Drivers::restart_after(std::chrono::seconds pause) {
    restart_ = loop_.after(pause, [this] {
        restart_ = {};
        const Status started = start();
        if (started.ok()) return;
        std::fprintf(stderr, "opendext-keeper: %s\n", started.error().text().c_str());
        restart_after(kRestartPause);
    });
}

void Drivers::kill_all() {
    for (const auto& [pid, driver] : drivers_) static_cast<void>(driver.child.signal(SIGKILL));
}

Result<UniqueFd> Drivers::control(pid_t pid) const {
    const auto driver = drivers_.find(pid);
    if (driver == drivers_.end() || !driver->second.control) {
        return Error{Errc::not_found, 0,
                     "no control socket of process " + std::to_string(pid) + " is kept"};
    }
    return driver->second.control.duplicate();
}

void Drivers::close_controls() {
    for (auto& [pid, driver] : drivers_) driver.control.reset();
    for (auto& [serial, request] : requests_) request.control.reset();
}

wire::Inherited Drivers::state() const {
    wire::Inherited state;
    for (const auto& [pid, driver] : drivers_) {
        if (!driver.end_told) state.running.push_back(pid);
    }
    state.ended.assign(ended_.begin(), ended_.end());
    return state;
}

void Drivers::when_empty(std::function<void()> then) {
    empty_ = std::move(then);
    check_over();
}

void Drivers::shut_down(std::function<void()> done) {
    shutting_down_ = true;
    over_ = std::move(done);
    restart_ = {};
    // What was forked but not announced yet would never be reaped, and so hold up the end of its
    // namespace: the prepared processes end by themselves, having announced all.
    if (link_.valid()) ::shutdown(link_.fd(), SHUT_WR);
    restart_ = loop_.after(kLastWait, [this] {
        for (const auto& [pid, prepared] : prepared_)
            static_cast<void>(prepared.child.signal(SIGKILL));
        // Whatever is left then ends with the keeper.
        restart_ = loop_.after(kLastWait, [this] {
            if (over_) std::exchange(over_, nullptr)();
        });
    });
    kill_all();
    check_over();
}

void Drivers::check_over() {
    if (drivers_.empty() && empty_) std::exchange(empty_, nullptr)();
    if (shutting_down_ && prepared_.empty()) {
        for (const auto& [serial, init] : inits_) static_cast<void>(init.child.signal(SIGKILL));
    }
    if (shutting_down_ && prepared_.empty() && drivers_.empty() && inits_.empty() && over_)
        std::exchange(over_, nullptr)();
}

}  // namespace opendext::keeper
