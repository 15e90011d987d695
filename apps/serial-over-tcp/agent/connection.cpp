// SPDX-License-Identifier: Apache-2.0
#include "apps/serial-over-tcp/agent/connection.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <thread>

namespace opendext::serial_tcp {
namespace {

/// A connection that lasted so long was a real one: the next delay is the shortest again.
constexpr std::chrono::seconds kLasting{2};
/// How long one address may take to answer.
constexpr std::chrono::seconds kConnectTimeout{10};

void prepare(int socket) {
    const int on = 1;
    ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    // A peer whose machine died is noticed although nothing is sent.
    const int idle = 30, interval = 10, count = 3;
    ::setsockopt(socket, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    ::setsockopt(socket, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
    ::setsockopt(socket, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
    ::setsockopt(socket, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count);
}

}  // namespace

/// Shared with the thread that looks up; whoever is last frees it, so that a removed port waits for
/// nobody.
struct Connection::Lookup {
    UniqueFd ready{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    std::atomic<bool> done{false};
    Addresses addresses;
    std::string error;
};

Connection::Connection(Remote remote, Backoff backoff)
    : remote_(std::move(remote)),
      backoff_(backoff),
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

std::string Connection::text() const {
    return text_;
}

Status Connection::listen() {
    Addresses addresses = OD_TRY(resolve(remote_));
    Error error{Errc::invalid, 0, "no address to listen on"};
    for (const addrinfo* at = addresses.get(); at != nullptr; at = at->ai_next) {
        const std::string place = describe(at->ai_addr, at->ai_addrlen);
        UniqueFd fd(::socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        const int on = 1;
        if (!fd || ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
            ::bind(fd.get(), at->ai_addr, at->ai_addrlen) != 0 || ::listen(fd.get(), 8) != 0) {
            error = Error::system("cannot listen on " + place);
            continue;
        }
        sockaddr_storage taken{};
        socklen_t length = sizeof taken;
        ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&taken), &length);
        const std::string text = describe(reinterpret_cast<sockaddr*>(&taken), length);
        remote_.port = text.substr(text.rfind(':') + 1);
        listener_ = std::move(fd);
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
            return socket_.get();
        case State::listening:
            return listener_.get();
        default:
            return -1;
    }
}

short Connection::poll_events() const {
    return state_ == State::connecting ? POLLOUT : POLLIN;
}

void Connection::step() {
    switch (state_) {
        case State::waiting:
            if (Clock::now() >= deadline_) start_lookup();
            break;
        case State::resolving:
            if (!lookup_->done.load(std::memory_order_acquire)) break;
            last_error_ = lookup_->error;
            addresses_ = std::move(lookup_->addresses);
            next_address_ = addresses_.get();
            lookup_.reset();
            try_next_address();
            break;
        case State::connecting:
            check_connect();
            break;
        case State::listening:
        case State::connected:
            accept();
            break;
    }
}

void Connection::start_lookup() {
    lookup_ = std::make_shared<Lookup>();
    deadline_ = {};
    set(State::resolving, "connecting");
    std::thread([lookup = lookup_, remote = remote_] {
        auto addresses = resolve(remote);
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

void Connection::try_next_address() {
    while (next_address_ != nullptr) {
        const addrinfo* at = std::exchange(next_address_, next_address_->ai_next);
        const std::string place = describe(at->ai_addr, at->ai_addrlen);
        socket_.reset(::socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        if (!socket_) {
            last_error_ = Error::system("no socket for " + place).text();
            continue;
        }
        prepare(socket_.get());
        if (::connect(socket_.get(), at->ai_addr, at->ai_addrlen) == 0) {
            return connected(std::move(socket_), place);
        }
        if (errno == EINPROGRESS) {
            peer_ = place;
            deadline_ = Clock::now() + kConnectTimeout;
            return set(State::connecting, "connecting");
        }
        last_error_ = std::strerror(errno);
    }
    wait(last_error_.empty() ? "no address" : last_error_);
}

void Connection::check_connect() {
    pollfd query{socket_.get(), POLLOUT, 0};
    if (::poll(&query, 1, 0) == 0) {
        if (Clock::now() < deadline_) return;
        last_error_ = "no answer";
    } else {
        int error = 0;
        socklen_t length = sizeof error;
        ::getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &error, &length);
        if (error == 0) return connected(std::move(socket_), std::string(peer_));
        last_error_ = std::strerror(error);
    }
    peer_.clear();
    try_next_address();
}

/// A socket can connect to itself: a free port of this machine that the kernel chose for this very
/// call.
static bool is_own_echo(int socket) {
    sockaddr_storage own{}, other{};
    socklen_t own_length = sizeof own, other_length = sizeof other;
    return ::getsockname(socket, reinterpret_cast<sockaddr*>(&own), &own_length) == 0 &&
           ::getpeername(socket, reinterpret_cast<sockaddr*>(&other), &other_length) == 0 &&
           own_length == other_length && std::memcmp(&own, &other, own_length) == 0;
}

void Connection::connected(UniqueFd socket, std::string peer) {
    if (is_own_echo(socket.get())) return wait(std::strerror(ECONNREFUSED));
    socket_ = std::move(socket);
    addresses_.reset();
    next_address_ = nullptr;
    peer_ = std::move(peer);
    deadline_ = {};
    connected_at_ = Clock::now();
    ++connections_;
    ++version_;
    set(State::connected, "connected");
}

void Connection::accept() {
    if (!listener_) return;
    sockaddr_storage address{};
    socklen_t length = sizeof address;
    UniqueFd caller(::accept4(listener_.get(), reinterpret_cast<sockaddr*>(&address), &length,
                              SOCK_CLOEXEC | SOCK_NONBLOCK));
    // A line has one other end: a second caller is turned away at once.
    if (!caller || state_ == State::connected) return;
    prepare(caller.get());
    connected(std::move(caller), describe(reinterpret_cast<sockaddr*>(&address), length));
}

void Connection::lost(const std::string& reason) {
    if (state_ != State::connected) return;
    socket_.reset();
    peer_.clear();
    if (listener_) {
        deadline_ = {};
        return set(State::listening, reason + ", listening");
    }
    if (Clock::now() - connected_at_ >= kLasting) delay_ = backoff_.first;
    wait(reason);
}

void Connection::wait(const std::string& reason) {
    socket_.reset();
    addresses_.reset();
    peer_.clear();
    // Jitter keeps many ports from calling a host that comes back all at once.
    const auto quarter = delay_.count() / 4;
    const std::chrono::milliseconds delay(
        delay_.count() - quarter +
        static_cast<int64_t>(random_() % static_cast<uint64_t>(2 * quarter + 1)));
    deadline_ = Clock::now() + delay;
    char seconds[32];
    std::snprintf(seconds, sizeof seconds, "%.1f", static_cast<double>(delay.count()) / 1000);
    set(State::waiting, reason + ", retry in " + seconds + " s");
    delay_ = std::min(delay_ * 2, backoff_.last);
}

}  // namespace opendext::serial_tcp
