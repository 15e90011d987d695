// SPDX-License-Identifier: Apache-2.0
// Small pieces that follow each other. Each costs a wake-up, and by then others have had the
// processor's caches: so what runs for one is as little as there can be.
#include "apps/serial-over-tcp/agent/port.h"
#include "families/serial/driver/pace.h"

namespace opendext::serial_tcp {
namespace {

/// So many small rounds, one after the other, are a stream of pieces.
constexpr unsigned kStream = 2;

}  // namespace

/// Passes small pieces on, until `wake` or until there is anything else to do. False: there is no
/// stream of them, or it is not one of bytes as they are, and nothing has been waited for.
bool Port::wait_for_pieces(Clock::time_point wake) {
    const uint64_t moved = sent_ + received_;
    const bool stream = std::exchange(slept_at_, moved) != moved && small_rounds_ >= kStream;
    if (!stream || !open_ || peers_full_ || ring_full_ || (backlog_ && !backlog_->empty()) ||
        connection_->state() != Connection::State::connected || !peers_.plain() ||
        !stream_.watch({.bell = driver_->bell(),
                        .peer = connection_->socket(),
                        .others = {wake_.get(), driver_->fd(), connection_->listener_fd()},
                        .driver = driver_->instance(),
                        .peer_id = connection_->peers().front().id}))
        return false;
    stream_.until(wake);
    for (;;) {
        const StreamWait::Woken woken = stream_.wait();
        if (woken.bell) {
            driver_->hear();
            settled_ = false;
        }
        if (woken.other || driver_->gone()) return true;
        if (woken.bell && !pass_out()) return true;
        if (woken.peer && !pass_in()) return true;
    }
}

/// The driver rang. False: it was not, or not only, for a small piece that has gone to the peer.
bool Port::pass_out() {
    do {
        if (!rings_.unchanged()) return false;
        const Stretch bytes = rings_.transmit();
        if (bytes.size == 0 || bytes.size >= serial::Pace::kBulk) return false;
        const Moved sent = peers_.send(bytes);
        if (!sent.moved()) return false;
        if (backlog_) backlog_->passed();
        rings_.transmit_done(sent.bytes);
        sent_ += sent.bytes;
        if (rings_.doorbell_due(false)) driver_->doorbell();
        if (sent.bytes < bytes.size) return false;
    } while (!rings_.sleep_transmit());
    if (acknowledge_at_ == Clock::time_point{} && rings_.unacknowledged()) {
        acknowledge_later(serial::clock_now());
        stream_.until_at_most(acknowledge_at_);
    }
    return true;
}

/// The peer sent bytes. False: more than a small piece, or they could not be had.
bool Port::pass_in() {
    if (!rings_.unchanged()) return false;
    const Stretch room = rings_.receive_room();
    if (room.size < serial::Pace::kBulk) return false;
    const Moved got = peers_.receive(room);
    if (!got.moved()) return false;
    rings_.receive_done(got.bytes);
    received_ += got.bytes;
    settled_ = false;
    if (rings_.doorbell_due(false)) driver_->doorbell();
    return got.bytes < serial::Pace::kBulk;
}

}  // namespace opendext::serial_tcp
