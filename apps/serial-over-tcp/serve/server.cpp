// SPDX-License-Identifier: Apache-2.0
#include "apps/serial-over-tcp/serve/server.h"

#include <poll.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace opendext::serial_tcp {
namespace {

using std::chrono::milliseconds;

constexpr Clock::time_point kNever{};
/// Bytes on their way in each direction.
constexpr size_t kRoom = size_t{64} << 10;
/// Batches of one direction before the other gets its turn.
constexpr int kBatches = 8;
constexpr milliseconds kTelnetBreak{250};
/// How often modem lines and errors are looked at while somebody may want to know.
constexpr milliseconds kStates{50};
/// A line that is writable and takes nothing is not asked again at once.
constexpr milliseconds kLineRetry{2};
/// While the device is away a caller that may speak RFC 2217 has this long to say so.
constexpr milliseconds kNegotiation{2000};
/// Descriptors that are polled beside those of the peers.
constexpr size_t kOwnFds = 4;

std::string sum(const telnet::LineSettings& settings) {
    constexpr std::array<char, 6> kParities{'?', 'N', 'O', 'E', 'M', 'S'};
    const char* stop = settings.stop_size == telnet::StopSize::one   ? "1"
                       : settings.stop_size == telnet::StopSize::two ? "2"
                                                                     : "1.5";
    return std::to_string(settings.baud_rate) + " " + std::to_string(settings.data_size) +
           kParities[static_cast<size_t>(settings.parity)] + stop;
}

}  // namespace

Server::Server(Options options, std::unique_ptr<Connection> connection)
    : options_(std::move(options)),
      connection_(std::move(connection)),
      peers_(*connection_, options_.setup, *this) {}

Server::~Server() = default;

Status Server::open() {
    const std::string path = OD_TRY(options_.locate());
    TtyLine line = OD_TRY(TtyLine::open(path, options_.line));
    settings_ = line.settings();
    if (options_.prepare) options_.prepare(settings_);
    const telnet::LineSettings wanted = settings_;
    settings_ = line.set(wanted);
    if (settings_ != wanted) {
        options_.log(line.path() + " cannot be set to " + sum(wanted) + ", it is at " +
                     sum(settings_));
    }
    if (!line.unlocked().empty()) options_.log(line.unlocked() + "; going on without");
    line_ = std::move(line);
    return success();
}

void Server::run(int stop) {
    for (;;) {
        const auto now = Clock::now();
        connection_->step(now);
        peers_.follow(now, line_ && in_.size() < kRoom, settings_);
        tell_peers();
        look_for_device(now);
        end_break(now);
        tell_states(now);
        keep_newest();
        // Both directions, whatever the first did.
        bool moved = false;
        for (int batch = 0; batch < kBatches; ++batch) {
            bool more = read_line();
            more |= write_peers();
            more |= read_peers();
            more |= write_line();
            moved |= more;
            if (!more) break;
        }
        wait(stop, now, !moved);
        if ((fds_.front().revents & POLLIN) != 0) return;
    }
}

// --- what callers ask for
// ---------------------------------------------------------------------------------------------

telnet::LineSettings Server::on_settings(const telnet::LineSettings& wanted) {
    const telnet::LineSettings before = settings_;
    settings_ = line_ ? line_->set(wanted) : wanted;
    if (sum(settings_) != sum(before)) options_.log("line set to " + sum(settings_));
    settings_changed_ = true;
    return settings_;
}

void Server::on_purge(telnet::Purge what) {
    // The client means what has come from the line and what goes to it, as a port's user does.
    if (what != telnet::Purge::transmit) out_.clear();
    if (what != telnet::Purge::receive) in_.clear();
    if (line_) line_->purge(what);
}

void Server::on_break() {
    if (!line_) return;
    settings_.break_on = true;
    settings_ = line_->set(settings_);
    break_until_ = Clock::now() + kTelnetBreak;
}

void Server::on_mode(telnet::Mode mode) {
    if (mode == telnet::Mode::rfc2217) states_at_ = Clock::now();
}

void Server::end_break(Clock::time_point now) {
    if (break_until_ == kNever || now < break_until_) return;
    break_until_ = kNever;
    settings_.break_on = false;
    if (line_) settings_ = line_->set(settings_);
}

