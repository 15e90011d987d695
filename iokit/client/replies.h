// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <IOKit/IOReturn.h>
#include <opendext/client.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <string>

#include "rpc/channel.h"
#include "rpc/fd.h"
#include "rpc/protocol/user_client_frames.h"

namespace opendext::client {

class Waiter;

/// What a driver's answer may fill, and what it filled.
struct Output {
    uint64_t* scalars = nullptr;
    uint32_t scalar_count = 0;  ///< room, then use
    std::byte* structure = nullptr;
    size_t structure_size = 0;  ///< room, then use
};

/// How a call ended.
struct Outcome {
    kern_return_t code = kIOReturnSuccess;
    opendext_origin origin = OPENDEXT_ORIGIN_NONE;  ///< of a failure
    std::string reason;
};

/// A request that waits for its answer: on the stack of the thread that calls, or in a queue of
/// calls. It has to stay where it is until it is done or dropped.
struct Pending {
    Output output;
    Outcome outcome;
    uint64_t memory_used = 0;  ///< bytes of the memory for large output
    uint8_t flags = 0;         ///< outcome_flags
    UniqueFd memory;           ///< with outcome_flags::structure_memory
    /// Called under a lock when it is done, instead of telling a waiter: it has none any more.
    void (*finished)(Pending& pending) = nullptr;
    /// Takes the whole answer of a request that is no call.
    Message* message = nullptr;
    bool done = false;

    [[nodiscard]] uint64_t serial() const { return serial_; }

  private:
    friend class Replies;
    friend class PendingList;
    uint64_t serial_ = 0;
    Waiter* waiter_ = nullptr;
    Pending* next_ = nullptr;
    Pending* previous_ = nullptr;
};

/// A list through the Pendings themselves. The oldest is first, which is also the next one to be
/// answered as a rule.
class PendingList {
  public:
    [[nodiscard]] Pending* first() const { return first_; }
    void append(Pending& pending);
    void remove(Pending& pending);
    [[nodiscard]] Pending* find(uint64_t serial) const;
    Pending* take_first();

  private:
    Pending* first_ = nullptr;
    Pending* last_ = nullptr;
};

/// Somebody who waits for one or more Pendings: a call, or a queue of calls.
class Waiter {
  public:
    /// Done and not taken yet; in the order of the answers.
    PendingList done;
    uint32_t done_count = 0;
    /// Called without a lock on the waiting thread when some are done, more are wanted, and nothing
    /// is there at the moment: may take_done() and use the time. How many it took.
    uint32_t (*meanwhile)(Waiter& waiter) = nullptr;

  private:
    friend class Replies;
    std::atomic<uint32_t> word_{0};  // futex: 1 = look again
    uint32_t wanted_ = 0;            // while it sleeps: wake it when so many are done
    bool receiver_ = false;          // it receives for all
    bool asleep_ = false;            // it is in the list of sleepers
    Waiter* next_ = nullptr;
    Waiter* previous_ = nullptr;
};

/// Takes the answers of a driver off the channel and hands them to who waits for them.
///
/// The threads that wait do that themselves: one of them receives for all, and passes that on when
/// it has what it wanted. So a lone caller needs no second thread, takes the lock twice a call and
/// makes no system call but those of the channel. What the driver says is checked here, and copied
/// straight to the caller's room.
class Replies {
  public:
    /// What else comes on this lane; called without a lock, on a thread that waits for an answer.
    using Other = std::function<void(Frame& frame)>;
    Replies(Channel& channel, Other other) : channel_(channel), other_(std::move(other)) {}
    ~Replies();
    Replies(const Replies&) = delete;
    Replies& operator=(const Replies&) = delete;

    /// From now on the answer to the serial that it gives belongs to `pending`. Before the request
    /// is sent. `alone`: the waiter will wait at once, so it may become the receiver.
    uint64_t add(Pending& pending, Waiter& waiter, bool alone);
    /// Several for one waiter; each has its serial() then.
    void add(std::span<Pending* const> some, Waiter& waiter);
    /// Waits until `wanted` of the waiter's are done, until `deadline_ns` (< 0: for ever), and
    /// takes up to `most` in all if they are there. False if the time was over.
    bool wait(Waiter& waiter, uint32_t wanted, uint32_t most, int64_t deadline_ns);
    /// For a single call.
    void wait(Waiter& waiter) { wait(waiter, 1, 1, -1); }
    /// `pending` is not answered any more, or has been.
    void drop(Pending& pending, Waiter& waiter);
    /// The same; the answer goes to `heir`, which has `finished`, if it has not come yet. True
    /// then.
    bool drop(Pending& pending, Waiter& waiter, Pending& heir);
    /// Takes the first of the waiter's that are done, up to `most`.
    PendingList take_done(Waiter& waiter, uint32_t most);

  private:
    using Lock = std::unique_lock<std::mutex>;
    void add_locked(Pending& pending, Waiter& waiter);
    /// Receives until the waiter has what it wants, the time is over or the channel is closed.
    /// What it took meanwhile is wanted no more.
    void receive(Lock& lock, Waiter& waiter, uint32_t& wanted, uint32_t& most, int64_t deadline_ns);
    void handle(Lock& lock, Frame& frame);
    void answered(Pending& pending, Frame& frame);
    void finish(Pending& pending);
    void fail_all(const Error& error);
    void sleep(Lock& lock, Waiter& waiter, uint32_t wanted, int64_t deadline_ns);
    /// The waiter receives no more: another one that waits goes on.
    void pass_on(Waiter& waiter);
    static void wake(Waiter& waiter);

    Channel& channel_;
    const Other other_;
    std::mutex mutex_;
    uint64_t next_serial_ = 1;
    bool receiving_ = false;  // some thread is in, or about to be in, receive()
    PendingList pending_;
    Waiter* sleepers_ = nullptr;
};

}  // namespace opendext::client
