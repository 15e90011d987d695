// SPDX-License-Identifier: Apache-2.0
#include "iokit/client/replies.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "rpc/futex.h"

namespace opendext::client {

namespace uc = protocol::user_client;

namespace {

/// How long a thread that waits for many answers leaves those lie that have come, so that it is
/// woken once for all of them. Other threads' answers may be among them.
constexpr std::chrono::microseconds kLinger{200};

/// A driver's words may be printed on a terminal.
std::string clean(std::string_view words) {
    std::string text(words);
    std::replace_if(
        text.begin(), text.end(),
        [](char c) {
            return static_cast<unsigned char>(c) < 0x20 ? c != '\n' && c != '\t' : c == 0x7f;
        },
        '?');
    return text;
}

}  // namespace

void PendingList::append(Pending& pending) {
    pending.previous_ = last_;
    pending.next_ = nullptr;
    (last_ != nullptr ? last_->next_ : first_) = &pending;
    last_ = &pending;
}

void PendingList::remove(Pending& pending) {
    (pending.previous_ != nullptr ? pending.previous_->next_ : first_) = pending.next_;
    (pending.next_ != nullptr ? pending.next_->previous_ : last_) = pending.previous_;
}

Pending* PendingList::find(uint64_t serial) const {
    Pending* pending = first_;
    while (pending != nullptr && pending->serial_ != serial) pending = pending->next_;
    return pending;
}

Pending* PendingList::take_first() {
    Pending* pending = first_;
    if (pending != nullptr) remove(*pending);
    return pending;
}

uint64_t Replies::add(Pending& pending, Waiter& waiter, bool alone) {
    const std::lock_guard lock(mutex_);
    add_locked(pending, waiter);
    if (alone && !receiving_) receiving_ = waiter.receiver_ = true;
    return pending.serial_;
}

void Replies::add(std::span<Pending* const> some, Waiter& waiter) {
    const std::lock_guard lock(mutex_);
    for (Pending* pending : some) add_locked(*pending, waiter);
}

void Replies::add_locked(Pending& pending, Waiter& waiter) {
    pending.serial_ = next_serial_++;
    pending.waiter_ = &waiter;
    pending.done = false;
    pending_.append(pending);
}

bool Replies::wait(Waiter& waiter, uint32_t wanted, uint32_t most, int64_t deadline_ns) {
    Lock lock(mutex_, std::defer_lock);
    if (!waiter.receiver_) lock.lock();
    const auto become_receiver = [&] {
        receiving_ = waiter.receiver_ = true;
        lock.unlock();
    };
    // What is there already is taken also by one who does not want to wait.
    if (wanted == 0 && !receiving_ && channel_.ready(Lane::replies)) [[unlikely]]
        become_receiver();
    if (waiter.receiver_) [[likely]]
        receive(lock, waiter, wanted, most, deadline_ns);
    while (waiter.done_count < wanted && (deadline_ns < 0 || now_ns() < deadline_ns)) {
        if (receiving_ && !waiter.receiver_) {
            sleep(lock, waiter, wanted, deadline_ns);
        } else {
            become_receiver();
            receive(lock, waiter, wanted, most, deadline_ns);
        }
    }
    pass_on(waiter);
    return waiter.done_count >= wanted;
}

/// The lock is not held at first, and held in the end.
void Replies::receive(Lock& lock, Waiter& waiter, uint32_t& wanted, uint32_t& most,
                      int64_t deadline_ns) {
    for (;;) {
        // Only the receiver changes `done_count`: it is read without the lock here.
        const uint32_t missing = wanted > waiter.done_count ? wanted - waiter.done_count : 0;
        Patience patience;
        if (missing > 1) [[unlikely]] {
            patience.wanted = missing;
            patience.linger = kLinger;
        }
        if (missing == 0) {
            patience.limit = {};
        } else if (deadline_ns >= 0) {
            patience.limit = std::chrono::nanoseconds(std::max<int64_t>(deadline_ns - now_ns(), 0));
        }
        Result<Frame> frame = channel_.receive(Lane::replies, patience);
        lock.lock();
        if (!frame.ok()) [[unlikely]] {
            if (frame.error().code != Errc::timed_out) fail_all(frame.error());
            return;
        }
        handle(lock, *frame);
        while (waiter.done_count < most && channel_.ready(Lane::replies)) {
            Result<Frame> next = channel_.receive(Lane::replies, {.limit = {}});
            if (!next.ok()) break;  // found out again with the next one
            handle(lock, *next);
        }
        if (waiter.done_count >= wanted) [[likely]]
            return;
        lock.unlock();
        if (waiter.meanwhile != nullptr && waiter.done_count > 0) {
            const uint32_t taken = waiter.meanwhile(waiter);
            wanted -= taken;
            most -= taken;
        }
    }
}

void Replies::handle(Lock& lock, Frame& frame) {
    const auto kind = static_cast<uc::Kind>(frame.kind());
    if (kind == uc::Kind::outcome || kind == uc::Kind::mapped) {
        Pending* pending = pending_.find(frame.serial());
        // An answer that nobody waits for any more, or that was never asked for.
        if (pending != nullptr) [[likely]]
            answered(*pending, frame);
        frame.done();
        return;
    }
    lock.unlock();
    other_(frame);
    frame.done();
    lock.lock();
}

void Replies::answered(Pending& pending, Frame& frame) {
    if ((frame.kind() == static_cast<uint16_t>(uc::Kind::outcome)) != (pending.message == nullptr))
        [[unlikely]] {
        return channel_.close("the driver's answer is of another kind than the request");
    }
    if (pending.message != nullptr) [[unlikely]] {
        *pending.message = frame.message();
        return finish(pending);
    }
    std::array<uint64_t, uc::kMaxScalars> scalars;
    uc::OutcomeFrame answer;
    const Status parsed = uc::parse_outcome(frame.bytes(), answer, scalars);
    if (!parsed.ok()) [[unlikely]]
        return channel_.close("the driver sent: " + parsed.error().message);
    pending.memory_used = answer.output_used;
    pending.flags = answer.flags;
    Output& output = pending.output;
    if (answer.io_return != kIOReturnSuccess) [[unlikely]] {
        pending.outcome = {
            answer.io_return, OPENDEXT_ORIGIN_DRIVER,
            answer.reason.empty() ? "the driver refused the call" : clean(answer.reason)};
    } else if (answer.scalar_count > output.scalar_count ||
               answer.structure.size() > output.structure_size) [[unlikely]] {
        pending.outcome = {kIOReturnBadArgument, OPENDEXT_ORIGIN_DRIVER,
                           "the driver's answer is larger than the caller's room"};
    } else {
        std::copy_n(scalars.begin(), answer.scalar_count, output.scalars);
        output.scalar_count = answer.scalar_count;
        copy_shared(output.structure, answer.structure.data(), answer.structure.size());
        output.structure_size = answer.structure.size();
        if (answer.has(uc::outcome_flags::structure_memory)) [[unlikely]] {
            std::vector<UniqueFd> fds = frame.take_fds();
            if (!fds.empty()) pending.memory = std::move(fds.front());
        }
    }
    finish(pending);
}

void Replies::finish(Pending& pending) {
    pending_.remove(pending);
    if (pending.finished != nullptr) [[unlikely]]
        return pending.finished(pending);
    pending.done = true;
    Waiter& waiter = *pending.waiter_;
    waiter.done.append(pending);
    ++waiter.done_count;
    if (waiter.asleep_ && waiter.done_count >= waiter.wanted_) [[unlikely]]
        wake(waiter);
}

void Replies::fail_all(const Error& error) {
    while (Pending* pending = pending_.first()) {
        pending->outcome = {kIOReturnNotResponding, OPENDEXT_ORIGIN_DRIVER_DIED, error.message};
        finish(*pending);
    }
}

void Replies::sleep(Lock& lock, Waiter& waiter, uint32_t wanted, int64_t deadline_ns) {
    waiter.word_.store(0, std::memory_order_relaxed);
    waiter.wanted_ = wanted;
    waiter.asleep_ = true;
    waiter.previous_ = nullptr;
    waiter.next_ = sleepers_;
    if (sleepers_ != nullptr) sleepers_->previous_ = &waiter;
    sleepers_ = &waiter;
    lock.unlock();
    while (waiter.word_.load(std::memory_order_acquire) == 0) {
        const int64_t limit_ns = deadline_ns < 0 ? -1 : deadline_ns - now_ns();
        if (deadline_ns >= 0 && limit_ns <= 0) break;
        futex_sleep(waiter.word_, 0, limit_ns);
    }
    lock.lock();
    waiter.asleep_ = false;
    (waiter.previous_ != nullptr ? waiter.previous_->next_ : sleepers_) = waiter.next_;
    if (waiter.next_ != nullptr) waiter.next_->previous_ = waiter.previous_;
}

void Replies::wake(Waiter& waiter) {
    // Under the lock: the waiter is on a stack that it cannot leave before it has had the lock.
    if (waiter.word_.exchange(1, std::memory_order_release) == 0) futex_wake(waiter.word_);
}

void Replies::pass_on(Waiter& waiter) {
    if (waiter.receiver_) [[likely]]
        receiving_ = waiter.receiver_ = false;
    if (!receiving_ && sleepers_ != nullptr) [[unlikely]]
        wake(*sleepers_);
}

void Replies::drop(Pending& pending, Waiter& waiter) {
    const std::lock_guard lock(mutex_);
    if (pending.done) {
        waiter.done.remove(pending);
        --waiter.done_count;
    } else {
        pending_.remove(pending);
    }
    pass_on(waiter);
}

bool Replies::drop(Pending& pending, Waiter& waiter, Pending& heir) {
    const std::lock_guard lock(mutex_);
    const bool inherits = !pending.done;
    if (inherits) {
        heir.serial_ = pending.serial_;
        pending_.append(heir);
        pending_.remove(pending);
    } else {
        waiter.done.remove(pending);
        --waiter.done_count;
    }
    pass_on(waiter);
    return inherits;
}

Replies::~Replies() {
    // Only those that nobody waits for are left.
    fail_all({Errc::peer_gone, 0, "the connection is gone"});
}

PendingList Replies::take_done(Waiter& waiter, uint32_t most) {
    PendingList taken;
    const std::lock_guard lock(mutex_);
    if (most >= waiter.done_count) {
        waiter.done_count = 0;
        return std::exchange(waiter.done, {});
    }
    for (; most > 0 && waiter.done_count > 0; --most, --waiter.done_count)
        taken.append(*waiter.done.take_first());
    return taken;
}

}  // namespace opendext::client
