// SPDX-License-Identifier: Apache-2.0
#include "keeper/keeper.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "rpc/fields.h"
#include "rpc/woken_here.h"

namespace opendext::keeper {
namespace {

namespace wire = protocol::keeper;
using std::chrono::steady_clock;

constexpr int kDaemonFd = 3;
constexpr std::chrono::seconds kCrashWindow{60};
/// Before the second restart within the window, doubled with each one after it; the first restart
/// has no pause.
constexpr std::chrono::milliseconds kFirstPause{100};
constexpr int kMostDoublings = 4;
constexpr size_t kMostHoldings = 4096;
constexpr size_t kLongestBacklog = 10000;
constexpr std::chrono::milliseconds kBacklogPause{5};

/// What DriverKit callers see of a failure (docs/facts/ioreturn.csv).
int32_t io_return(Errc code) {
    switch (code) {
        case Errc::invalid:
        case Errc::malformed:
            return static_cast<int32_t>(0xe00002c2);  // kIOReturnBadArgument
        case Errc::not_found:
            return static_cast<int32_t>(0xe00002f0);  // kIOReturnNotFound
        case Errc::exists:
            return static_cast<int32_t>(0xe00002c5);  // kIOReturnExclusiveAccess
        case Errc::not_permitted:
            return static_cast<int32_t>(0xe00002e2);  // kIOReturnNotPermitted
        case Errc::timed_out:
            return static_cast<int32_t>(0xe00002d6);  // kIOReturnTimeout
        case Errc::no_space:
            return static_cast<int32_t>(0xe00002be);  // kIOReturnNoResources
        case Errc::unsupported:
            return static_cast<int32_t>(0xe00002c7);  // kIOReturnUnsupported
        default:
            return static_cast<int32_t>(0xe00002bc);  // kIOReturnError
    }
}

Message outcome(const Status& status) {
    wire::Reply reply;
    if (!status.ok()) {
        reply.io_return = io_return(status.error().code);
        reply.reason = status.error().text();
    }
    return encode(std::move(reply));
}

void log(const std::string& text) {
    std::fprintf(stderr, "opendext-keeper: %s\n", text.c_str());
}

std::optional<std::filesystem::path> system_devices(const Realm& realm) {
    if (realm.is_system()) return "/dev";
    return std::nullopt;
}

}  // namespace

Keeper::Keeper(Options options, std::function<void(const Status&)> came_up)
    : options_(std::move(options)),
      came_up_(std::move(came_up)),
      nodes_(options_.realm.devices(), system_devices(options_.realm)),
      resources_(loop_, options_.open),
      drivers_(
          loop_,
          {options_.realm.root(), options_.runtime, options_.realm.settings(), options_.prepared},
          [this](Message event) {
              const WokenHere woken(daemon_ ? daemon_->pid : 0);
              send(std::move(event));
          }) {}

int Keeper::run() {
    if (const Status started = start(); !started.ok()) end(started.error());
    loop_.run();
    nodes_.remove_all();
    ::unlink(options_.realm.socket().c_str());
    return exit_status_;
}

Status Keeper::start() {
    for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
        signals_.push_back(loop_.on_signal(number, [this] { stop_in_order(); }));
    }
    nodes_.remove_leftovers();
    OD_TRY(drivers_.start());
    return start_daemon();
}

Status Keeper::start_daemon() {
    state_ = State::starting;
    ++daemon_starts_;
    ::unlink(options_.realm.socket().c_str());  // of an opendextd that was killed
    auto ends = OD_TRY(Socket::pair());
    const std::filesystem::path program =
        options_.daemon.empty() ? installation_prefix() / "bin" / "opendextd" : options_.daemon;
    daemon_ = OD_TRY(start_program(
        program,
        {"--realm", options_.realm.root().string(), "--keeper-fd", std::to_string(kDaemonFd)}, {},
        ends.second.fd(), kDaemonFd, Privilege::drop));
    link_ = std::move(ends.first);
    messages_ = loop_.readable(link_.fd(), [this] { on_message(); });
    messages_.go_first();  // Furnish comes before what the process then opens
    daemon_end_ = loop_.ended(daemon_->pidfd.get(), [this](int status) { on_daemon_end(status); });
    timer_ = loop_.after(options_.start, [this] {
        end(Error{Errc::timed_out, 0, "opendextd was not ready in time"});
    });
    return success();
}

void Keeper::on_message() {
    Result<std::optional<Message>> received = link_.receive(Socket::Wait::dont_block);
    if (!received.ok()) {
        messages_ = {};
        // Closed by opendextd's end, which is on its way to on_daemon_end; a malformed message ends
        // it.
        if (daemon_ && received.error().code != Errc::peer_gone)
            static_cast<void>(daemon_->signal(SIGKILL));
        return;
    }
    if (received.value()) handle(std::move(**received));
}

