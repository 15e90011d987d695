// SPDX-License-Identifier: Apache-2.0
#include "apps/serial-over-tcp/agent/peers.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace opendext::serial_tcp {
namespace {

/// A stretch that begins `from` bytes later.
Stretch rest_of(const Stretch& bytes, size_t from) {
    Stretch rest;
    rest.size = bytes.size - from;
    for (int i = 0; i < bytes.count; ++i) {
        const iovec& piece = bytes.pieces[static_cast<size_t>(i)];
        const size_t skip = std::min(from, piece.iov_len);
        from -= skip;
        if (skip == piece.iov_len) continue;
        rest.pieces[static_cast<size_t>(rest.count++)] = {
            static_cast<std::byte*>(piece.iov_base) + skip, piece.iov_len - skip};
    }
    return rest;
}

}  // namespace

void Peers::follow(Clock::time_point now, bool receives, const telnet::LineSettings& settings) {
    for (const Connection::Peer& peer : connection_.peers()) {
        const bool known = std::any_of(wires_.begin(), wires_.end(),
                                       [&](const One& one) { return one.id == peer.id; });
        if (known) continue;
        One& one = wires_.emplace_back();
        one.id = peer.id;
        one.socket = peer.socket.get();
        one.wire = std::make_unique<Wire>(one.socket, setup_, settings, owner_);
    }
    for (One& one : wires_) {
        if (const Connection::Peer* peer = connection_.find(one.id);
            peer != nullptr && !peer->vanished.empty()) {
            lost(one, peer->vanished);
            continue;
        }
        if (const Moved stepped = one.wire->step(receives); stepped.gone()) {
            lost(one, stepped.reason);
            continue;
        }
        if (one.behind() != 0 && !send_lag(one) && one.behind() >= limits_.most_lag &&
            now - one.took_at >= limits_.stall) {
            lost(one, "it took nothing for too long while " + std::to_string(one.behind()) +
                          " bytes waited for it");
        }
    }
    forget_lost();
}

void Peers::lost(One& one, const std::string& reason) {
    any_lost_ = true;
    one.wire.reset();  // before its socket closes
    connection_.lost(one.id, reason);
}

void Peers::forget_lost() {
    if (!std::exchange(any_lost_, false)) return;
    std::erase_if(wires_, [](const One& one) { return one.wire == nullptr; });
}

bool Peers::open() const {
    return std::any_of(wires_.begin(), wires_.end(),
                       [](const One& one) { return one.wire->open(); });
}

bool Peers::plain() const {
    return wires_.size() == 1 && !any_lost_ && !wires_.front().finished &&
           wires_.front().behind() == 0 && wires_.front().wire->plain();
}

/// Whether bytes went to `one`, which is lost if it turned out to be gone.
bool Peers::take(One& one, const Moved& moved) {
    if (moved.gone()) lost(one, moved.reason);
    if (moved.moved()) connection_.sending();
    return moved.moved();
}

Moved Peers::send(const Stretch& bytes) {
    if (wires_.size() > 1 || (wires_.size() == 1 && wires_.front().behind() != 0))
        return send_to_all(bytes);
    if (wires_.empty() || !wires_.front().wire->open()) return Moved::block();
    Moved sent = wires_.front().wire->send(bytes);
    if (take(wires_.front(), sent)) return sent;
    forget_lost();
    return Moved::block();
}

/// Sends what waits for `one`; true if any of it went.
bool Peers::send_lag(One& one) {
    bool moved = false;
    while (one.wire && one.behind() != 0) {
        const Moved sent = one.wire->send(one.lag.front());
        if (!take(one, sent)) break;
        one.lag.pop(sent.bytes);
        moved = true;
    }
    if (moved) one.took_at = Clock::now();
    return moved;
}

void Peers::fall_behind(One& one, const Stretch& bytes, size_t from) {
    const Stretch rest = rest_of(bytes, from);
    if (rest.size == 0) return;
    if (one.behind() == 0) one.took_at = Clock::now();
    for (int i = 0; i < rest.count; ++i) {
        const iovec& piece = rest.pieces[static_cast<size_t>(i)];
        one.lag.append(piece.iov_base, piece.iov_len);
    }
}

