// SPDX-License-Identifier: Apache-2.0
#include "daemon/event_loop.h"
#include "rpc/probe.h"

#include <systemd/sd-event.h>

#include <array>
#include <csignal>
#include <ctime>
#include <deque>
#include <utility>

namespace opendext::daemon {
namespace {

/// What a source calls. Kept alive by the callback while it runs, so a handle may go inside it.
template <typename Function>
struct Target {
    Function function;
    bool live = true;
};

template <typename Function, typename Base>
class SourceHandle : public Base {
  public:
    explicit SourceHandle(Function function)
        : target_(std::make_shared<Target<Function>>(Target<Function>{std::move(function)})) {}
    ~SourceHandle() override {
        target_->live = false;
        if (source_ != nullptr) {
            sd_event_source_set_enabled(source_, SD_EVENT_OFF);
            sd_event_source_unref(source_);
        }
    }
    SourceHandle(const SourceHandle&) = delete;
    SourceHandle& operator=(const SourceHandle&) = delete;

    sd_event_source* source_ = nullptr;
    std::shared_ptr<Target<Function>> target_;
};

class TimerHandle final : public SourceHandle<std::function<void()>, Handle> {
    using SourceHandle::SourceHandle;

  public:
    static int fired(sd_event_source*, uint64_t, void* data) {
        const auto target = static_cast<TimerHandle*>(data)->target_;
        if (target->live && target->function) target->function();
        return 0;
    }
};

class SignalHandle final : public SourceHandle<std::function<void()>, Handle> {
    using SourceHandle::SourceHandle;

  public:
    static int fired(sd_event_source*, const signalfd_siginfo*, void* data) {
        const auto target = static_cast<SignalHandle*>(data)->target_;
        if (target->live && target->function) target->function();
        return 0;
    }
};

class WatchHandle final : public SourceHandle<std::function<void(uint32_t)>, IoHandle> {
    using SourceHandle::SourceHandle;

  public:
    void set_events(uint32_t events) override {
        if (source_ != nullptr) sd_event_source_set_io_events(source_, events);
    }
    static int fired(sd_event_source*, int, uint32_t events, void* data) {
        const auto target = static_cast<WatchHandle*>(data)->target_;
        if (target->live && target->function) target->function(events);
        return 0;
    }
};

}  // namespace

struct EventLoop::Posted {
    /// Turns with posted work after which is committed all the same: work that posts work must not
    /// hold everything up.
    static constexpr int kLongestUnsettled = 64;

    std::deque<std::function<void()>> work;
    sd_event_source* source = nullptr;
    std::function<void()> commit;
    std::array<std::deque<std::function<void()>>, 3> settled;  ///< by EventLoop::Settled
    std::function<void()> before_last;
    sd_event_source* settling = nullptr;  ///< never ready; its prepare step runs before each wait
    int unsettled_turns = 0;
    ~Posted() {
        sd_event_source_unref(source);
        sd_event_source_unref(settling);
    }

    static int never(sd_event_source*, uint64_t, void*) { return 0; }
    static int about_to_wait(sd_event_source*, void* data) {
        auto& posted = *static_cast<Posted*>(data);
        if (posted.work.empty() || ++posted.unsettled_turns >= kLongestUnsettled) posted.settle();
        return 0;
    }
    void settle() {
        unsettled_turns = 0;
        if (commit) commit();
        OPENDEXT_PROBE(daemon_recorded);
        run(Settled::first);
        run(Settled::next);
        if (before_last) before_last();
        run(Settled::last);
    }
    void run(Settled kind) {
        auto& works = settled[static_cast<size_t>(kind)];
        for (size_t count = works.size(); count > 0 && !works.empty(); --count) {
            const auto next = std::move(works.front());
            works.pop_front();
            next();
        }
    }