void Keeper::handle(Message request) {
    const uint64_t serial = request.serial;
    switch (static_cast<wire::Kind>(request.kind)) {
        case wire::Kind::ready:
            if (state_ != State::starting) return;
            state_ = State::serving;
            timer_ = {};
            start_programs();
            if (came_up_) std::exchange(came_up_, nullptr)(success());
            return;
        case wire::Kind::shut_down:
            return end(success());
        case wire::Kind::spawn: {
            Result<wire::Spawn> spawn = decode<wire::Spawn>(request);
            if (!spawn.ok()) return reply(serial, std::move(spawn).error());
            if (request.fds.empty() || request.fds.size() > 2)
                return reply(serial, Error{Errc::invalid, 0, "Spawn needs one or two descriptors"});
            return drivers_.spawn(std::move(spawn).value(), std::move(request.fds),
                                  spawned_later(serial));
        }
        case wire::Kind::abandon:
            return abandon(serial);
        case wire::Kind::open: {
            const Result<wire::Open> open = decode<wire::Open>(request);
            if (!open.ok()) return reply(serial, open.error());
            return resources_.open(*open, later(serial));
        }
        default:
            return reply(serial, answer(request));
    }
}

/// Whoever wants to come back with the realm leaves a file at-start/NAME.json in its state; what is
/// in it is his own. A program that is there already ends at once.
void Keeper::start_programs() {
    std::error_code error;
    const auto folder = options_.realm.log().parent_path() / "at-start";
    for (const auto& file : std::filesystem::directory_iterator(folder, error)) {
        if (file.path().extension() != ".json") continue;
        const auto program = installation_prefix() / "libexec" / "opendext" /
                             ("opendext-" + file.path().stem().string());
        Result<Child> child =
            start_program(program, {"--realm", options_.realm.root().string(), "at-start"}, {},
                          STDERR_FILENO, STDERR_FILENO, Privilege::keep);
        if (!child.ok()) {
            log(file.path().string() + ": " + child.error().text());
            continue;
        }
        const pid_t pid = child->pid;
        Program& started = programs_[pid];
        started.child = std::move(child).value();
        started.end =
            loop_.ended(started.child.pidfd.get(), [this, pid](int) { programs_.erase(pid); });
    }
}

Result<Message> Keeper::answer(Message& request) {
    switch (static_cast<wire::Kind>(request.kind)) {
        case wire::Kind::signal:
            return outcome(drivers_.signal(OD_TRY(decode<wire::Signal>(request))));
        case wire::Kind::furnish:
            return outcome(drivers_.furnish(OD_TRY(decode<wire::Furnish>(request))));
        case wire::Kind::hold: {
            wire::Hold hold = OD_TRY(decode<wire::Hold>(request));
            if (holdings_.size() >= kMostHoldings)
                return Error{Errc::no_space, 0, "the keeper holds too much already"};
            holdings_.insert_or_assign(hold.key,
                                       Holding{std::move(hold.notes), std::move(request.fds)});
            return outcome(success());
        }
        case wire::Kind::fetch:
            return fetch(OD_TRY(decode<wire::Fetch>(request)).key);
        case wire::Kind::release: {
            const wire::Release release = OD_TRY(decode<wire::Release>(request));
            if (holdings_.erase(release.key) == 0)
                return Error{Errc::not_found, 0, "nothing is held as " + release.key};
            return outcome(success());
        }
        case wire::Kind::inherit: {
            wire::Inherited inherited = drivers_.state();
            inherited.starts = daemon_starts_;
            for (const auto& [key, holding] : holdings_) inherited.held.push_back(key);
            return encode(std::move(inherited));
        }
        case wire::Kind::publish_node:
            return outcome(nodes_.publish(OD_TRY(decode<wire::PublishNode>(request))));
        case wire::Kind::remove_node:
            return outcome(nodes_.remove(OD_TRY(decode<wire::RemoveNode>(request)).name));
        default:
            return Error{Errc::unsupported, 0,
                         "the keeper knows no request " + std::to_string(request.kind)};
    }
}

Result<Message> Keeper::fetch(const std::string& key) const {
    if (key.starts_with(wire::kControlKey)) {
        Message message = encode(wire::Held{});
        message.fds.push_back(
            OD_TRY(drivers_.control(std::atoi(key.c_str() + wire::kControlKey.size()))));
        return message;
    }
    const auto holding = holdings_.find(key);
    if (holding == holdings_.end()) return Error{Errc::not_found, 0, "nothing is held as " + key};
    Message message = encode(wire::Held{holding->second.notes});
    for (const UniqueFd& fd : holding->second.fds) message.fds.push_back(OD_TRY(fd.duplicate()));
    return message;
}

/// Replies when the result is there, unless it was another opendextd that asked.
std::function<void(Result<Message>)> Keeper::later(uint64_t serial) {
    return [this, serial, asked = daemon_starts_](Result<Message> result) {
        if (asked == daemon_starts_) reply(serial, std::move(result));
    };
}

