// SPDX-License-Identifier: Apache-2.0
#include "runtime/dispatch/timer_service.h"

#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "runtime/dispatch/watcher.h"
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

class TimerService::ClockWatch final : public WatchClient {
  public:
    ClockWatch(TimerService& service, size_t clock) : service_(service), clock_(clock) {}
    void readable() override { service_.expire(clock_); }

  private:
    TimerService& service_;
    const size_t clock_;
};

void TimerService::start() {
    started_ = true;
    for (size_t i = 0; i < clocks_.size(); ++i) {
        UniqueFd& timer = clocks_[i].timer;
        timer.reset(timerfd_create(kClockIds[i], TFD_CLOEXEC | TFD_NONBLOCK));
        if (!timer || !Watcher::shared().add(timer.get(), std::make_shared<ClockWatch>(*this, i))) {
            log(LogType::fault, "cannot make a timer: %s", strerror(errno));
            abort();
        }
    }
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
    const std::lock_guard lock(mutex_);
    if (!started_) start();
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

void TimerService::expire(size_t index) {
    Clock& clock = clocks_[index];
    std::vector<Armed> due;
    {
        const std::lock_guard lock(mutex_);
        uint64_t count = 0;
        // ECANCELED tells of a jump of the wall clock: the deadlines are looked at again like after
        // an expiry.
        if (read(clock.timer.get(), &count, sizeof count) < 0 && errno == EAGAIN) return;
        const uint64_t time = now(static_cast<TimerClock>(index));
        while (!clock.deadlines.empty() && clock.deadlines.begin()->first.first <= time) {
            const auto first = clock.deadlines.begin();
            places_.erase(first->first.second);
            due.push_back(std::move(first->second));
            clock.deadlines.erase(first);
        }
        program(clock);
    }
    for (const Armed& armed : due) {
        if (const auto client = armed.client.lock()) client->expired(armed.generation);
    }
}

}  // namespace opendext::runtime
