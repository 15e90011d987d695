// SPDX-License-Identifier: Apache-2.0
#include "apps/serial-over-tcp/agent/connection.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <thread>

namespace opendext::serial_tcp {
namespace {

using std::chrono::milliseconds;

/// A connection that lasted so long was a real one: the next delay is the shortest again.
constexpr std::chrono::seconds kLasting{2};
/// How long one address may take to answer while there are others to try.
constexpr std::chrono::seconds kOneOfSeveral{3};
/// Callers that are answered in one step.
constexpr int kCallers = 16;
constexpr int kBacklog = 16;

std::string seconds_text(milliseconds time) {
    char text[32];
    std::snprintf(text, sizeof text, "%.1f", static_cast<double>(time.count()) / 1000);
    return text;
}

/// A socket can connect to itself: a free port of this machine that the kernel chose for this very
/// call.
bool is_own_echo(int socket) {
    SocketAddress own, other;
    own.length = other.length = sizeof(sockaddr_storage);
    return ::getsockname(socket, own.get(), &own.length) == 0 &&
           ::getpeername(socket, other.get(), &other.length) == 0 &&
           own.storage.ss_family != AF_UNIX && own.length == other.length &&
           std::memcmp(&own.storage, &other.storage, own.length) == 0;
}

/// The address of a caller; a caller on a Unix socket has none, but a process.
std::string describe_caller(int socket, const SocketAddress& address) {
    if (address.storage.ss_family != AF_UNIX) return address.text();
    ucred credentials{};
    socklen_t size = sizeof credentials;
    if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) return "unix";
    return "unix, process " + std::to_string(credentials.pid);
}

}  // namespace

