// SPDX-License-Identifier: Apache-2.0
#include "apps/serial-over-tcp/agent/port.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "families/serial/driver/pace.h"
#include "rpc/plain_calls.h"

namespace opendext::serial_tcp {
namespace {

using std::chrono::milliseconds;
using namespace std::chrono_literals;

/// How soon a driver that could not be opened is tried again.
constexpr milliseconds kDriverRetry{50};
/// Batches of one direction before the other gets its turn.
constexpr int kBatches = 8;
/// A driver that offers nothing new is told after this time that everything was taken; otherwise it
/// sees it then.
constexpr milliseconds kAcknowledge{20};
/// And in a stream of small pieces, which each brings the driver to look, so often it is seen
/// whether that has ended.
constexpr milliseconds kAcknowledgeStream{50};
/// How often changes become properties: of the state, and of counters while bytes move.
constexpr milliseconds kReportState{200};
constexpr milliseconds kReportCounters{1000};
/// A new driver is told of state and line, and opendextd what the agent wants to hear of it, when
/// bytes have passed through it or after this time: those that wait since the driver before are not
/// to wait for that.
constexpr milliseconds kGreet{5};
constexpr Clock::time_point kNever{};
constexpr milliseconds kLongestSleep{60'000};
/// Rounds without a rest after which it is looked whether somebody calls.
constexpr unsigned kCallersAfter = 64;
/// Descriptors that sleep() polls beside those of the peers.
constexpr size_t kOwnFds = 5;

template <size_t size>
void copy_text(char (&to)[size], const std::string& from) {
    std::snprintf(to, size, "%s", from.c_str());
}

}  // namespace

Port::Port(std::string name, std::unique_ptr<Connection> connection, WireSetup setup,
           std::optional<Backlog> backlog)
    : name_(std::move(name)),
      connection_(std::move(connection)),
      remote_(connection_->remote()),
      setup_(std::move(setup)),
      line_(setup_.role,
            [this](const std::function<void(Wire&)>& function) { peers_.for_each(function); }),
      peers_(*connection_, setup_, line_),
      backlog_(std::move(backlog)),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

Port::~Port() {
    stop_ = true;
    const uint64_t one = 1;
    (void)!::write(wake_.get(), &one, sizeof one);
    if (thread_.joinable()) thread_.join();
}

void Port::count_on(const PortInfo& counted) {
    sent_ = counted.bytes_sent;
    received_ = counted.bytes_received;
    connections_before_ = counted.connections;
    refused_before_ = counted.refused;
}

void Port::start() {
    thread_ = std::thread([this] { run(); });
    ::pthread_setname_np(thread_.native_handle(), ("port " + name_).substr(0, 15).c_str());
}

void Port::run() {
    driver_ = std::make_unique<DriverLink>(name_);
    while (!stop_) {
        const auto now = serial::clock_now();
        if (follow_driver()) greet_at_ = now + kGreet;
        connection_->step(now, std::exchange(calls_, false));
        if (rings_.attached()) line_.read(driver_->memory());
        peers_.follow(now, open_ && !ring_full_, line_.settings());
        if (peers_.count() != peer_count_) line_.peers_changed(peer_count_ = peers_.count());
        if (greet_at_ == kNever) tell_line();
        const uint64_t before = sent_ + received_;
        const bool moved = move(now);
        if (moved || now >= greet_at_) greet_at_ = kNever;
        if (greet_at_ == kNever) {
            tell_line();  // what has come just now
            report(now);
        }
        if (moved) settled_ = false;
        // Behind a small piece there is most likely nothing; sleep() looks for it.
        const uint64_t bytes = sent_ + received_ - before;
        if (bytes != 0) small_rounds_ = bytes < serial::Pace::kBulk ? small_rounds_ + 1 : 0;
        const bool more = bytes >= serial::Pace::kBulk || readable_;
        if (moved && more) {
            calls_ = ++rounds_ % kCallersAfter == 0;  // without poll() nobody tells
        } else {
            sleep(now);
        }
    }
    rings_.detach();
    driver_.reset();
}

/// True if there is another one from now on.
bool Port::follow_driver() {
    if (driver_->gone()) {
        rings_.detach();  // saves what the driver may not have taken, then the memory goes
        open_ = false;
        driver_->lose();
    }
    if (driver_->memory() != nullptr || !driver_->take()) return false;
    rings_.attach(driver_->memory());
    line_.driver_is_new();
    reported_version_ = 0;
    return true;
}

/// What the peers say of the line goes to the driver, which tells opendextd before it answers.
void Port::tell_line() {
    SerialOverTCPRemoteLine news;
    if (driver_->memory() != nullptr && line_.take_news(news)) driver_->set_line(news);
}

/// False if there is nothing to do but wait.
bool Port::move(Clock::time_point now) {
    ring_full_ = peers_full_ = false;
    open_ = rings_.attached() && rings_.refresh();
    if (open_ && !joined_) {
        joined_ = true;
        // What a predecessor of this agent has put into the backlog and could not tell the driver.
        if (const auto position = backlog_ ? backlog_->position() : std::nullopt) {
            const uint32_t had = *position - rings_.transmit_position();
            if (had <= rings_.transmit().size) rings_.transmit_done(had);
        }
    }
    bool moved = send_out();
    if (open_) moved |= receive_in();
    if (!open_) return moved;
    bool acknowledge = acknowledge_at_ != kNever && now >= acknowledge_at_;
    if (moved) {
        acknowledge_at_ = kNever;  // the driver offers more, and sees it then
        acknowledge = false;
    } else if (acknowledge && rings_.transmit_position() != acknowledge_from_) {
        acknowledge_at_ = now + kAcknowledgeStream;
        acknowledge_from_ = rings_.transmit_position();
        acknowledge = false;
    }
    if (rings_.doorbell_due(acknowledge)) {
        acknowledge_at_ = kNever;
        driver_->doorbell();
    }
    return moved;
}

bool Port::send_out() {
    if (!peers_.open()) return store();
    if (backlog_ && !backlog_->empty()) return send_backlog();
    return open_ && send_ring();
}

bool Port::send_backlog() {
    bool moved = false;
    for (int batch = 0; batch < kBatches && !backlog_->empty(); ++batch) {
        const Moved sent = peers_.send(backlog_->front());
        peers_full_ = sent.blocked();
        if (!sent.moved()) break;
        backlog_->pop(sent.bytes);
        sent_ += sent.bytes;
        moved = true;
    }
    return moved;
}

bool Port::send_ring() {
    bool moved = false;
    for (int batch = 0; batch < kBatches; ++batch) {
        const Stretch bytes = rings_.transmit();
        if (bytes.size == 0) break;
        const Moved sent = peers_.send(bytes);
        peers_full_ = sent.blocked();
        if (!sent.moved()) break;
        if (backlog_) backlog_->passed();
        rings_.transmit_done(sent.bytes);
        sent_ += sent.bytes;
        moved = true;
        if (rings_.doorbell_due(false)) driver_->doorbell();
    }
    return moved;
}

/// Nobody is there: what the application writes goes to the backlog, as far as that takes it.
bool Port::store() {
    bool moved = false;
    while (open_ && backlog_) {
        const Stretch bytes = rings_.transmit();
        if (bytes.size == 0) break;
        const size_t taken = backlog_->put(bytes, rings_.transmit_position());
        if (taken == 0) break;
        rings_.transmit_done(taken);
        moved = true;
        if (rings_.doorbell_due(false)) driver_->doorbell();
    }
    return moved;
}

bool Port::receive_in() {
    bool moved = false;
    for (int batch = 0; batch < kBatches && readable_ && peers_.open(); ++batch) {
        const Stretch room = rings_.receive_room();
        if (room.size == 0) {
            ring_full_ = true;
            break;
        }
        const Moved got = peers_.receive(room);
        readable_ = got.moved() && (got.bytes == room.size || peers_.buffered());
        if (!got.moved()) break;
        rings_.receive_done(got.bytes);
        received_ += got.bytes;
        moved = true;
        if (rings_.doorbell_due(false)) driver_->doorbell();
    }
    return moved;
}

/// Whether bytes that the application writes now would go anywhere.
bool Port::wants_transmit() const {
    if (!open_) return false;
    if (peers_.open()) return !peers_full_;
    return backlog_ && backlog_->has_room();
}

SerialOverTCPState Port::state() {
    SerialOverTCPState state{};
    const Wire* wire = peers_.first();
    copy_text(state.state, wire != nullptr && !wire->text().empty()
                               ? connection_->text() + ", " + wire->text()
                               : connection_->text());
    copy_text(state.peer, connection_->peer());
    copy_text(state.lastError, connection_->last_error());
    if (wire != nullptr) copy_text(state.protocol, telnet::to_string(wire->mode()));
    state.clients = connection_->peers().size();
    state.connections = connections_before_ + connection_->connections();
    state.refused = refused_before_ + connection_->refused();
    state.bytesSent = sent_;
    state.bytesReceived = received_;
    state.bytesDropped = backlog_ ? backlog_->dropped() : 0;
    state.bytesQueued = (backlog_ ? backlog_->size() : 0) + (open_ ? rings_.transmit().size : 0);
    return state;
}

/// Changes with the state that people see.
uint64_t Port::version() {
    const Wire* wire = peers_.first();
    const uint64_t of_wire = wire == nullptr ? 0
                                             : static_cast<uint64_t>(wire->state()) * 8 +
                                                   static_cast<uint64_t>(wire->mode()) + 1;
    return connection_->version() * 64 + of_wire;
}

/// When report() has something to do; never, once the driver knows all.
Clock::time_point Port::report_due() {
    if (driver_->memory() == nullptr) return kNever;
    if (version() != reported_version_) return reported_at_ + kReportState;
    return settled_ ? kNever : reported_at_ + kReportCounters;
}

/// Makes properties of what has changed, a few times a second at most. A port that rests is left
/// alone.
void Port::report(Clock::time_point now) {
    const auto due = report_due();
    if (due == kNever || now < due) return;
    const SerialOverTCPState next = state();
    const bool known = reported_version_ != 0;
    reported_version_ = version();
    settled_ = known && std::memcmp(&next, &reported_, sizeof next) == 0;
    if (settled_) return;
    reported_ = next;
    reported_at_ = now;
    driver_->set_state(next);
}

void Port::acknowledge_later(Clock::time_point now) {
    acknowledge_at_ = now + kAcknowledge;
    acknowledge_from_ = rings_.transmit_position();
}

void Port::sleep(Clock::time_point now) {
    if (greet_at_ == kNever) driver_->watch();
    if (driver_->gone() || stop_) return;
    const bool receives = open_ && !ring_full_;
    if (receives && peers_.open() && peers_.buffered()) {
        readable_ = true;
        return;
    }

    fds_.assign({{wake_.get(), POLLIN, 0},
                 {driver_->fd(), POLLIN, 0},
                 {driver_->bell(), POLLIN, 0},
                 {connection_->poll_fd(), connection_->poll_events(), 0},
                 {connection_->listener_fd(), POLLIN, 0}});
    peers_.add_to(fds_, receives, peers_full_);
    // From here on the driver rings; what it did just before is seen by these.
    if (wants_transmit() && !rings_.sleep_transmit()) return;
    if (open_ && ring_full_ && !rings_.sleep_receive_room()) return;
    // Nobody is there: that bytes begin to wait is told, too.
    if (open_ && !peers_.open() && !backlog_) (void)rings_.sleep_transmit();

    Clock::time_point wake = kNever;
    const auto consider = [&wake](Clock::time_point when) {
        if (when != kNever && (wake == kNever || when < wake)) wake = when;
    };
    if (open_ && rings_.unacknowledged()) {
        if (acknowledge_at_ == kNever) acknowledge_later(now);
        consider(acknowledge_at_);
    }
    if (driver_->retry()) consider(now + kDriverRetry);
    consider(connection_->deadline());
    consider(peers_.deadline());
    consider(greet_at_ != kNever ? greet_at_ : report_due());
    timespec limit{};
    const bool told = wait_for_pieces(wake);
    if (told) wake = now;  // what it was, poll() tells without waiting
    if (wake != kNever) {
        const auto left =
            std::clamp(std::chrono::ceil<milliseconds>(wake - now), milliseconds(0), kLongestSleep);
        limit = {left / 1s, (left % 1s) / 1ns};
    }
    plain::ppoll(fds_.data(), fds_.size(), wake != kNever ? &limit : nullptr);
    calls_ = fds_[kOwnFds - 1].revents != 0;
    readable_ = ring_full_ || std::any_of(fds_.begin() + kOwnFds, fds_.end(),
                                          [](const pollfd& peer) { return peer.revents != 0; });
    peers_.polled(fds_.data() + kOwnFds);
    if (fds_[1].revents != 0) driver_->dispatch();
    if (fds_[2].revents != 0) {
        driver_->hear();
        settled_ = false;  // the application may have written, be it only into the rings
    }
}

}  // namespace opendext::serial_tcp