Moved Peers::send_to_all(const Stretch& bytes) {
    bool somebody = false;  // is open and has had everything so far
    bool all_can = true;
    for (One& one : wires_) {
        send_lag(one);
        if (!one.wire || !one.wire->open()) continue;
        if (one.behind() == 0) somebody = true;
        if (one.behind() >= limits_.most_lag) all_can = false;
    }
    forget_lost();
    if (!somebody || !all_can) return Moved::block();
    // The first who is not behind says how much is sent now; the others get as much.
    size_t most = 0;
    std::vector<size_t> went(wires_.size(), 0);
    for (size_t i = 0; i < wires_.size(); ++i) {
        One& one = wires_[i];
        if (!one.wire->open() || one.behind() != 0) continue;
        const Moved sent = one.wire->send(bytes);
        if (take(one, sent)) went[i] = sent.bytes;
        most = std::max(most, went[i]);
    }
    for (size_t i = 0; i < wires_.size() && most != 0; ++i) {
        One& one = wires_[i];
        if (!one.wire || !one.wire->open()) continue;
        Stretch part = bytes;
        part.size = most;
        size_t left = most;
        for (int p = 0; p < part.count; ++p) {
            iovec& piece = part.pieces[static_cast<size_t>(p)];
            piece.iov_len = std::min(piece.iov_len, left);
            left -= piece.iov_len;
        }
        fall_behind(one, part, went[i]);
    }
    forget_lost();
    return most != 0 ? Moved::some(most) : Moved::block();
}

Moved Peers::receive(const Stretch& room) {
    const size_t count = wires_.size();
    bool again = false;
    for (size_t i = 0; i < count; ++i) {
        One& one = wires_[(turn_ + i) % count];
        if (!one.wire->open()) continue;
        Moved got = one.wire->receive(room);
        if (got.gone()) {
            lost(one, got.reason);
        } else if (got.moved() && got.bytes != 0) {
            turn_ = (turn_ + i + 1) % count;  // the next one's turn
            forget_lost();
            return got;
        } else if (got.moved()) {
            again = true;  // words of the protocol
        }
    }
    forget_lost();
    return again ? Moved::some(0) : Moved::block();
}

void Peers::add_to(std::vector<pollfd>& fds, bool receives, bool sends) {
    // While one is too far behind, the others wait for it, not for their sockets.
    const bool held_up = std::any_of(wires_.begin(), wires_.end(), [this](const One& one) {
        return one.behind() >= limits_.most_lag;
    });
    for (const One& one : wires_) {
        short events = one.wire->events(receives, one.behind() != 0 || (sends && !held_up));
        if (!one.finished) events |= POLLRDHUP;
        fds.push_back({events != 0 ? one.socket : -1, events, 0});
    }
}

void Peers::polled(const pollfd* fds) {
    for (One& one : wires_) {
        const short events = (fds++)->revents;
        if ((events & (POLLRDHUP | POLLHUP | POLLERR)) == 0 || (events & POLLIN) != 0) continue;
        // The peer closed. What it sent before is still delivered, as soon as there is room and
        // somebody reads.
        if ((events & POLLERR) != 0 || one.wire->drained()) {
            lost(one, kPeerGone);
        } else {
            one.finished = true;
        }
    }
    forget_lost();
}

bool Peers::buffered() const {
    return std::any_of(wires_.begin(), wires_.end(),
                       [](const One& one) { return one.wire->buffered(); });
}

Clock::time_point Peers::deadline() const {
    Clock::time_point first{};
    const auto consider = [&first](Clock::time_point when) {
        if (when != Clock::time_point{} && (first == Clock::time_point{} || when < first))
            first = when;
    };
    for (const One& one : wires_) {
        consider(one.wire->deadline());
        if (one.behind() >= limits_.most_lag) consider(one.took_at + limits_.stall);
    }
    return first;
}

}  // namespace opendext::serial_tcp
