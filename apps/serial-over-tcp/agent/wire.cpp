// SPDX-License-Identifier: Apache-2.0
#include "apps/serial-over-tcp/agent/wire.h"

#include <poll.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "apps/serial-over-tcp/agent/tls.h"

namespace opendext::serial_tcp {
namespace {

/// Bytes of the line that are encoded at a time; what waits for the socket is bounded by about
/// twice this.
constexpr size_t kBatch = 32 * 1024;
/// Bytes of the line that wait while nobody has room. Behind more of them the peer's questions
/// wait.
constexpr size_t kReadAhead = 4 * 1024;
/// Answers that a peer does not take: it is not heard until it does.
constexpr size_t kMostAnswers = 64 * 1024;
/// Pieces of nothing but Telnet's words that one receive() looks at.
constexpr int kRounds = 16;
constexpr const char* kSignature = "OpenDext serial-over-tcp";

telnet::Bytes bytes_of(const iovec& piece, size_t count) {
    return {static_cast<const uint8_t*>(piece.iov_base), count};
}

}  // namespace

/// Takes what is decoded. It lies in the same memory: decoding never makes bytes more, so writing
/// stays behind reading.
class Wire::Room {
  public:
    explicit Room(const Stretch& room) : room_(room) {}
    void put(telnet::Bytes data) {
        while (!data.empty() && piece_ < room_.count) {
            const iovec& piece = room_.pieces[static_cast<size_t>(piece_)];
            const size_t count = std::min(data.size(), piece.iov_len - at_);
            std::memmove(static_cast<uint8_t*>(piece.iov_base) + at_, data.data(), count);
            data = data.subspan(count);
            at_ += count;
            filled_ += count;
            if (at_ == piece.iov_len) {
                ++piece_;
                at_ = 0;
            }
        }
    }
    [[nodiscard]] size_t filled() const { return filled_; }

