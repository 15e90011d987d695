// SPDX-License-Identifier: Apache-2.0
#include "daemon/connection.h"

#include <sys/epoll.h>

#include <string>
#include <utility>

#include "rpc/probe.h"
#include "rpc/socket_peek.h"

namespace opendext::daemon {
namespace {
constexpr size_t kMessagesPerTurn = 32;
}

Connection::Connection(EventLoop& loop, Socket socket, Limits limits, OnMessage on_message,
                       OnClosed on_closed)
    : loop_(loop),
      socket_(std::move(socket)),
      limits_(limits),
      on_message_(std::move(on_message)),
      on_closed_(std::move(on_closed)) {
    watch_ = loop_.watch(socket_.fd(), EPOLLIN, [this](uint32_t events) { ready(events); });
    if (!watch_) fail(Error{Errc::system, 0, "cannot watch a connection"});
}

Connection::~Connection() {
    close();
}

void Connection::close() {
    // What was said so far reaches the other end, if it takes it.
    alive_.reset();
    closing_ = false;
    may_go();
    watch_.reset();
    clear_queue();
    socket_.close();
}

void Connection::fail(Error reason) {
    if (!socket_.valid()) return;
    watch_.reset();
    clear_queue();
    may_go_ = 0;
    socket_.close();
    if (!alive_) return;
    loop_.post([this, alive = std::weak_ptr<bool>(alive_), reason = std::move(reason)] {
        if (!alive.expired() && on_closed_) on_closed_(reason);
    });
}

void Connection::queue(Message message) {
    queued_bytes_ += message.body.size();
    queue_.push_back(std::move(message));
    if (on_queue_) on_queue_(first_ + queue_.size() - 1);
}

/// The front has left.
void Connection::unqueue() {
    queued_bytes_ -= queue_.front().body.size();
    queue_.pop_front();
    const uint64_t number = first_++;
    if (on_queue_) on_queue_(number);
}

void Connection::clear_queue() {
    while (!queue_.empty()) unqueue();
}

void Connection::number_queue(uint64_t first, OnQueue changed) {
    first_ = first;
    on_queue_ = std::move(changed);
}

const Message* Connection::waiting(uint64_t number) const {
    const uint64_t place = number - first_;
    return place < queue_.size() ? &queue_[place] : nullptr;
}

void Connection::send(Message message) {
    if (!socket_.valid() || closing_) return;
    const bool later = loop_.settles();
    // A burst that the queue has no room for must not wait for the end of the turn.
    if (later && (queue_.size() >= limits_.messages / 2 || queued_bytes_ > limits_.bytes / 2) &&
        may_go_ < queue_.size())
        loop_.settle();
    if (!socket_.valid()) return;
    if (queue_.empty() && !later) {
        const Status sent = socket_.send(message, Socket::Wait::dont_block);
        if (sent.ok()) return;
        if (sent.error().code != Errc::no_space) {
            fail(sent.error());
            return;
        }
    }
    if (queue_.size() >= limits_.messages || queued_bytes_ + message.body.size() > limits_.bytes) {
        fail(Error{
            Errc::no_space, 0,
            "the other end does not read: " + std::to_string(queue_.size()) + " messages wait"});
        return;
    }
    queue(std::move(message));
    if (!later) {
        may_go();
    } else if (!std::exchange(settling_, true)) {
        loop_.when_settled(
            [this, alive = std::weak_ptr<bool>(alive_)] {
                if (!alive.expired()) may_go();
            },
            limits_.goes_first ? EventLoop::Settled::first : EventLoop::Settled::next);
    }
}

void Connection::may_go() {
    settling_ = false;
    if (!socket_.valid()) return;
    may_go_ = queue_.size();
    write_some();
}

void Connection::close_after_queue() {
    closing_ = true;
    if (queue_.empty()) fail(Error{Errc::peer_gone, 0, "closed"});
}

void Connection::update_events() {
    if (watch_) watch_->set_events(may_go_ == 0 ? EPOLLIN : EPOLLIN | EPOLLOUT);
}

void Connection::ready(uint32_t events) {
    const std::weak_ptr<bool> alive = alive_;
    if ((events & EPOLLOUT) != 0) write_some();
    if (alive.expired() || !socket_.valid()) return;
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) read_some(kMessagesPerTurn);
}

void Connection::drain(size_t limit) {
    handled();
    limits_.keep_until_settled = false;
    read_some(limit);
}

/// The oldest message has been seen to: it leaves the socket.
void Connection::handled() {
    OPENDEXT_PROBE(daemon_handled);
    if (std::exchange(handled_, false) && socket_.valid()) discard(socket_);
}

bool Connection::read_some(size_t limit) {
    const std::weak_ptr<bool> alive = alive_;
    const bool keep = limits_.keep_until_settled && loop_.settles();
    for (size_t i = 0; i < limit; ++i) {
        if (!socket_.valid() || handled_) return false;
        Result<std::optional<Message>> received =
            keep ? peek(socket_) : socket_.receive(Socket::Wait::dont_block);
        if (!received.ok()) {
            fail(std::move(received).error());
            return false;
        }
        if (!received.value().has_value()) return true;
        if (keep) {
            handled_ = true;
            loop_.when_settled(
                [this, alive] {
                    if (!alive.expired()) handled();
                },
                EventLoop::Settled::last);
        }
        on_message_(std::move(*received.value()));
        if (alive.expired()) return false;
    }
    return true;
}

void Connection::write_some() {
    while (may_go_ > 0) {
        const Status sent = socket_.send(queue_.front(), Socket::Wait::dont_block);
        if (!sent.ok()) {
            if (sent.error().code != Errc::no_space) fail(sent.error());
            update_events();
            return;
        }
        OPENDEXT_PROBE(daemon_sent);
        unqueue();
        --may_go_;
    }
    update_events();
    if (closing_ && queue_.empty()) fail(Error{Errc::peer_gone, 0, "closed"});
}

}  // namespace opendext::daemon
