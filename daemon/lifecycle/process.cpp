// SPDX-License-Identifier: Apache-2.0
#include "daemon/lifecycle/process.h"

#include <sys/random.h>
#include <sys/wait.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <iterator>
#include <utility>

#include "daemon/io_return.h"
#include "rpc/probe.h"
#include "rpc/protocol/exit_status.h"

namespace opendext::daemon {

namespace driver = protocol::driver;

namespace {

/// What a process registers at most; more is an attack on our memory.
constexpr size_t kMaxClasses = 4096;
/// The last words of a dead process that are still read.
constexpr size_t kLastMessages = 4096;
/// A program that had every object of a process open may die: all are told of their end at once, in
/// a few messages each.
constexpr size_t kWaitingMessages = 16384;
constexpr int kMaxChain = 64;

uint64_t random_token() {
    uint64_t token = 0;
    // Not reached in practice: getrandom blocks only before the kernel is seeded.
    if (::getrandom(&token, sizeof token, 0) != sizeof token)
        token ^= static_cast<uint64_t>(::random());
    return token;
}

}  // namespace

std::string_view to_string(ProcessState state) {
    switch (state) {
        case ProcessState::spawning:
            return "spawning";
        case ProcessState::checking_in:
            return "checking in";
        case ProcessState::bare:
            return "bare";
        case ProcessState::loading:
            return "loading";
        case ProcessState::ready:
            return "ready";
        case ProcessState::exiting:
            return "exiting";
        case ProcessState::hung_up:
            return "hung up";
        case ProcessState::dying:
            return "dying";
        case ProcessState::gone:
            return "gone";
    }
    return "unknown";
}

std::string ExitReport::text() const {
    std::string text;
    if (!wait_status) {
        text = "ended without a status";
    } else if (WIFSIGNALED(*wait_status)) {
        const int number = WTERMSIG(*wait_status);
        const char* name = ::strsignal(number);
        text = "signal " + std::to_string(number) + " (" + (name == nullptr ? "?" : name) + ")";
    } else {
        const int status = WEXITSTATUS(*wait_status);
        text = "exit status " + std::to_string(status);
        if (status == driver::kExitHungUp) text += " (its control socket was closed)";
    }
    if (!killed_for.empty()) text += ", killed by opendextd: " + killed_for;
    if (!executable.empty()) text += "; " + executable;
    return text;
}

namespace {

/// Bytes that are gone from a mapped file end whoever reads them: then that is the reason. A file
/// that was put in its place is another one, and changes nothing.
std::string change_of(const LaunchSpec& spec) {
    const std::filesystem::path file = std::filesystem::path(spec.bundle_path) / spec.executable;
    const bundle::FileStamp now = bundle::stamp_of(file);
    if (spec.stamp.size == 0 || now.inode != spec.stamp.inode || now == spec.stamp) return {};
    return file.string() + " was changed while it ran (it had " + std::to_string(spec.stamp.size) +
           " bytes, now " + std::to_string(now.size) + "): install the extension again";
}

}  // namespace

DriverProcess::DriverProcess(uint64_t number, EventLoop& loop, Clock& clock, KeeperLink& keeper,
                             const Deadlines& deadlines, LaunchSpec spec, Hooks hooks)
    : number_(number),
      loop_(loop),
      clock_(clock),
      keeper_(keeper),
      deadlines_(deadlines),
      spec_(std::move(spec)),
      hooks_(std::move(hooks)),
      requests_(clock, driver::kDaemonSerial,
                [this] { return pid_ > 0 && is_being_debugged(pid_); }) {}

void DriverProcess::launch() {
    OPENDEXT_PROBE(daemon_launch);
    token_ = random_token();
    Result<std::pair<Socket, Socket>> ends = Socket::pair();
    if (!ends.ok()) {
        loop_.post([self = shared_from_this(), error = ends.error()] {
            self->tell_waiters(Error{error});
            self->finish(std::nullopt);
        });
        return;
    }
    std::vector<UniqueFd> control;
    control.push_back(ends->second.take_fd());
    // For a successor of opendextd; without it the process ends with this one.
    UniqueFd own = ends->first.take_fd();
    if (Result<UniqueFd> kept = own.duplicate(); kept.ok())
        control.push_back(std::move(kept).value());
    connect(Socket(std::move(own)));
    protocol::keeper::Spawn spawn;
    spawn.token = token_;
    spawn.server_name = spec_.server_name;
    spawn.bundle_id = spec_.bundle_id;
    spawn.tag = spec_.tag;
    spawn.bundle_path = spec_.bundle_path;
    spawn.libraries = spec_.libraries;
    spawn.title = title();
    keeper_.spawn(std::move(spawn), std::move(control),
                  [weak = weak_from_this()](Result<KeeperLink::Spawned> result) {
                      if (const ProcessPtr self = weak.lock()) self->spawned(std::move(result));
                  });
}

/// What `ps` shows.
std::string DriverProcess::title() const {
    if (is_bare()) return "opendext-driver: bare driver process";
    if (spec_.tag == kNoEntry) return "opendext-driver: spare driver process";
    char id[24];
    std::snprintf(id, sizeof id, "0x%llx", static_cast<unsigned long long>(spec_.tag));
    return spec_.bundle_path + " " + spec_.bundle_id + " " + id;
}

void DriverProcess::assign(EntryId tag) {
    spec_.tag = tag;
    born_ = std::chrono::steady_clock::now();
    send(driver::Assign{title(), {}});
}

void DriverProcess::furnish(LaunchSpec spec) {
    spec_ = std::move(spec);
    born_ = std::chrono::steady_clock::now();
    const auto files = rights_.find("files");
    if (files != rights_.end() && files->second.dictionary() != nullptr) {
        Dictionary words = *files->second.dictionary();
        words.insert_or_assign("read while loading", Array{spec_.bundle_path});
        files->second = std::move(words);
    }
    // Before the process hears of it: the keeper takes it before what the process then asks for.
    keeper_.furnish(pid_, spec_.bundle_id, spec_.bundle_path);
    send(driver::Assign{title(), spec_.bundle_id});
    set_state(ProcessState::checking_in);
    admit();
}

void DriverProcess::connect(Socket socket) {
    connection_ = std::make_unique<Connection>(
        loop_, std::move(socket),
        Connection::Limits{
            .messages = kWaitingMessages, .keep_until_settled = true, .goes_first = true},
        [this](Message m) { received(std::move(m)); },
        [this](const Error& reason) { closed(reason); });
    if (hooks_.unsent_changed) connection_->number_queue(first_, hooks_.unsent_changed);
}

void DriverProcess::spawned(Result<KeeperLink::Spawned> result) {
    const ProcessPtr self = shared_from_this();
    if (!result.ok()) {
        killed_for_ = "cannot be started: " + result.error().text();
        // Like a death on the way up: what is short of (processes, memory) may be there later.
        tell_waiters(Error{Errc::peer_gone, 0,
                           "cannot start " + spec_.server_name + ": " + result.error().text()});
        finish(std::nullopt);
        return;
    }
    OPENDEXT_PROBE(daemon_spawned);
    pid_ = result->pid;
    sandbox_ = result->sandbox;
    rights_ = std::move(result->rights);
    if (state_ == ProcessState::spawning) {
        set_state(ProcessState::checking_in);
        countdown_ = countdown(Deadline::check_in, [this] {
            hung("user server timeout: " + spec_.server_name + " did not check in");
        });
    } else if (state_ == ProcessState::dying) {
        keeper_.signal(pid_, SIGKILL);
    } else if (hooks_.changed) {
        // It was quicker than the keeper, and what is recorded of it lacks the pid.
        hooks_.changed(*this);
    }
}

std::unique_ptr<Countdown> DriverProcess::countdown(Deadline deadline, std::function<void()> fire) {
    return std::make_unique<Countdown>(
        clock_, deadlines_.of(deadline), [this] { return pid_ > 0 && is_being_debugged(pid_); },
        std::move(fire));
}

void DriverProcess::received(Message message) {
    const ProcessPtr self = shared_from_this();
    if (is_handled(message)) return;
    note_request(message);
    recent.received(message);
    switch (static_cast<driver::Kind>(message.kind)) {
        case driver::Kind::check_in:
            checked_in(message);
            return;
        case driver::Kind::resumed:
        case driver::Kind::examined:
        case driver::Kind::outcome:
        case driver::Kind::loaded:
        case driver::Kind::call_result:
            // Late replies are dropped, unless something came of what nobody waits for any more.
            if (requests_.complete(message) || state_ != ProcessState::ready ||
                message.kind != static_cast<uint32_t>(driver::Kind::call_result)) {
                return;
            }
            break;
        default:
            break;
    }
    if (state_ == ProcessState::loading || state_ == ProcessState::ready ||
        state_ == ProcessState::exiting ||
        ((message.kind == static_cast<uint32_t>(driver::Kind::log) ||
          message.kind == static_cast<uint32_t>(driver::Kind::crashed)) &&
         state_ != ProcessState::gone)) {
        hooks_.message(*this, std::move(message));
    }
}

void DriverProcess::checked_in(const Message& message) {
    if (state_ != ProcessState::spawning && state_ != ProcessState::checking_in) return;
    Result<driver::CheckIn> check_in = decode<driver::CheckIn>(message);
    if (!check_in.ok() || check_in->token != token_) {
        kill("Check In Token verification failed");
        return;
    }
    if (check_in->classes.size() > kMaxClasses) return kill("registers too many classes");
    if (sandbox_.empty()) sandbox_ = std::move(check_in->sandbox);
    classes_ = std::move(check_in->classes);
    OPENDEXT_PROBE(daemon_checked_in);
    // It may come before the keeper has told of the process: no deadline of check-in then begins.
    if (state_ == ProcessState::spawning) set_state(ProcessState::checking_in);
    countdown_.reset();
    if (is_bare()) return set_state(ProcessState::bare);
    admit();
}

/// Whether it may have its bundle, and from when on.
void DriverProcess::admit() {
    if (const auto refused = hooks_.check_in(*this)) {
        // Whoever is to hear of it may not wait yet.
        loop_.post([self = shared_from_this(), reason = *refused] { self->refuse(reason); });
        return;
    }
    const bool waits = hooks_.hold && hooks_.hold(*this, [weak = weak_from_this()] {
        const ProcessPtr self = weak.lock();
        if (self && self->state_ == ProcessState::checking_in) self->load();
    });
    if (!waits) load();
}

/// No crash: it will be refused as long as it is what it is.
void DriverProcess::refuse(const std::string& reason) {
    told_to_exit_ = true;
    tell_waiters(Error::kern(kIOReturnNotPermitted, reason));
    kill(reason);
}

void DriverProcess::load() {
    set_state(ProcessState::loading);
    request(driver::Load{spec_.bundle_path, spec_.executable}, {}, deadlines_.of(Deadline::load),
            std::string(to_string(Deadline::load)),
            [this](Result<Message> reply) { loaded(std::move(reply)); });
}

void DriverProcess::loaded(Result<Message> message) {
    if (state_ != ProcessState::loading) return;
    if (!message.ok()) {
        hung(message.error().text());
        return;
    }
    Result<driver::Loaded> loaded = decode<driver::Loaded>(message.value());
    if (!loaded.ok() || loaded->classes.size() > kMaxClasses - classes_.size()) {
        kill("answered Load with something else");
        return;
    }
    if (loaded->outcome.io_return != 0) {
        kill("cannot load " + spec_.executable + ": " + loaded->outcome.reason);
        return;
    }
    OPENDEXT_PROBE(daemon_loaded);
    std::ranges::move(loaded->classes, std::back_inserter(classes_));
    set_state(ProcessState::ready);
    hooks_.ready(*this);
    tell_waiters(success());
}

const driver::ClassInfo* DriverProcess::find_class(const std::string& name) const {
    const auto place = std::ranges::find(classes_, name, &driver::ClassInfo::name);
    return place == classes_.end() ? nullptr : &*place;
}

std::vector<std::string> DriverProcess::class_chain(const std::string& name) const {
    std::vector<std::string> chain;
    const driver::ClassInfo* next = find_class(name);
    // The process wrote the table: it may contain a circle.
    while (next != nullptr && chain.size() < kMaxChain) {
        if (next->name == "OSObject") break;
        chain.push_back(next->name);
        next = find_class(next->super_name);
    }
    return chain;
}

void DriverProcess::when_ready(std::function<void(Status)> done) {
    if (state_ == ProcessState::ready) {
        loop_.post([done = std::move(done)] { done(success()); });
    } else if (!usable()) {
        loop_.post([done = std::move(done), reason = killed_for_] {
            done(Error{Errc::peer_gone, 0, reason.empty() ? "the driver process ended" : reason});
        });
    } else {
        waiters_.push_back(std::move(done));
    }
}

void DriverProcess::tell_waiters(const Status& status) {
    const auto waiters = std::exchange(waiters_, {});
    for (const auto& waiter : waiters) waiter(status);
}

void DriverProcess::kill(std::string reason) {
    if (state_ == ProcessState::gone) return;
    if (killed_for_.empty()) {
        killed_for_ = std::move(reason);
        hooks_.log(LogLevel::error, killed_for_);
    }
    if (state_ == ProcessState::dying) return;
    set_state(ProcessState::dying);
    if (pid_ > 0) keeper_.signal(pid_, SIGKILL);
    await_end();
}

void DriverProcess::await_end() {
    // Nobody debugs what is dying: the keeper's report comes, or never does.
    countdown_ = std::make_unique<Countdown>(clock_, deadlines_.of(Deadline::reap), nullptr,
                                             [this] { finish(std::nullopt); });
}

void DriverProcess::hung(std::string reason) {
    if (state_ == ProcessState::gone || state_ == ProcessState::dying ||
        std::exchange(hung_, true)) {
        return;
    }
    hooks_.log(LogLevel::error, "it hangs and is going to be ended: " + reason);
    killed_for_ = reason;
    countdown_.reset();
    if (!hooks_.autopsy) return kill(std::move(reason));
    hooks_.autopsy(*this, [weak = weak_from_this(), reason = std::move(reason)] {
        if (const ProcessPtr self = weak.lock()) self->kill(reason);
    });
}

void DriverProcess::exit_in_order(std::string reason) {
    if (hung_) return;  // it is going to be killed
    if (state_ != ProcessState::ready) {
        if (!usable()) return;
        // Nobody waits for it any more: it need not come up.
        told_to_exit_ = true;
        killed_for_ = std::move(reason);
        kill(killed_for_);
        return;
    }
    OPENDEXT_PROBE(daemon_exit);
    send(driver::Exit{std::move(reason)});
    set_state(ProcessState::exiting);
    told_to_exit_ = true;
    countdown_ = countdown(Deadline::exit, [this] {
        exit_failed_ = true;
        hung("did not exit when it was told to");
    });
}

void DriverProcess::closed(const Error& reason) {
    if (state_ == ProcessState::gone || state_ == ProcessState::dying || hung_) return;
    if (reason.code != Errc::peer_gone) return kill("control socket: " + reason.text());
    await_own_end();
}

/// Normally the process has just died and the keeper is about to tell, or it dies of what it does
/// next; how it ended is then its own. If it lives on, it can do nothing any more.
void DriverProcess::await_own_end() {
    set_state(ProcessState::hung_up);
    countdown_ = countdown(Deadline::hang_up, [this] {
        if (told_to_exit_) exit_failed_ = true;
        hung("it closed its control socket and went on");
    });
}

void DriverProcess::exited(std::optional<int> wait_status) {
    const ProcessPtr self = shared_from_this();
    if (connection_) connection_->drain(kLastMessages);
    finish(wait_status);
}

void DriverProcess::finish(std::optional<int> wait_status) {
    if (state_ == ProcessState::gone) return;
    const ProcessPtr self = shared_from_this();
    set_state(ProcessState::gone);
    countdown_.reset();
    if (connection_) connection_->close();
    const bool signalled = wait_status && WIFSIGNALED(*wait_status) && killed_for_.empty();
    const ExitReport report{wait_status, killed_for_, signalled ? change_of(spec_) : "",
                            told_to_exit_ && !exit_failed_};
    const std::string text = "the driver process ended: " + report.text();
    const Error error =
        report.clean() ? Error::kern(kIOReturnOffline, text) : Error{Errc::peer_gone, 0, text};
    tell_waiters(error);
    requests_.fail_all(error);
    hooks_.gone(*this, report);
}

}  // namespace opendext::daemon
