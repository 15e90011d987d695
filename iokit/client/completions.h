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

    /// The number for the call; never 0.
    uint64_t add(std::shared_ptr<const CompletionTarget> target);
    /// The call failed: nothing of it is called.
    void forget(uint64_t number);
    /// Receives until the channel is closed; then ends what is left.
    void run();
    /// The program closed the connection: no completion is called after this but one that runs on
    /// another thread right now. Every `ended` is still called.
    void close();

  private:
    struct Slot {
        std::shared_ptr<const CompletionTarget> target;
        uint32_t generation = 1;
    };
    class Batch;

    /// nullptr for a number that is none.
    Slot* find(uint64_t number);
    std::shared_ptr<const CompletionTarget> take(uint64_t number);
    void receive(Frame& frame, std::unique_ptr<Batch>& batch);
    void post(std::unique_ptr<Batch> batch);
    static void end(std::shared_ptr<const CompletionTarget> target);
    void end_all();

    Channel& channel_;
    const Other other_;
    /// Read by batches that wait at a port, which may outlive us.
    std::shared_ptr<std::atomic<bool>> closed_ = std::make_shared<std::atomic<bool>>(false);
    std::mutex mutex_;
    std::vector<Slot> slots_;
    std::vector<uint32_t> free_;
};

}  // namespace opendext::client