void Server::tell_peers() {
    const std::string peers = connection_->peer();
    if (peers == known_peers_) return;
    states_at_ = Clock::now();
    const uint64_t lost = std::exchange(dropped_, 0);
    if (peers.empty()) {
        options_.log("nobody is connected" + (connection_->last_error().empty()
                                                  ? std::string()
                                                  : " (" + connection_->last_error() + ")"));
    } else {
        options_.log(
            "connected: " + peers +
            (lost == 0 ? "" : "; " + std::to_string(lost) + " bytes came before and are lost"));
    }
    known_peers_ = peers;
}

void Server::tell_states(Clock::time_point now) {
    if (std::exchange(settings_changed_, false))
        peers_.for_each([this](Wire& wire) { wire.set(settings_); });
    if (states_at_ == kNever || now < states_at_) return;
    const uint8_t modem = line_ ? line_->modem_state() : 0;
    const uint8_t errors = line_ ? line_->line_errors() : 0;
    bool wanted = false;
    peers_.for_each([&](Wire& wire) {
        wanted |= wire.mode() == telnet::Mode::rfc2217;
        wire.tell_modem_state(modem);  // also one that will speak RFC 2217 later
        if (errors != 0) wire.tell_line_state(errors);
    });
    // A pseudo-terminal's states do not change while it is there.
    const bool watch = wanted && line_ && line_->has_modem_lines();
    states_at_ = watch ? now + kStates : kNever;
}

// --- the device
// -------------------------------------------------------------------------------------------------------

void Server::lose_device(const std::string& reason) {
    options_.log(line_->path() + " is gone (" + reason + "): waiting for it to come back");
    line_.reset();
    retry_ = options_.first_retry;
    look_at_ = Clock::now() + retry_;
    states_at_ = Clock::now();
    break_until_ = kNever;
    settings_.break_on = false;
}

/// Those who have no other word for a device that is away, once they have what it had sent.
void Server::drop_peers(Clock::time_point now) {
    if (out_.size() != 0 && somebody()) return;
    const bool may_negotiate = options_.setup.protocol == telnet::Protocol::rfc2217 ||
                               options_.setup.protocol == telnet::Protocol::automatic;
    bool undecided = false;
    const bool late = drop_at_ != kNever && now >= drop_at_;
    peers_.drop("the device is away", [&](const Wire& wire) {
        if (wire.mode() == telnet::Mode::rfc2217) return false;
        if (!may_negotiate || wire.mode() == telnet::Mode::raw || late) return true;
        undecided = true;
        return false;
    });
    if (!undecided) {
        drop_at_ = kNever;
    } else if (drop_at_ == kNever) {
        drop_at_ = now + kNegotiation;
    }
}

void Server::look_for_device(Clock::time_point now) {
    if (line_) return;
    drop_peers(now);
    if (!somebody() && !in_.empty()) {
        // Half a command of somebody who is gone is not what the next one begins with.
        options_.log(std::to_string(in_.size()) +
                     " bytes for the device are thrown away: who sent them is disconnected");
        in_.clear();
    }
    if (now < look_at_) return;
    const auto path = options_.locate();
    auto line =
        path.ok() ? TtyLine::open(*path, options_.line) : Result<TtyLine>(Error{path.error()});
    if (!line.ok()) {
        retry_ = std::min(retry_ * 2, options_.last_retry);
        look_at_ = now + retry_;
        return;
    }
    settings_ = line->set(settings_);
    line_ = std::move(*line);
    line_full_ = false;
    line_readable_ = true;
    settings_changed_ = true;
    states_at_ = now;
    options_.log(line_->path() + " is back, set to " + sum(settings_));
}

// --- bytes
// ------------------------------------------------------------------------------------------------------------

/// Whether the line is read: with nobody to hear it, to have the newest bytes.
bool Server::wants_line() const {
    if (!line_) return false;
    const LinkOptions& link = connection_->options();
    if (somebody() || (link.when_full == WhenFull::block && link.buffer != 0))
        return out_.size() < std::max<size_t>(kRoom, link.buffer);
    return true;
}

