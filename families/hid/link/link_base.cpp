// SPDX-License-Identifier: Apache-2.0
#include "families/hid/link/link_base.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "rpc/plain_calls.h"

namespace opendext::hid {
namespace {

using std::chrono::milliseconds;

constexpr size_t kMaxPending = 1024;
constexpr size_t kMaxAside = 1024;

/// The descriptor that wakes this thread while it waits; made once.
Result<int> own_wake() {
    thread_local UniqueFd wake;
    if (!wake) wake.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!wake) return Error::system("eventfd");
    uint64_t left = 0;  // of an earlier wait that ended at the same moment
    (void)!::read(wake.get(), &left, sizeof left);
    return wake.get();
}

void ring(int fd) {
    const uint64_t one = 1;
    (void)!::write(fd, &one, sizeof one);
}

}  // namespace

std::string describe(PacketKind kind, ReportType type, uint32_t report_id) {
    std::string text =
        std::string(to_string(kind)) + " of " + std::string(to_string(type)) + " report";
    return report_id == 0 ? text : text + " " + std::to_string(report_id);
}

Status LinkBase::prepare() {
    epoll_.reset(::epoll_create1(EPOLL_CLOEXEC));
    if (!epoll_) return Error::system("epoll_create1");
    wake_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!wake_) return Error::system("eventfd");
    timer_.reset(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
    if (!timer_) return Error::system("timerfd_create");
    buffer_.resize(kMaxPacket);
    OD_TRY(watch(wake_.get(), EPOLLIN));
    return watch(timer_.get(), EPOLLIN);
}

Status LinkBase::watch(int fd, uint32_t events, bool again) {
    epoll_event event{};
    event.events = events;
    event.data.fd = fd;
    if (::epoll_ctl(epoll_.get(), again ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event) != 0)
        return Error::system("epoll_ctl");
    return success();
}

ReportLink::Ready LinkBase::wait(int also) {
    if (also != also_) {
        // The one before may be closed, and gone from there.
        if (also_ >= 0) (void)::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, also_, nullptr);
        also_ = also >= 0 && watch(also, EPOLLIN).ok() ? also : -1;
    }
    std::array<epoll_event, 8> events;
    const int count = plain::epoll_wait(epoll_.get(), events.data(), events.size());
    Ready ready;
    for (int i = 0; i < count; i++)
        (events[static_cast<size_t>(i)].data.fd == also_ ? ready.also : ready.link) = true;
    return ready;
}

void LinkBase::wake() {
    if (std::exchange(woken_, true)) return;
    ring(wake_.get());
}

/// Nothing waits for next_input any more.
void LinkBase::calm() {
    if (!woken_ || !finished_.empty() || !aside_.empty() || state_ == State::closed) return;
    woken_ = false;
    uint64_t count = 0;
    (void)!::read(wake_.get(), &count, sizeof count);
}

void LinkBase::arm(Clock::time_point deadline) {
    if (deadline >= armed_) return;
    armed_ = deadline;
    const auto since = std::max<Clock::duration>(deadline.time_since_epoch(), Clock::duration{1});
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(since);
    itimerspec spec{};
    spec.it_value.tv_sec = seconds.count();
    spec.it_value.tv_nsec = std::chrono::nanoseconds(since - seconds).count();
    ::timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &spec, nullptr);
}

void LinkBase::finish(Table::iterator at, Answer answer) {
    Pending pending = std::move(at->second);
    pending_.erase(at);
    if (pending.done) {
        finished_.emplace_back(std::move(pending.done), std::move(answer));
        return;
    }
    pending.waiter->answer = std::move(answer);
    pending.waiter->finished = true;
    if (pending.waiter != at_work_) ring(pending.waiter->wake);
}

void LinkBase::finish_all(int32_t status, std::string_view why) {
    while (!pending_.empty()) {
        const Pending& first = pending_.begin()->second;
        Answer answer{status, {}, describe(first.kind, first.type, first.report_id) + ": "};
        answer.reason += why;
        finish(pending_.begin(), std::move(answer));
    }
}