  private:
    const Stretch& room_;
    int piece_ = 0;
    size_t at_ = 0;
    size_t filled_ = 0;
};

Wire::Wire(int socket, const WireSetup& setup, const telnet::LineSettings& settings,
           WireOwner& owner)
    : owner_(owner),
      socket_(socket),
      plain_(setup.tls == nullptr),
      settle_after_(setup.settle_after),
      answer_limit_(setup.answer_limit),
      session_(setup.protocol, setup.role, *this, kSignature),
      settings_(settings) {
    if (setup.tls == nullptr) {
        transport_ = std::make_unique<PlainTransport>(socket);
        begin_session();
    } else {
        transport_ = make_tls_transport(socket, *setup.tls);
        deadline_ = Clock::now() + setup.handshake_limit;
    }
}

Wire::~Wire() = default;

void Wire::begin_session() {
    state_ = State::deciding;
    deadline_ = Clock::now() + settle_after_;
    session_.start(settings_, out_);
    decide();
}

void Wire::on_mode(telnet::Mode mode) {
    if (mode == telnet::Mode::telnet && state_ == State::deciding)
        deadline_ = Clock::now() + answer_limit_;
    if (mode == telnet::Mode::telnet) ask_at_ = Clock::now() + settle_after_;
    owner_.on_mode(mode);
}

/// Opens as soon as it is clear how data is sent, or it was waited for long enough.
void Wire::decide() {
    const bool late = Clock::now() >= deadline_;
    if (late) session_.settle_for_raw();
    if (!late && !session_.settled()) return;
    state_ = State::open;
    deadline_ = {};
}

std::string Wire::text() const {
    switch (state_) {
        case State::handshake:
            return "TLS handshake";
        case State::deciding:
            return "Telnet negotiation";
        case State::open:
            return "";
        case State::gone:
            return "gone";
    }
    return "?";
}

Moved Wire::over(std::string reason) {
    state_ = State::gone;
    return Moved::over(std::move(reason));
}

Moved Wire::watch(Moved moved) {
    if (moved.gone()) state_ = State::gone;
    return moved;
}

Moved Wire::flush() {
    Moved moved = transport_->flush();
    while (moved.moved() && sent_ < out_.size()) {
        const iovec rest{out_.data() + sent_, out_.size() - sent_};
        moved = transport_->send({&rest, 1});
        sent_ += moved.bytes;
    }
    if (sent_ == out_.size()) {
        out_.clear();
        sent_ = 0;
    }
    return moved;
}

bool Wire::reads_ahead() const {
    return !passes_through() && in_.size() < kReadAhead && end_.empty() &&
           out_.size() < kMostAnswers;
}

Moved Wire::read_ahead() {
    std::array<uint8_t, kReadAhead> buffer;
    const iovec room{buffer.data(), buffer.size()};
    for (int round = 0; round < kRounds && reads_ahead(); ++round) {
        Moved got = transport_->receive({&room, 1});
        if (got.gone()) session_.settle_for_raw();
        if (got.gone() && !in_.empty()) {
            end_ = std::move(got.reason);  // what it sent before is delivered first
            break;
        }
        if (!got.moved()) return got;
        session_.feed({buffer.data(), got.bytes}, out_);
    }
    return Moved::block();
}

Moved Wire::step(bool receives) {
    if (state_ == State::handshake) {
        Moved agreed = transport_->handshake();
        if (agreed.gone()) return watch(std::move(agreed));
        if (agreed.moved()) {
            begin_session();
        } else if (Clock::now() >= deadline_) {
            return over("TLS handshake: no answer");
        } else {
            return Moved::some(0);
        }
    }
    if (reads_ahead() && !(receives && state_ == State::open)) {
        if (Moved ahead = read_ahead(); ahead.gone()) return watch(std::move(ahead));
    }
    if (state_ == State::deciding) decide();
    if (ask_at_ != Clock::time_point{} && Clock::now() >= ask_at_) {
        ask_at_ = {};
        session_.ask_for_com_port(out_);
    }
    Moved flushed = flush();
    if (!flushed.gone()) return Moved::some(0);
    if (in_.empty() && end_.empty()) return watch(std::move(flushed));
    // What the peer sent before is delivered first.
    out_.clear();
    sent_ = 0;
    if (end_.empty()) end_ = std::move(flushed.reason);
    return Moved::some(0);
}

Moved Wire::send(const Stretch& bytes) {
    if (state_ != State::open || suspended_) return Moved::block();
    const std::span<const iovec> pieces(bytes.pieces.data(), static_cast<size_t>(bytes.count));
    if (passes_through() && out_.empty()) return watch(transport_->send(pieces));
    if (Moved flushed = flush(); !flushed.moved()) return watch(std::move(flushed));
    size_t taken = 0;
    for (const iovec& piece : pieces) {
        const size_t count = std::min(piece.iov_len, kBatch - taken);
        session_.append(bytes_of(piece, count), out_);
        taken += count;
    }
    // What does not go now waits in here; the bytes were taken in any case.
    if (Moved flushed = flush(); flushed.gone()) return watch(std::move(flushed));
    return Moved::some(taken);
}

void Wire::on_data(telnet::Bytes data) {
    if (room_ != nullptr) {
        room_->put(data);
    } else {
        in_.append(reinterpret_cast<const char*>(data.data()), data.size());
    }
}

Moved Wire::receive(const Stretch& room) {
    if (state_ != State::open) return Moved::block();
    if (!in_.empty()) {
        Room target(room);
        const size_t count = std::min(in_.size(), room.size);
        target.put({reinterpret_cast<const uint8_t*>(in_.data()), count});
        in_.erase(0, count);
        return Moved::some(count);
    }
    if (!end_.empty()) return over(std::exchange(end_, {}));
    const std::span<const iovec> pieces(room.pieces.data(), static_cast<size_t>(room.count));
    if (passes_through()) return watch(transport_->receive(pieces));
    if (out_.size() >= kMostAnswers) return Moved::block();
    Room target(room);
    for (int round = 0; round < kRounds && target.filled() == 0; ++round) {
        Moved got = transport_->receive(pieces);
        if (!got.moved()) return watch(std::move(got));
        room_ = &target;
        size_t left = got.bytes;
        for (const iovec& piece : pieces) {
            const size_t count = std::min(left, piece.iov_len);
            session_.feed(bytes_of(piece, count), out_);
            left -= count;
        }
        room_ = nullptr;
        // Answers go at once: the peer waits for them.
        if (Moved flushed = flush(); flushed.gone() && target.filled() == 0)
            return watch(std::move(flushed));
    }
    return Moved::some(target.filled());
}

short Wire::events(bool receive, bool send) const {
    if (state_ == State::handshake) return transport_->events(false, false);
    const bool reads = receive ? passes_through() || out_.size() < kMostAnswers : reads_ahead();
    return transport_->events(reads, !out_.empty() || (send && open() && !suspended_));
}

bool Wire::buffered() const {
    return !in_.empty() || !end_.empty() || (open() && transport_->buffered());
}

bool Wire::drained() const {
    int pending = 0;
    return !buffered() && (::ioctl(socket_, FIONREAD, &pending) != 0 || pending == 0);
}

void Wire::set(const telnet::LineSettings& settings) {
    settings_ = settings;
    if (state_ != State::handshake) session_.set(settings, out_);
}

void Wire::purge(telnet::Purge what) {
    session_.purge(what, out_);
}

void Wire::suspend(bool suspended) {
    session_.suspend(suspended, out_);
}

void Wire::tell_modem_state(uint8_t state) {
    session_.tell_modem_state(state, out_);
}

void Wire::tell_line_state(uint8_t state) {
    session_.tell_line_state(state, out_);
}

}  // namespace opendext::serial_tcp
