// SPDX-License-Identifier: Apache-2.0
#include "apps/serial-over-tcp/agent/stream_wait.h"

#include <sys/epoll.h>
#include <sys/timerfd.h>

#include "rpc/plain_calls.h"

namespace opendext::serial_tcp {
namespace {

enum What : uint64_t { kBell, kPeer, kTime, kOther };

}  // namespace

bool StreamWait::add(int fd, uint32_t events, uint64_t what) {
    if (fd < 0) return true;
    epoll_event event{};
    event.events = events;
    event.data.u64 = what;
    return ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0;
}

StreamWait::StreamWait()
    : epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      timer_(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)) {}

bool StreamWait::watch(const Watched& watched) {
    if (watching_ && watched == watched_) return true;
    epoll_.reset();  // and all that it watches
    epoll_.reset(::epoll_create1(EPOLL_CLOEXEC));
    watched_ = watched;
    bool all = timer_ && epoll_ && add(timer_.get(), EPOLLIN, kTime) &&
               add(watched.bell, EPOLLIN, kBell) && add(watched.peer, EPOLLIN | EPOLLRDHUP, kPeer);
    for (const int fd : watched.others) all = all && add(fd, EPOLLIN, kOther);
    return watching_ = all;
}

void StreamWait::until(Clock::time_point when) {
    if (when == until_ && !fired_) return;
    using std::chrono::nanoseconds;
    using std::chrono::seconds;
    const auto since = when.time_since_epoch();
    itimerspec time{};  // 0: never
    time.it_value.tv_sec = std::chrono::floor<seconds>(since).count();
    time.it_value.tv_nsec = nanoseconds(since % seconds(1)).count();
    ::timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &time, nullptr);
    until_ = when;
    fired_ = false;
}

void StreamWait::until_at_most(Clock::time_point when) {
    if (until_ == Clock::time_point{} || when < until_) until(when);
}

StreamWait::Woken StreamWait::wait() {
    Woken woken;
    std::array<epoll_event, 6> events;
    const int count =
        plain::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()));
    woken.other = count <= 0;
    for (int i = 0; i < count; ++i) {
        const epoll_event& event = events[static_cast<size_t>(i)];
        const bool plain = event.events == EPOLLIN;
        if (event.data.u64 == kTime) fired_ = true;
        if (event.data.u64 == kBell && plain) {
            woken.bell = true;
        } else if (event.data.u64 == kPeer && plain) {
            woken.peer = true;
        } else {
            woken.other = true;
        }
    }
    return woken;
}

}  // namespace opendext::serial_tcp