bool Server::read_line() {
    if (!line_readable_ || !wants_line()) return false;
    const ssize_t size = ::read(line_->fd(), chunk_.data(), chunk_.size());
    if (size < 0 && errno == EINTR) return true;
    if (size < 0 && errno == EAGAIN) {
        line_readable_ = false;
        return false;
    }
    if (size <= 0) {
        lose_device(size == 0 ? "hung up" : std::strerror(errno));
        return false;
    }
    out_.append(chunk_.data(), static_cast<size_t>(size));
    keep_newest();
    return true;
}

/// Nobody is connected: what does not fit into the buffer is dropped, the oldest first.
void Server::keep_newest() {
    const uint64_t most = connection_->options().buffer;
    if (somebody() || out_.size() <= most) return;
    dropped_ += out_.size() - most;
    out_.pop(out_.size() - most);
}

bool Server::write_peers() {
    peers_full_ = false;
    if (out_.size() == 0 || !somebody()) return false;
    const Moved sent = peers_.send(out_.front());
    peers_full_ = sent.blocked();
    if (!sent.moved()) return false;
    out_.pop(sent.bytes);
    return true;
}

bool Server::read_peers() {
    if (!line_ || in_.size() >= kRoom || !somebody()) return false;
    Stretch room;
    room.size = chunk_.size();
    room.count = 1;
    room.pieces[0] = {chunk_.data(), chunk_.size()};
    // Not into the buffer itself: what comes with the bytes may purge it.
    const Moved got = peers_.receive(room);
    if (got.moved()) in_.append(chunk_.data(), got.bytes);
    return got.moved();
}

bool Server::write_line() {
    if (!line_ || in_.size() == 0 || line_full_) return false;
    const Stretch bytes = in_.front();
    const ssize_t size = ::write(line_->fd(), bytes.pieces[0].iov_base, bytes.size);
    if (size < 0 && errno == EINTR) return true;
    if (size == 0 || (size < 0 && errno == EAGAIN)) {
        line_full_ = true;
        line_retry_ = Clock::now() + kLineRetry;
        return false;
    }
    if (size < 0) {
        lose_device(std::strerror(errno));
        return false;
    }
    in_.pop(static_cast<size_t>(size));
    return true;
}

void Server::wait(int stop, Clock::time_point now, bool may_sleep) {
    const bool receives = line_ && in_.size() < kRoom;
    short line_events = wants_line() ? POLLIN : 0;
    if (line_full_ && now >= line_retry_) line_events |= POLLOUT;
    // Without a wish it is not polled: a hang-up, which is told always, has to wait for its turn
    // behind the bytes that came before.
    fds_.assign({{stop, POLLIN, 0},
                 {line_ && line_events != 0 ? line_->fd() : -1, line_events, 0},
                 {connection_->poll_fd(), connection_->poll_events(), 0},
                 {connection_->listener_fd(), POLLIN, 0}});
    peers_.add_to(fds_, receives, peers_full_);

    Clock::time_point due = kNever;
    const auto consider = [&due](Clock::time_point when) {
        if (when != kNever && (due == kNever || when < due)) due = when;
    };
    consider(connection_->deadline());
    consider(peers_.deadline());
    consider(break_until_);
    consider(states_at_);
    if (!line_) consider(look_at_);
    if (line_full_ && now < line_retry_) consider(line_retry_);
    if (!line_) consider(drop_at_);
    if (receives && somebody() && peers_.buffered()) consider(now);
    int limit = may_sleep ? -1 : 0;
    if (may_sleep && due != kNever) {
        const auto left = std::chrono::ceil<milliseconds>(due - Clock::now());
        limit = static_cast<int>(std::max<milliseconds::rep>(0, left.count()));
    }
    if (::poll(fds_.data(), fds_.size(), limit) < 0) {
        for (pollfd& fd : fds_) fd.revents = 0;
        return;
    }
    const short events = fds_[1].revents;
    // Reading, or writing, tells what a hang-up means.
    if ((events & ~POLLOUT) != 0) line_readable_ = true;
    if (events != 0) line_full_ = false;
    peers_.polled(fds_.data() + kOwnFds);
}

}  // namespace opendext::serial_tcp
