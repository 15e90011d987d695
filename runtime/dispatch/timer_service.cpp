// SPDX-License-Identifier: Apache-2.0
#include "runtime/dispatch/timer_service.h"

#include <poll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "runtime/dispatch/thread_pool.h"
#include "runtime/log/log.h"

namespace opendext::runtime {
namespace {

constexpr clockid_t kClockIds[] = {CLOCK_MONOTONIC, CLOCK_BOOTTIME, CLOCK_REALTIME};

}  // namespace

uint64_t now(TimerClock clock) {
    timespec time{};
    clock_gettime(kClockIds[static_cast<size_t>(clock)], &time);
    return static_cast<uint64_t>(time.tv_sec) * 1000000000u + static_cast<uint64_t>(time.tv_nsec);
}

TimerService& TimerService::shared() {
    static auto& service = *new TimerService;  // its thread never ends
    return service;
}

void TimerService::start(std::unique_lock<std::mutex>& lock) {
    started_ = true;
    for (size_t i = 0; i < clocks_.size(); ++i) {
        clocks_[i].timer.reset(timerfd_create(kClockIds[i], TFD_CLOEXEC | TFD_NONBLOCK));
        if (!clocks_[i].timer) {
            log(LogType::fault, "cannot make a timer: %s", strerror(errno));
            abort();
        }
    }
    lock.unlock();
    start_thread("timer", make_task([this] { run(); }));
    lock.lock();
}

void TimerService::program(Clock& clock) {
    itimerspec when{};
    int flags = TFD_TIMER_ABSTIME;
    if (&clock == &clocks_[static_cast<size_t>(TimerClock::wall)]) flags |= TFD_TIMER_CANCEL_ON_SET;
    if (!clock.deadlines.empty()) {
        // 0 would disarm; a deadline beyond 2^62 ns means never.
        uint64_t deadline = clock.deadlines.begin()->first.first;
        if (deadline == 0) deadline = 1;
        if (deadline > (uint64_t{1} << 62)) deadline = uint64_t{1} << 62;
        when.it_value.tv_sec = static_cast<time_t>(deadline / 1000000000u);
        when.it_value.tv_nsec = static_cast<long>(deadline % 1000000000u);
    }
    if (timerfd_settime(clock.timer.get(), flags, &when, nullptr) != 0) {
        log(LogType::fault, "cannot set a timer: %s", strerror(errno));
    }
}

void TimerService::remove(const TimerClient* client) {
    const auto place = places_.find(client);
    if (place == places_.end()) return;
    clocks_[place->second.first].deadlines.erase(place->second.second);
    places_.erase(place);
}

void TimerService::arm(const std::shared_ptr<TimerClient>& client, TimerClock clock,
                       uint64_t deadline, uint64_t generation) {
    std::unique_lock lock(mutex_);
    if (!started_) start(lock);
    remove(client.get());
    const auto index = static_cast<size_t>(clock);
    const Key key{deadline, client.get()};
    clocks_[index].deadlines[key] = {client, generation};
    places_[client.get()] = {index, key};
    if (clocks_[index].deadlines.begin()->first == key) program(clocks_[index]);
}

void TimerService::disarm(const TimerClient* client) {
    const std::lock_guard lock(mutex_);
    // The timer may fire once for nothing; that is cheaper than two system calls for each change.
    remove(client);
}

void TimerService::run() {
    pollfd polled[3];
    for (size_t i = 0; i < 3; ++i) polled[i] = {clocks_[i].timer.get(), POLLIN, 0};
    for (;;) {
        if (poll(polled, 3, -1) < 0 && errno != EINTR) {
            log(LogType::fault, "timer thread: %s", strerror(errno));
            abort();
        }
        std::vector<Armed> due;
        {
            const std::lock_guard lock(mutex_);
            for (size_t i = 0; i < 3; ++i) {
                uint64_t count = 0;
                // ECANCELED tells of a jump of the wall clock: the deadlines are looked at again
                // like after an expiry.
                if (read(polled[i].fd, &count, sizeof count) < 0 && errno == EAGAIN) continue;
                Clock& clock = clocks_[i];
                const uint64_t time = now(static_cast<TimerClock>(i));
                while (!clock.deadlines.empty() && clock.deadlines.begin()->first.first <= time) {
                    const auto first = clock.deadlines.begin();
                    places_.erase(first->first.second);
                    due.push_back(std::move(first->second));
                    clock.deadlines.erase(first);
                }
                program(clock);
            }
        }
        for (const Armed& armed : due) {
            if (const auto client = armed.client.lock()) client->expired(armed.generation);
        }
    }
}

}  // namespace opendext::runtime