/// Shared with the thread that looks up; whoever is last frees it, so that a removed port waits for
/// nobody.
struct Connection::Lookup {
    UniqueFd ready{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    std::atomic<bool> done{false};
    std::vector<SocketAddress> addresses;
    std::string error;
};

Connection::Connection(Remote remote, Backoff backoff, LinkOptions options, Resolver resolver)
    : remote_(std::move(remote)),
      backoff_(backoff),
      options_(std::move(options)),
      resolver_(resolver),
      delay_(backoff.first),
      random_(std::random_device{}()) {
    text_ = remote_.mode == Remote::Mode::listen ? "listening" : "connecting";
}

Connection::~Connection() = default;

void Connection::set(State state, std::string text) {
    state_ = state;
    if (text == text_) return;
    text_ = std::move(text);
    ++version_;
}

const Connection::Peer* Connection::find(uint64_t id) const {
    const auto peer =
        std::find_if(peers_.begin(), peers_.end(), [id](const Peer& one) { return one.id == id; });
    return peer == peers_.end() ? nullptr : &*peer;
}

std::string Connection::peer() const {
    std::string names;
    for (const Peer& peer : peers_) names += (names.empty() ? "" : ", ") + peer.name;
    return names;
}

Status Connection::listen() {
    auto addresses = OD_TRY(resolve(remote_));
    Error error{Errc::invalid, 0, "no address to listen on"};
    for (const SocketAddress& address : addresses) {
        UniqueFd fd(
            ::socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        if (remote_.is_unix()) {
            listener_file_ =
                OD_TRY(UnixSocketFile::listen(fd.get(), address, options_.mode, kBacklog));
        } else {
            const int on = 1;
            if (!fd || ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
                ::bind(fd.get(), address.get(), address.length) != 0 ||
                ::listen(fd.get(), kBacklog) != 0) {
                error = Error::system("cannot listen on " + address.text());
                continue;
            }
            SocketAddress taken;
            taken.length = sizeof taken.storage;
            ::getsockname(fd.get(), taken.get(), &taken.length);
            const std::string text = taken.text();
            remote_.port = text.substr(text.rfind(':') + 1);
        }
        listener_ = std::move(fd);
        deadline_ = {};
        set(State::listening, "listening");
        return success();
    }
    return error;
}

int Connection::poll_fd() const {
    switch (state_) {
        case State::resolving:
            return lookup_->ready.get();
        case State::connecting:
            return calling_.get();
        case State::listening:
            return listener_.get();
        default:
            return -1;
    }
}

short Connection::poll_events() const {
    return state_ == State::connecting ? POLLOUT : POLLIN;
}

Clock::time_point Connection::deadline() const {
    const Clock::time_point never{};
    if (deadline_ == never) return look_at_;
    return look_at_ == never ? deadline_ : std::min(deadline_, look_at_);
}

void Connection::step(Clock::time_point now, bool calls) {
    switch (state_) {
        case State::waiting:
            if (now < deadline_) break;
            if (remote_.mode == Remote::Mode::connect) {
                start_lookup();
            } else if (const auto status = listen(); !status.ok()) {
                wait(status.error().text(), now);
            }
            break;
        case State::resolving:
            if (lookup_->done.load(std::memory_order_acquire)) end_lookup(now);
            break;
        case State::connecting:
            check_connect(now);
            break;
        case State::listening:
        case State::connected:
            if (listener_ && calls) accept(now);
            break;
    }
    if (sending_ && look_at_ == Clock::time_point{} && !peers_.empty())
        look_at_ = now + peers_.front().liveness.interval();
    if (look_at_ != Clock::time_point{} && now >= look_at_) look_for_vanished(now);
}

void Connection::look_for_vanished(Clock::time_point now) {
    sending_ = false;
    look_at_ = {};
    for (Peer& peer : peers_) {
        switch (peer.liveness.look(now)) {
            case Liveness::Verdict::quiet:
                break;
            case Liveness::Verdict::waiting:
                look_at_ = now + peer.liveness.interval();
                break;
            case Liveness::Verdict::gone:
                peer.vanished = "no answer for " + seconds_text(options_.timeout) + " s";
                break;
        }
    }
}

void Connection::start_lookup() {
    lookup_ = std::make_shared<Lookup>();
    deadline_ = {};
    set(State::resolving, "connecting");
    std::thread([lookup = lookup_, remote = remote_, resolver = resolver_] {
        auto addresses = resolver(remote);
        if (addresses.ok()) {
            lookup->addresses = std::move(*addresses);
        } else {
            lookup->error = addresses.error().text();
        }
        lookup->done.store(true, std::memory_order_release);
        const uint64_t one = 1;
        (void)!::write(lookup->ready.get(), &one, sizeof one);
    }).detach();
}

void Connection::end_lookup(Clock::time_point now) {
    const auto lookup = std::move(lookup_);
    if (!lookup->error.empty()) return wait(lookup->error, now);
    addresses_ = std::move(lookup->addresses);
    next_address_ = 0;
    try_next_address(now);
}

/// Tries the addresses in the order in which they were found; the last one's failure is told.
void Connection::try_next_address(Clock::time_point now) {
    while (next_address_ < addresses_.size()) {
        const SocketAddress& address = addresses_[next_address_++];
        calling_.reset(
            ::socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        if (!calling_) {
            last_error_ = Error::system("no socket for " + address.text()).text();
            continue;
        }
        if (::connect(calling_.get(), address.get(), address.length) == 0)
            return connected(std::move(calling_), address.text(), now);
        if (errno == EINPROGRESS) {
            const bool others = next_address_ < addresses_.size();
            deadline_ = now + (others ? std::min<milliseconds>(kOneOfSeveral, options_.timeout)
                                      : options_.timeout);
            return set(State::connecting, "connecting");
        }
        last_error_ = std::strerror(errno);
    }
    wait(last_error_.empty() ? "no address" : last_error_, now);
}

void Connection::check_connect(Clock::time_point now) {
    pollfd query{calling_.get(), POLLOUT, 0};
    if (::poll(&query, 1, 0) == 0) {
        if (now < deadline_) return;
        last_error_ = "no answer";
    } else {
        int error = 0;
        socklen_t length = sizeof error;
        ::getsockopt(calling_.get(), SOL_SOCKET, SO_ERROR, &error, &length);
        if (error == 0)
            return connected(std::move(calling_), addresses_[next_address_ - 1].text(), now);
        last_error_ = std::strerror(error);
    }
    try_next_address(now);
}

void Connection::connected(UniqueFd socket, std::string peer, Clock::time_point now) {
    if (is_own_echo(socket.get())) return wait(std::strerror(ECONNREFUSED), now);
    addresses_.clear();
    deadline_ = {};
    connected_at_ = now;
    ++connections_;
    ++version_;
    const Liveness liveness(socket.get(), options_.timeout);
    peers_.push_back(Peer{connections_, std::move(peer), std::move(socket), liveness});
    set(State::connected, "connected");
}

void Connection::accept(Clock::time_point now) {
    for (int caller = 0; caller < kCallers; ++caller) {
        SocketAddress address;
        address.length = sizeof address.storage;
        UniqueFd socket(::accept4(listener_.get(), address.get(), &address.length,
                                  SOCK_CLOEXEC | SOCK_NONBLOCK));
        if (!socket) return;
        std::string name = describe_caller(socket.get(), address);
        if (!options_.allow.allows(address.get())) {
            refuse(name, "not allowed to call");
        } else if (peers_.size() >= options_.clients) {
            refuse(name, options_.clients == 1 ? "there is a caller already"
                                               : "there are " + std::to_string(options_.clients) +
                                                     " callers already");
        } else {
            connected(std::move(socket), std::move(name), now);
        }
    }
}

void Connection::refuse(const std::string& caller, const std::string& reason) {
    ++refused_;
    ++version_;
    last_error_ = caller + " refused: " + reason;
}

void Connection::lost(std::string reason) {
    if (!peers_.empty()) lost(peers_.front().id, std::move(reason));
}

void Connection::lost(uint64_t id, std::string reason) {
    const Peer* peer = find(id);
    if (peer == nullptr) return;
    last_error_ = options_.clients > 1 ? peer->name + ": " + reason : reason;
    ++version_;
    peers_.erase(peers_.begin() + (peer - peers_.data()));
    if (!peers_.empty()) return;
    look_at_ = {};
    if (listener_) return set(State::listening, reason + ", listening");
    const auto now = Clock::now();
    if (now - connected_at_ >= kLasting) delay_ = backoff_.first;
    wait(reason, now);
}

void Connection::wait(const std::string& reason, Clock::time_point now) {
    calling_.reset();
    addresses_.clear();
    last_error_ = reason;
    // Jitter keeps many ports from calling a host that comes back all at once.
    const auto quarter = delay_.count() / 4;
    const milliseconds delay(
        delay_.count() - quarter +
        static_cast<int64_t>(random_() % static_cast<uint64_t>(2 * quarter + 1)));
    deadline_ = now + delay;
    set(State::waiting, reason + ", retry in " + seconds_text(delay) + " s");
    delay_ = std::min(delay_ * 2, backoff_.last);
}

}  // namespace opendext::serial_tcp
