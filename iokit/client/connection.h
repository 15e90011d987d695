// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <IOKit/IOTypes.h>

#include <atomic>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>

#include "iokit/client/call_memory.h"
#include "iokit/client/completions.h"
#include "iokit/client/driver_memory.h"
#include "iokit/client/handles.h"
#include "iokit/client/replies.h"
#include "rpc/arena.h"
#include "rpc/channel.h"

namespace opendext::client {

/// What a call says to the driver.
struct CallArguments {
    uint32_t selector = 0;
    std::span<const uint64_t> scalars;
    std::span<const std::byte> structure;
};

/// An open user client: calls go straight to the driver over the channel, on the thread that calls
/// (replies.h). From the first asynchronous call on a thread of its own takes completions
/// (completions.h). Any thread.
///
/// It belongs to the process that opened it: in a child made by fork() every use fails, and nothing
/// of what the parent shares with the driver is touched.
class Connection final : public HandleObject, public std::enable_shared_from_this<Connection> {
  public:
    static constexpr Kind kKind = Kind::connection;

    struct Identity {
        uint64_t connection = 0;   ///< opendextd's name for it
        uint64_t user_client = 0;  ///< registry entry
        uint64_t service = 0;      ///< registry entry that was opened
    };
    Connection(Identity identity, std::unique_ptr<Channel> channel);
    ~Connection() override;

    /// IOServiceOpen: `connection` is set with kIOReturnSuccess.
    static kern_return_t open(uint64_t service, uint32_t type,
                              std::shared_ptr<Connection>& connection);

    [[nodiscard]] uint64_t user_client() const { return identity_.user_client; }
    [[nodiscard]] uint64_t service() const { return identity_.service; }
    /// kIOReturnSuccess, or why this process cannot use it.
    [[nodiscard]] kern_return_t check() const;
    /// kIOReturnSuccess, or what a call would give now.
    [[nodiscard]] kern_return_t status();

    /// The driver's result, or the library's; a failure is what opendext_last_error_reason() tells.
    /// `output` has the room; what is used is in it after kIOReturnSuccess, else it is as it was.
    /// `any_size`: instead of room for a structure, memory of its own (mmap) is made for it.
    kern_return_t call(const CallArguments& arguments, Output& output, bool any_size = false);
    /// The same; the completions go to `target`, none if the call fails.
    kern_return_t call_async(const CallArguments& arguments, Output& output,
                             std::shared_ptr<const CompletionTarget> target, bool any_size = false);

    /// The parts of call(), for many calls at once: check each, expect the answers of all, begin
    /// each, flush. Calls whose answers are expected have their output set; one that could not be
    /// begun is abandoned. What was begun has been sent when flush() returns.
    static kern_return_t check_counts(const CallArguments& arguments, uint32_t output_count);
    void expect(std::span<Pending* const> answers, Waiter& waiter) {
        replies_.add(answers, waiter);
    }
    kern_return_t begin(const CallArguments& arguments, Pending& pending, CallMemory& memory);
    void flush() { channel_->flush(Lane::calls); }
    /// See Replies.
    bool wait(Waiter& waiter, uint32_t wanted, uint32_t most, int64_t deadline_ns) {
        return replies_.wait(waiter, wanted, most, deadline_ns);
    }
    PendingList take_done(Waiter& waiter, uint32_t most) {
        return replies_.take_done(waiter, most);
    }
    /// The call that was begun is not waited for any more.
    void abandon(Pending& pending, Waiter& waiter, CallMemory& memory);
    /// What the caller of a call that is done is told; large output is copied to its place.
    void settle(Pending& pending, CallMemory& memory);

    /// A call that gets no answer. kIOReturnNoSpace where `wait` is false and there is no room.
    /// Checked by the caller. With Wake::later it is sent with flush().
    kern_return_t post(const CallArguments& arguments, bool wait, Channel::Wake wake);

    /// From now on the program takes completions itself, with dispatch(), when `descriptor` (ours)
    /// is readable; no thread does. Before the first asynchronous call, else kIOReturnBusy.
    kern_return_t completions_descriptor(int& descriptor);
    kern_return_t dispatch();

    /// `address` is where it shall lie unless the options have kIOMapAnywhere; then where it does.
    kern_return_t map(uint32_t type, IOOptionBits options, uint64_t* address, uint64_t* size);
    kern_return_t unmap(uint32_t type, uint64_t address);

    /// Ends it on this side: wakes who waits, takes the mappings away. More than once; any thread.
    void close();
    /// The program let go: closes, and waits until opendextd has begun to close the driver's side.
    void released() override;

  private:
    struct Sending {
        uint64_t serial = 0;
        uint64_t completion = 0;  ///< 0: none
        Channel::Wait wait = Channel::Wait::block;
        Channel::Wake wake = Channel::Wake::now;
        bool one_way = false;
        bool any_size = false;
    };
    Status send(const CallArguments& arguments, const Output& output, CallMemory& memory,
                const Sending& how);
    /// Output that the driver sent in memory of its own goes to new memory of the program.
    void take_any_size(Pending& pending);
    kern_return_t call(const CallArguments& arguments, Output& output, uint64_t completion,
                       bool any_size);
    Result<Message> exchange(Message request);
    /// A frame that is no answer and no completion.
    void receive_other(Frame& frame);
    void start_completions();
    void driver_died(std::string reason, opendext_origin how);
    /// The channel is closed: what the caller sees.
    [[nodiscard]] Outcome gone(const std::string& reason);
    kern_return_t failed(const Error& error);
    [[nodiscard]] bool forked() const;

    const Identity identity_;
    std::unique_ptr<Channel> channel_;
    const uint32_t forks_;  ///< of this process when it was opened
    ArenaPool arena_;
    Replies replies_;
    Completions completions_;

    std::mutex mutex_;
    std::condition_variable death_known_;
    std::string death_;                                  ///< opendextd's words
    opendext_origin how_ = OPENDEXT_ORIGIN_DRIVER_DIED;  ///< the driver ended; goes with death_
    std::atomic<bool> closed_ = false;                   ///< by us
    bool receives_completions_ = false;
    UniqueFd bell_;  ///< what wakes dispatch(); else a thread waits
    std::map<uint64_t, std::shared_ptr<DriverMemory>> mappings_;  // by address
};

}  // namespace opendext::client
