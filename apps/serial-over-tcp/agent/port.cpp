// SPDX-License-Identifier: Apache-2.0
#include "apps/serial-over-tcp/agent/port.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace opendext::serial_tcp {
namespace {

using std::chrono::milliseconds;

/// How soon a driver that could not be opened is tried again.
constexpr milliseconds kDriverRetry{50};
/// Batches of one direction before the other gets its turn.
constexpr int kBatches = 8;
/// A driver that offers nothing new is told after this time that everything was taken; otherwise it
/// sees it then.
constexpr milliseconds kAcknowledge{2};

}  // namespace

Port::Port(std::string name, std::unique_ptr<Connection> connection)
    : name_(std::move(name)),
      connection_(std::move(connection)),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (remote().mode == Remote::Mode::listen) setup_.role = telnet::Session::Role::server;
}

Port::~Port() {
    stop_ = true;
    const uint64_t one = 1;
    (void)!::write(wake_.get(), &one, sizeof one);
    if (thread_.joinable()) thread_.join();
}

void Port::start() {
    thread_ = std::thread([this] { run(); });
    ::pthread_setname_np(thread_.native_handle(), ("port " + name_).substr(0, 15).c_str());
}

void Port::run() {
    driver_ = std::make_unique<DriverLink>(name_);
    while (!stop_) {
        driver_->dispatch();
        follow_driver();
        connection_->step();
        follow_connection();
        report();
        if (!move()) sleep();
    }
    rings_.detach();
    driver_.reset();
}

void Port::follow_driver() {
    if (driver_->gone()) {
        rings_.detach();  // saves what the driver may not have taken, then the memory goes
        open_ = false;
        driver_->lose();
    }
    if (driver_->memory() == nullptr && driver_->take()) {
        rings_.attach(driver_->memory());
        reported_ = 0;
    }
}

/// Gives a new connection its wire, and keeps that of the present one going.
void Port::follow_connection() {
    if (connection_->socket() < 0) return;
    if (!wire_) {
        socket_full_ = peer_finished_ = false;
        wire_ =
            std::make_unique<Wire>(connection_->socket(), setup_, telnet::LineSettings{}, *this);
    }
    if (const Moved stepped = wire_->step(open_ && !ring_full_); stepped.gone())
        lost(stepped.reason);
}

void Port::lost(const std::string& reason) {
    wire_.reset();
    connection_->lost(reason);
}

/// False if there is nothing to do but wait.
bool Port::move() {
    ring_full_ = false;
    if (!rings_.attached()) return false;
    open_ = rings_.refresh();
    if (!open_) return false;
    bool moved = false;
    moved |= send_out();
    moved |= receive_in();
    if (moved) acknowledge_at_ = {};
    if (rings_.doorbell_due(acknowledge_at_ != Clock::time_point{} &&
                            Clock::now() >= acknowledge_at_)) {
        acknowledge_at_ = {};
        driver_->doorbell();
    }
    return moved;
}

bool Port::send_out() {
    bool moved = false;
    socket_full_ = false;
    for (int batch = 0; batch < kBatches && wire_ && wire_->open(); ++batch) {
        const Stretch bytes = rings_.transmit();
        if (bytes.size == 0) break;
        const Moved sent = wire_->send(bytes);
        if (sent.gone()) lost(sent.reason);
        socket_full_ = sent.blocked();
        if (!sent.moved()) break;
        rings_.transmit_done(sent.bytes);
        sent_ += sent.bytes;
        moved = true;
        if (rings_.doorbell_due(false)) driver_->doorbell();
    }
    return moved;
}

bool Port::receive_in() {
    bool moved = false;
    for (int batch = 0; batch < kBatches && wire_ && wire_->open(); ++batch) {
        const Stretch room = rings_.receive_room();
        if (room.size == 0) {
            ring_full_ = true;
            break;
        }
        const Moved got = wire_->receive(room);
        if (got.gone()) lost(got.reason);
        if (!got.moved()) break;
        rings_.receive_done(got.bytes);
        received_ += got.bytes;
        moved = true;
        if (rings_.doorbell_due(false)) driver_->doorbell();
    }
    return moved;
}

void Port::report() {
    if (driver_->memory() == nullptr || reported_ == connection_->version()) return;
    reported_ = connection_->version();
    SerialOverTCPState state{};
    std::snprintf(state.state, sizeof state.state, "%s", connection_->text().c_str());
    std::snprintf(state.peer, sizeof state.peer, "%s", connection_->peer().c_str());
    state.connections = connection_->connections();
    state.bytesSent = sent_;
    state.bytesReceived = received_;
    driver_->set_state(state);
}

void Port::sleep() {
    if (reported_ != connection_->version() && driver_->memory() != nullptr) return;
    if (driver_->gone() || stop_) return;

    pollfd fds[4] = {{wake_.get(), POLLIN, 0}, {driver_->fd(), POLLIN, 0}, {-1, 0, 0}, {-1, 0, 0}};
    if (wire_) {
        const bool receives = open_ && !ring_full_;
        if (receives && wire_->buffered()) return;
        short events = wire_->events(receives, open_ && socket_full_);
        if (!peer_finished_) events |= POLLRDHUP;
        fds[2] = {events != 0 ? connection_->socket() : -1, events, 0};
        fds[3] = {connection_->listener_fd(), POLLIN, 0};
    } else {
        fds[2] = {connection_->poll_fd(), connection_->poll_events(), 0};
    }
    if (open_ && wire_) {
        // From here on the driver rings; what it did just before is seen by these two.
        if (!socket_full_ && !rings_.sleep_transmit()) return;
        if (ring_full_ && !rings_.sleep_receive_room()) return;
    }
    int timeout = -1;
    if (open_ && rings_.unacknowledged()) {
        if (acknowledge_at_ == Clock::time_point{}) acknowledge_at_ = Clock::now() + kAcknowledge;
        timeout = static_cast<int>(kAcknowledge.count());
    }
    if (driver_->retry()) timeout = timeout < 0 ? static_cast<int>(kDriverRetry.count()) : timeout;
    for (const auto deadline :
         {connection_->deadline(), wire_ ? wire_->deadline() : Clock::time_point{}}) {
        if (deadline == Clock::time_point{}) continue;
        const auto left = std::chrono::ceil<milliseconds>(deadline - Clock::now());
        const int wait = static_cast<int>(std::clamp<int64_t>(left.count(), 0, 60'000));
        timeout = timeout < 0 ? wait : std::min(timeout, wait);
    }
    ::poll(fds, 4, timeout);
    if (wire_ && (fds[2].revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0 &&
        (fds[2].revents & POLLIN) == 0) {
        // The peer closed. What it sent before is still delivered, as soon as there is room and
        // somebody reads.
        if ((fds[2].revents & POLLERR) != 0 || wire_->drained()) {
            lost(kPeerGone);
        } else {
            peer_finished_ = true;
        }
    }
}

}  // namespace opendext::serial_tcp
