// SPDX-License-Identifier: Apache-2.0
#include "keeper/event.h"

#include <signal.h>
#include <sys/epoll.h>
#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace opendext::keeper {

struct Watch::State : std::enable_shared_from_this<State> {
    std::function<void(int)> call;
    sd_event_source* source = nullptr;
    sd_event_source* again = nullptr;  ///< of a child: a timer, to look another time

    /// Not left to the destructor: the function may be running, and hold this, while the watch ends
    /// and its descriptor is closed. Of a descriptor whose file a forked child has open too, epoll
    /// would keep an entry that leads to freed memory.
    void stop() {
        source = sd_event_source_disable_unref(source);
        again = sd_event_source_disable_unref(again);
    }
    /// Holds the function while it runs: it may end its own watch.
    static int fire(void* data, int argument) {
        const auto self = static_cast<State*>(data)->shared_from_this();
        self->call(argument);
        return 0;
    }
};

namespace {

/// Out of memory or descriptors in the keeper's own loop: nothing sensible is left to do.
void require(int result, const char* what) {
    if (result >= 0) return;
    std::fprintf(stderr, "opendext-keeper: %s: %s\n", what, std::strerror(-result));
    std::abort();
}

constexpr uint64_t kTracedPause = 100'000;  // microseconds

int wait_status(const siginfo_t& info) {
    if (info.si_code == CLD_EXITED) return (info.si_status & 0xff) << 8;
    return info.si_status | (info.si_code == CLD_DUMPED ? WCOREFLAG : 0);
}

}  // namespace

void Watch::end() {
    if (state_) state_->stop();
    state_.reset();
}

Watch& Watch::operator=(Watch&& other) noexcept {
    if (this != &other) {
        end();
        state_ = std::move(other.state_);
    }
    return *this;
}

void Watch::go_first() const {
    if (state_) sd_event_source_set_priority(state_->source, SD_EVENT_PRIORITY_IMPORTANT);
}

void Watch::enable(bool on) const {
    if (state_) sd_event_source_set_enabled(state_->source, on ? SD_EVENT_ON : SD_EVENT_OFF);
}

EventLoop::EventLoop() {
    require(sd_event_new(&event_), "cannot make an event loop");
}
EventLoop::~EventLoop() {
    sd_event_unref(event_);
}

Watch EventLoop::readable(int fd, std::function<void()> call) {
    Watch watch;
    watch.state_ = std::make_shared<Watch::State>();
    watch.state_->call = [call = std::move(call)](int) { call(); };
    const auto handler = [](sd_event_source*, int, uint32_t, void* data) {
        return Watch::State::fire(data, 0);
    };
    require(
        sd_event_add_io(event_, &watch.state_->source, fd, EPOLLIN, handler, watch.state_.get()),
        "cannot watch");
    return watch;
}

Watch EventLoop::after(std::chrono::milliseconds delay, std::function<void()> call) {
    Watch watch;
    watch.state_ = std::make_shared<Watch::State>();
    watch.state_->call = [call = std::move(call)](int) { call(); };
    const auto handler = [](sd_event_source*, uint64_t, void* data) {
        return Watch::State::fire(data, 0);
    };
    require(sd_event_add_time_relative(event_, &watch.state_->source, CLOCK_MONOTONIC,
                                       static_cast<uint64_t>(delay.count()) * 1000, 1000, handler,
                                       watch.state_.get()),
            "cannot set a timer");
    return watch;
}

Watch EventLoop::ended(int pidfd, std::function<void(int)> call) {
    Watch watch;
    watch.state_ = std::make_shared<Watch::State>();
    watch.state_->call = std::move(call);
    // Not sd_event_add_child_pidfd: it looks once, and a child that dies under a debugger cannot be
    // reaped before that one lets go of it.
    const auto look_again = [](sd_event_source*, uint64_t, void* data) {
        return sd_event_source_set_enabled(static_cast<Watch::State*>(data)->source, SD_EVENT_ON);
    };
    const auto handler = [](sd_event_source* source, int fd, uint32_t, void* data) {
        siginfo_t info{};
        const int result = ::waitid(P_PIDFD, static_cast<id_t>(fd), &info, WEXITED | WNOHANG);
        sd_event_source_set_enabled(source, SD_EVENT_OFF);
        if (result != 0 || info.si_pid != 0) return Watch::State::fire(data, wait_status(info));
        sd_event_source* timer = static_cast<Watch::State*>(data)->again;
        sd_event_source_set_time_relative(timer, kTracedPause);
        return sd_event_source_set_enabled(timer, SD_EVENT_ONESHOT);
    };
    Watch::State& state = *watch.state_;
    require(sd_event_add_io(event_, &state.source, pidfd, EPOLLIN, handler, &state),
            "cannot watch a child");
    require(sd_event_add_time_relative(event_, &state.again, CLOCK_MONOTONIC, 0, 1000, look_again,
                                       &state),
            "cannot watch a child");
    sd_event_source_set_enabled(state.again, SD_EVENT_OFF);
    return watch;
}

Watch EventLoop::on_signal(int number, std::function<void()> call) {
    Watch watch;
    watch.state_ = std::make_shared<Watch::State>();
    watch.state_->call = [call = std::move(call)](int) { call(); };
    const auto handler = [](sd_event_source*, const signalfd_siginfo*, void* data) {
        return Watch::State::fire(data, 0);
    };
    require(sd_event_add_signal(event_, &watch.state_->source, number, handler, watch.state_.get()),
            "cannot watch a signal");
    return watch;
}

int EventLoop::run() {
    return sd_event_loop(event_);
}
void EventLoop::quit(int status) {
    sd_event_exit(event_, status);
}

}  // namespace opendext::keeper