    static int fired(sd_event_source* source, void* data) {
        auto& work = static_cast<Posted*>(data)->work;
        // What is posted meanwhile waits for the next turn: descriptors get their share.
        for (size_t count = work.size(); count > 0 && !work.empty(); --count) {
            const auto next = std::move(work.front());
            work.pop_front();
            next();
        }
        if (work.empty()) sd_event_source_set_enabled(source, SD_EVENT_OFF);
        return 0;
    }
};

Result<std::unique_ptr<EventLoop>> EventLoop::create() {
    sd_event* event = nullptr;
    const int status = sd_event_new(&event);
    if (status < 0) return Error::system("cannot make an event loop", -status);
    auto loop = std::unique_ptr<EventLoop>(new EventLoop(event));
    const int added =
        sd_event_add_defer(event, &loop->posted_->source, &Posted::fired, loop->posted_.get());
    if (added < 0) return Error::system("cannot make an event loop", -added);
    sd_event_source_set_enabled(loop->posted_->source, SD_EVENT_OFF);
    return loop;
}

EventLoop::EventLoop(sd_event* event) : event_(event), posted_(std::make_unique<Posted>()) {}

EventLoop::~EventLoop() {
    posted_.reset();
    sd_event_unref(event_);
}

std::unique_ptr<Handle> EventLoop::after(std::chrono::milliseconds delay,
                                         std::function<void()> fire) {
    auto handle = std::make_unique<TimerHandle>(std::move(fire));
    const auto usec = static_cast<uint64_t>(delay.count() < 0 ? 0 : delay.count()) * 1000;
    // Without memory for a timer nothing can be promised any more; sd-event fails for no other
    // reason here.
    if (sd_event_add_time_relative(event_, &handle->source_, CLOCK_MONOTONIC, usec, 1000,
                                   &TimerHandle::fired, handle.get()) < 0) {
        std::abort();
    }
    return handle;
}

std::unique_ptr<IoHandle> EventLoop::watch(int fd, uint32_t events,
                                           std::function<void(uint32_t)> ready) {
    auto handle = std::make_unique<WatchHandle>(std::move(ready));
    if (sd_event_add_io(event_, &handle->source_, fd, events, &WatchHandle::fired, handle.get()) <
        0) {
        return nullptr;
    }
    return handle;
}

std::unique_ptr<Handle> EventLoop::on_signal(int number, std::function<void()> fire) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, number);
    sigprocmask(SIG_BLOCK, &set, nullptr);
    auto handle = std::make_unique<SignalHandle>(std::move(fire));
    if (sd_event_add_signal(event_, &handle->source_, number, &SignalHandle::fired, handle.get()) <
        0) {
        return nullptr;
    }
    return handle;
}

void EventLoop::post(std::function<void()> work) {
    posted_->work.push_back(std::move(work));
    sd_event_source_set_enabled(posted_->source, SD_EVENT_ON);
}

void EventLoop::forget_posted() {
    posted_->work.clear();
    for (auto& works : posted_->settled) works.clear();
    posted_->before_last = nullptr;
    posted_->commit = nullptr;
}

void EventLoop::on_settle(std::function<void()> commit) {
    posted_->commit = std::move(commit);
    if (posted_->settling != nullptr) return;
    // A timer that never ends: only its preparation counts.
    if (sd_event_add_time(event_, &posted_->settling, CLOCK_MONOTONIC, UINT64_MAX, 0,
                          &Posted::never, posted_.get()) < 0 ||
        sd_event_source_set_prepare(posted_->settling, &Posted::about_to_wait) < 0) {
        std::abort();
    }
}

bool EventLoop::settles() const {
    return static_cast<bool>(posted_->commit);
}

void EventLoop::when_settled(std::function<void()> work, Settled kind) {
    posted_->settled[static_cast<size_t>(kind)].push_back(std::move(work));
}

void EventLoop::before_last(std::function<void()> work) {
    posted_->before_last = std::move(work);
}

void EventLoop::settle() {
    posted_->settle();
}

int EventLoop::run() {
    return sd_event_loop(event_);
}

void EventLoop::exit(int status) {
    posted_->settle();
    sd_event_exit(event_, status);
}

bool EventLoop::run_until(const std::function<bool()>& done, std::chrono::milliseconds timeout) {
    const auto end = std::chrono::steady_clock::now() + timeout;
    while (!done()) {
        const auto left = end - std::chrono::steady_clock::now();
        if (left.count() <= 0) return false;
        const auto usec = std::chrono::duration_cast<std::chrono::microseconds>(left).count();
        if (sd_event_run(event_, static_cast<uint64_t>(usec)) < 0) return false;
    }
    return true;
}

bool EventLoop::turn() {
    return sd_event_run(event_, 0) > 0;
}

}  // namespace opendext::daemon