Answer LinkBase::timed_out(uint32_t serial, const Pending& pending) {
    const auto waited = std::chrono::duration_cast<milliseconds>(Clock::now() - pending.begun);
    Answer answer{kTimeout, {}, describe(pending.kind, pending.type, pending.report_id)};
    answer.reason +=
        ": no answer within " + std::to_string(waited.count()) + " ms; " + abandon(serial);
    return answer;
}

/// Requests with `done` whose time is over; threads that wait watch the clock themselves.
void LinkBase::expire() {
    const auto now = Clock::now();
    if (armed_ > now) return;
    uint64_t count = 0;
    (void)!::read(timer_.get(), &count, sizeof count);
    armed_ = Clock::time_point::max();
    auto next = Clock::time_point::max();
    for (auto at = pending_.begin(); at != pending_.end();) {
        const auto here = at++;
        if (!here->second.done) continue;
        if (here->second.deadline <= now) {
            finish(here, timed_out(here->first, here->second));
        } else {
            next = std::min(next, here->second.deadline);
        }
    }
    if (next != Clock::time_point::max()) arm(next);
}

void LinkBase::go(State state, Error why) {
    if (state_ != State::open) return;
    state_ = state;
    end_ = std::move(why);
    finish_all(state == State::gone ? kNoDevice : kAborted, end_.text());
    end();
    wake();
}

/// Calls what is finished, without the lock.
void LinkBase::run_finished(std::unique_lock<FutexLock>& lock) {
    while (!finished_.empty()) {
        auto [done, answer] = std::move(finished_.front());
        finished_.pop_front();
        lock.unlock();
        done(std::move(answer));
        lock.lock();
    }
}

Result<std::optional<ReportLink::InputReport>> LinkBase::next_input() {
    std::unique_lock lock(mutex_);
    for (;;) {
        if (armed_ != Clock::time_point::max()) expire();
        run_finished(lock);
        if (!aside_.empty()) {
            current_ = std::move(aside_.front().bytes);
            InputReport input{aside_.front().timestamp, aside_.front().report_id, current_};
            aside_.pop_front();
            calm();
            return std::optional(input);
        }
        calm();
        if (state_ != State::open) return end_;
        flush();
        Received received = receive(buffer_);
        switch (received.what) {
            case Received::What::nothing:
                return std::optional<InputReport>();
            case Received::What::input:
                return std::optional(received.input);
            case Received::What::answer:
                if (const auto at = pending_.find(received.serial); at != pending_.end())
                    finish(at, std::move(received.answer));
                break;
            case Received::What::end:
                go(State::gone, std::move(received.error));
                break;
        }
    }
}

std::optional<Answer> LinkBase::begin(Packet& request, milliseconds timeout, Done done,
                                      Waiter* waiter) {
    const std::string what = describe(request.kind, request.type, request.report_id);
    if (state_ != State::open) {
        return Answer{state_ == State::gone ? kNoDevice : kAborted, {}, what + ": " + end_.text()};
    }
    if (request.bytes.size() > kMaxReport || request.report_id > 0xff) {
        return Answer{kBadArgument,
                      {},
                      what + ": reports have at most 65,535 bytes and an id of at most 255"};
    }
    if (pending_.size() >= kMaxPending)
        return Answer{kNoResources, {}, what + ": 1024 requests wait for their answers already"};
    while (next_serial_ == 0 || pending_.contains(next_serial_)) ++next_serial_;
    request.serial = next_serial_++;
    request.length = std::min<uint32_t>(request.length, kMaxReport);
    const auto now = Clock::now();
    Pending& pending = pending_[request.serial];
    pending = {request.kind,    request.type, request.report_id, now, now + timeout,
               std::move(done), waiter};
    const auto deadline = pending.deadline;
    const bool with_done = static_cast<bool>(pending.done);
    if (const Status sent = submit(request); !sent.ok()) {
        // The end itself comes to light behind the input that still waits.
        finish(pending_.find(request.serial), {kNoDevice, {}, what + ": " + sent.error().text()});
    } else if (with_done) {
        arm(deadline);
    }
    return std::nullopt;
}

