// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <IOKit/IOTypes.h>

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "iokit/client/driver_memory.h"
#include "iokit/client/handles.h"
#include "iokit/client/notification_port.h"
#include "rpc/channel.h"
#include "rpc/fd.h"
#include "rpc/protocol/user_client.h"

namespace opendext::client {

/// An open user client: calls go straight to the driver over the channel.
///
/// Answers are read by the threads that wait for them: one of them receives for all and passes that
/// on when its own answer is there. So a lone caller pays for no second thread. From the first
/// asynchronous call on a thread of its own receives, since completions come when nobody calls.
class Connection final : public HandleObject, public std::enable_shared_from_this<Connection> {
  public:
    static constexpr Kind kKind = Kind::connection;

    struct Identity {
        uint64_t connection = 0;   ///< opendextd's name for it
        uint64_t user_client = 0;  ///< registry entry
        uint64_t service = 0;      ///< registry entry that was opened
    };
    Connection(Identity identity, std::unique_ptr<Channel> channel)
        : HandleObject(kKind), identity_(identity), channel_(std::move(channel)) {}
    ~Connection() override;

    /// IOServiceOpen.
    static Result<std::shared_ptr<Connection>> open(uint64_t service, uint32_t type);

    [[nodiscard]] uint64_t user_client() const { return identity_.user_client; }
    [[nodiscard]] uint64_t service() const { return identity_.service; }

    /// Where the completions of an asynchronous call go.
    struct Completion {
        std::weak_ptr<Port> port;
        std::vector<uint64_t> reference;  ///< as the program gave it
    };
    struct Arguments {
        uint32_t selector = 0;
        std::span<const uint64_t> scalars;
        std::span<const uint8_t> structure;
        bool has_structure = false;
        const Completion* completion = nullptr;  ///< nullptr: synchronous
    };
    /// Room on entry; what is used is in the sizes afterwards.
    struct Results {
        uint64_t* scalars = nullptr;
        uint32_t scalar_count = 0;
        uint8_t* structure = nullptr;
        size_t structure_size = 0;
    };
    /// The driver's result, or the library's with a reason. Results are written only if it is
    /// kIOReturnSuccess.
    kern_return_t call(const Arguments& arguments, Results& results);

    /// `address` is where it shall lie unless the options have kIOMapAnywhere; then where it does.
    kern_return_t map(uint32_t type, IOOptionBits options, uint64_t* address, uint64_t* size);
    kern_return_t unmap(uint32_t type, uint64_t address);

    /// Ends it on this side: wakes who waits, takes the mappings away. More than once; any thread.
    void close();
    /// The program let go: closes, and waits until opendextd has closed the driver's side.
    void released() override;

  private:
    struct Waiter {
        Result<Message> answer = Error{Errc::unknown, 0, ""};
        bool done = false;
        std::condition_variable changed;
    };
    Result<Message> exchange(Message request);
    /// Receives one message and hands it on; false once the channel is closed and empty. Called
    /// and returns with `lock` held, which is open meanwhile.
    bool receive_one(std::unique_lock<std::mutex>& lock);
    void hand_on(std::unique_lock<std::mutex>& lock, Message message);
    [[nodiscard]] bool closed();
    void complete(const Message& message);
    void forget(const Message& message);
    void give_memory(const Message& message);
    /// `completion`: the number under which the call's completion is remembered, 0 for a
    /// synchronous call.
    kern_return_t call(const Arguments& arguments, Results& results, uint64_t completion);
    void fail_all(const Error& reason);
    /// The driver or the connection ended: who waits for data in mapped memory is told.
    void end_memory();
    uint64_t remember(const Completion& completion);
    void start_receiver();
    /// What the caller sees once the channel is gone.
    [[nodiscard]] kern_return_t gone(const Error& error);

    const Identity identity_;
    const std::unique_ptr<Channel> channel_;
    std::mutex mutex_;
    std::condition_variable receiver_free_;
    uint64_t next_serial_ = 1;
    std::map<uint64_t, Waiter*> waiters_;
    bool receiving_ = false;        ///< some thread is in Channel::receive
    bool receiver_thread_ = false;  ///< the thread for completions is there
    bool closed_ = false;           ///< by us
    std::map<uint64_t, Completion> completions_;
    uint64_t next_completion_ = 1;
    std::map<uint64_t, std::shared_ptr<DriverMemory>> mappings_;  // by address
};

}  // namespace opendext::client