/// The same; a process that was forked for an opendextd that is gone belongs to nobody.
std::function<void(Result<Message>)> Keeper::spawned_later(uint64_t serial) {
    return [this, serial, asked = daemon_starts_](Result<Message> result) {
        if (asked == daemon_starts_ && daemon_) return reply(serial, std::move(result));
        if (!result.ok()) return;
        const Result<wire::Spawned> spawned = decode<wire::Spawned>(*result);
        if (spawned.ok()) static_cast<void>(drivers_.signal({spawned->pid, SIGKILL}));
    };
}

/// What the last opendextd left ends as it does with the realm; then this one begins anew.
void Keeper::abandon(uint64_t serial) {
    nodes_.remove_all();
    drivers_.close_controls();
    when_drivers_are_gone([answer = later(serial)] { answer(outcome(success())); });
}

void Keeper::reply(uint64_t serial, Result<Message> result) {
    Message message = result.ok() ? std::move(result).value() : outcome(result.error());
    message.serial = serial;
    send(std::move(message));
}

/// Never waits: what opendextd's queue has no room for is kept until it has. One that takes nothing
/// hangs.
void Keeper::send(Message message) {
    if (!link_.valid()) return;
    backlog_.push_back(std::move(message));
    send_backlog();
    if (backlog_.size() > kLongestBacklog && daemon_) {
        log("opendextd does not take its messages; ending it");
        static_cast<void>(daemon_->signal(SIGKILL));
    }
}

void Keeper::send_backlog() {
    while (!backlog_.empty()) {
        const Status sent = link_.send(backlog_.front(), Socket::Wait::dont_block);
        if (!sent.ok() && sent.error().code == Errc::no_space) {
            backlog_timer_ = loop_.after(kBacklogPause, [this] { send_backlog(); });
            return;
        }
        backlog_.pop_front();  // sent, or opendextd is gone
    }
    backlog_timer_ = {};
}

void Keeper::on_daemon_end(int wait_status) {
    // Its end may be known before its last messages are read: ShutDown, or descriptors to hold.
    for (;;) {
        Result<std::optional<Message>> received = link_.receive(Socket::Wait::dont_block);
        if (!received.ok() || !received.value()) break;
        handle(std::move(**received));
    }
    daemon_end_ = {};
    messages_ = {};
    daemon_.reset();
    backlog_.clear();
    backlog_timer_ = {};
    link_.close();
    if (state_ == State::ending) return end_drivers();
    const std::string what = "opendextd ended with " + describe_status(wait_status);
    log(what);
    if (came_up_) return end(Error{Errc::peer_gone, 0, what + " before it was ready"});

    const auto now = steady_clock::now();
    std::erase_if(crashes_, [&](auto when) { return now - when > kCrashWindow; });
    crashes_.push_back(now);
    if (crashes_.size() > options_.most_crashes) {
        return end(Error{Errc::peer_gone, 0,
                         what + ", the " + std::to_string(crashes_.size()) +
                             "th time within a minute; giving up"});
    }
    // Its drivers and nodes stay: the next one adopts them (docs/design/adoption.md).
    state_ = State::paused;
    const int crashes = static_cast<int>(crashes_.size());
    const auto pause =
        crashes == 1 ? kFirstPause * 0 : kFirstPause * (1 << std::min(crashes - 2, kMostDoublings));
    timer_ = loop_.after(std::min(pause, options_.longest_pause), [this] {
        if (const Status started = start_daemon(); !started.ok()) end(started.error());
    });
}

void Keeper::when_drivers_are_gone(const std::function<void()>& then) {
    drivers_timer_ = loop_.after(options_.driver_exit, [this] { drivers_.kill_all(); });
    drivers_.when_empty([this, then] {
        drivers_timer_ = {};
        then();
    });
}

/// SIGTERM: opendextd ends every driver in order, says ShutDown (which changes nothing any more)
/// and ends.
void Keeper::stop_in_order() {
    if (state_ == State::ending) return;
    if (daemon_) static_cast<void>(daemon_->signal(SIGTERM));
    end(success());
}

void Keeper::end(const Status& why) {
    if (state_ == State::ending) return;
    state_ = State::ending;
    if (!why.ok()) {
        exit_status_ = 1;
        log(why.error().text());
    }
    if (came_up_) {
        std::exchange(came_up_, nullptr)(
            why.ok() ? Error{Errc::peer_gone, 0, "the realm was ended while it started"} : why);
    }
    if (!daemon_) return end_drivers();
    if (!why.ok()) static_cast<void>(daemon_->signal(SIGKILL));
    timer_ = loop_.after(options_.stop, [this] {
        if (daemon_) static_cast<void>(daemon_->signal(SIGKILL));
    });
}

/// opendextd is gone and with it the drivers' control sockets: time to leave, then none.
void Keeper::end_drivers() {
    timer_ = {};
    drivers_.close_controls();
    when_drivers_are_gone([this] { drivers_.shut_down([this] { loop_.quit(0); }); });
}

}  // namespace opendext::keeper