void LinkBase::make(Packet request, milliseconds timeout, Done done) {
    const std::lock_guard lock(mutex_);
    // The table gets a copy: a refused request has to be told too.
    if (auto refused = begin(request, timeout, done, nullptr)) {
        finished_.emplace_back(std::move(done), *std::move(refused));
        wake();
    } else if (!finished_.empty()) {
        wake();
    }
}

void LinkBase::get(ReportType type, uint32_t report_id, uint32_t room, milliseconds timeout,
                   Done done) {
    make({PacketKind::get, type, report_id, 0, 0, 0, room, {}}, timeout, std::move(done));
}
void LinkBase::set(ReportType type, uint32_t report_id, std::span<const uint8_t> bytes,
                   milliseconds timeout, Done done) {
    make({PacketKind::set, type, report_id, 0, 0, 0, 0, bytes}, timeout, std::move(done));
}
Answer LinkBase::get(ReportType type, uint32_t report_id, uint32_t room, milliseconds timeout) {
    return make_and_wait({PacketKind::get, type, report_id, 0, 0, 0, room, {}}, timeout);
}
Answer LinkBase::set(ReportType type, uint32_t report_id, std::span<const uint8_t> bytes,
                     milliseconds timeout) {
    return make_and_wait({PacketKind::set, type, report_id, 0, 0, 0, 0, bytes}, timeout);
}

void LinkBase::keep_for_later(const InputReport& input) {
    if (aside_.size() >= kMaxAside) {
        aside_.pop_front();
        ++dropped_aside_;
    }
    aside_.push_back({input.timestamp, input.report_id, {input.bytes.begin(), input.bytes.end()}});
    wake();
}

/// Takes what lies there until the waiter's answer is among it.
void LinkBase::take_answers(Waiter& waiter) {
    if (scratch_.empty()) scratch_.resize(kMaxPacket);
    at_work_ = &waiter;
    while (!waiter.finished && state_ == State::open) {
        Received received = receive_answer(scratch_);
        switch (received.what) {
            case Received::What::nothing:
                at_work_ = nullptr;
                return;
            case Received::What::input:
                keep_for_later(received.input);
                break;
            case Received::What::answer:
                if (const auto at = pending_.find(received.serial); at != pending_.end())
                    finish(at, std::move(received.answer));
                if (!finished_.empty()) wake();
                break;
            case Received::What::end:
                go(State::gone, std::move(received.error));
                break;
        }
    }
    at_work_ = nullptr;
}

Answer LinkBase::make_and_wait(Packet request, milliseconds timeout) {
    const auto own = own_wake();
    if (!own.ok()) return {kNoResources, {}, own.error().text()};
    Waiter waiter{*own, false, {}};
    std::unique_lock lock(mutex_);
    if (auto refused = begin(request, timeout, {}, &waiter)) return *std::move(refused);
    const auto deadline = Clock::now() + timeout;
    for (;;) {
        if (!waiter.finished && state_ == State::open) {
            flush();
            take_answers(waiter);
        }
        if (waiter.finished) return std::move(waiter.answer);
        const auto left = std::chrono::ceil<milliseconds>(deadline - Clock::now());
        if (left <= milliseconds{0}) {
            const auto at = pending_.find(request.serial);
            Answer answer = timed_out(at->first, at->second);
            pending_.erase(at);
            return answer;
        }
        const auto [fd, events] = answers_come_at();
        pollfd polled[2] = {{waiter.wake, POLLIN, 0}, {fd, events, 0}};
        lock.unlock();
        ::poll(polled, 2, static_cast<int>(std::min<int64_t>(left.count(), 60'000)));
        lock.lock();
    }
}

void LinkBase::close() {
    std::unique_lock lock(mutex_);
    go(State::closed, Error{Errc::peer_gone, 0, "the link was closed"});
    run_finished(lock);
}

uint64_t LinkBase::dropped() const {
    const std::lock_guard lock(mutex_);
    return dropped_ + dropped_aside_;
}

}  // namespace opendext::hid
