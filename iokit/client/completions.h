// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <IOKit/IOKitLib.h>
#include <opendext/client.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "iokit/client/notification_port.h"
#include "rpc/channel.h"
#include "rpc/protocol/user_client_frames.h"

namespace opendext::client {

/// What the program wants to be called for the completions of one asynchronous call.
struct CompletionTarget {
    std::weak_ptr<Port> port;
    void* refcon = nullptr;
    /// One of IOAsyncCallback0, 1, 2 and IOAsyncCallback, by the number of arguments; nullptr:
    /// none.
    void* function = nullptr;
    opendext_completion_callback any = nullptr;  ///< instead of `function`
    opendext_completions_ended ended = nullptr;

    void call(IOReturn status, const uint64_t* arguments, uint32_t count) const;
};

/// The completions of a connection's asynchronous calls. The driver names a call by a number that
/// means something here only; what is called is what the program has given.
///
/// They come on a lane of their own, which run() empties: many at once go to the port as one, so
/// that neither the port nor who serves it is woken for each.
class Completions {
  public:
    /// What else comes on the lane; on the thread of run().
    using Other = std::function<void(Frame& frame)>;
    Completions(Channel& channel, Other other) : channel_(channel), other_(std::move(other)) {}

    /// The number for a call that is about to be made; never 0. What comes before accept() waits
    /// for it: a call that fails completes nothing, and its context may be gone when it returns.
    uint64_t add(std::shared_ptr<const CompletionTarget> target);
    /// The call succeeded: what came meanwhile goes to its port, before what comes later.
    void accept(uint64_t number);
    /// The call failed: nothing of it is called.
    void forget(uint64_t number);
    /// Receives until the channel is closed; then ends what is left.
    void run();
    /// Instead of run(): takes what is there now and calls it on this thread; then arms the bell of
    /// the lane. False once the channel is closed. One thread at a time.
    bool dispatch();
    /// The program closed the connection: no completion is called after this but one that runs on
    /// another thread right now. Every `ended` is still called.
    void close();

  private:
    class Batch;
    struct Slot {
        std::shared_ptr<const CompletionTarget> target;
        uint32_t generation = 1;
        bool calling = false;         ///< the call has not returned yet
        bool ended = false;           ///< meanwhile the driver let go of it
        std::shared_ptr<Batch> held;  ///< what it sent meanwhile
    };

    /// nullptr for a number that is none.
    Slot* find(uint64_t number);
    std::shared_ptr<const CompletionTarget> take(uint64_t number);
    std::shared_ptr<const CompletionTarget> take_ended(uint64_t number);
    std::shared_ptr<const CompletionTarget> take_slot(Slot& slot, uint64_t number);
    void hold(Slot& slot, const protocol::user_client::CompletionHeader& header,
              const uint64_t* arguments);
    void receive(Frame& frame, std::unique_ptr<Batch>& batch);
    /// Empties the lane as far as a batch holds it, and hands the batch on.
    void take_batch(Result<Frame> first);
    void post(std::shared_ptr<const Batch> batch);
    /// False if too many wait at its port.
    [[nodiscard]] bool give(const std::shared_ptr<const Batch>& batch) const;
    static void end(std::shared_ptr<const CompletionTarget> target);
    void end_all();

    Channel& channel_;
    const Other other_;
    std::atomic<bool> here_ = false;  ///< completions are called by dispatch(), not by the port
    /// Read by batches that wait at a port, which may outlive us.
    std::shared_ptr<std::atomic<bool>> closed_ = std::make_shared<std::atomic<bool>>(false);
    std::mutex mutex_;
    std::vector<Slot> slots_;
    std::vector<uint32_t> free_;
};

}  // namespace opendext::client
