// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <DriverKit/IOUserClient.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "rpc/channel.h"
#include "rpc/protocol/examine.h"
#include "rpc/protocol/user_client_frames.h"
#include "runtime/containers/data_cache.h"
#include "runtime/dispatch/executor.h"
#include "runtime/user_client/lane_sender.h"
#include "runtime/user_client/slots.h"

namespace opendext::runtime {

class ExternalCall;

/// One client program on one user client: receives its calls, runs them on the queue of
/// ExternalMethod, answers. Any thread, but for serve().
class ClientConnection : public LaneSender::Owner,
                         public std::enable_shared_from_this<ClientConnection> {
  public:
    ClientConnection(IOUserClient* client, std::unique_ptr<Channel> channel,
                     std::string client_name);
    ~ClientConnection() override;

    [[nodiscard]] bool is_of(const OSObject* client) const { return client_ == client; }
    /// Receives until the channel is closed; on a thread of its own.
    void serve();
    void close(const std::string& reason);
    /// While the system sleeps what the client sends waits.
    void set_asleep(bool asleep);

    /// Sends a request to the client and waits for its answer, kRequestDeadline at the most. Not
    /// answered if no thread of the client receives: it does in every call, and always once it has
    /// made an asynchronous one.
    Result<Message> request(Message message);
    /// A client that does not answer a request must not hold up the driver.
    static constexpr std::chrono::seconds kRequestDeadline{20};

    // None of these waits for the client. Lost when the channel is closed.
    void answer(uint64_t serial, const protocol::user_client::OutcomeFrame& outcome,
                const uint64_t* scalars);
    void reply(Message message) { replies_.send(std::move(message)); }
    void complete(const protocol::user_client::CompletionHeader& header, const uint64_t* arguments);
    void completion_released(uint64_t word);
    void slot_freed(const protocol::user_client::SlotFreed& slot);
    /// Counts it; a line in the log once a second at the most.
    void one_way_failed(uint64_t selector, kern_return_t result);

    /// Names the call that runs, for whoever asks what the client waits for. Where calls run in
    /// parallel, the last one that began.
    class RunningCall {
      public:
        RunningCall(ClientConnection& connection, uint64_t selector)
            : running_(connection.running_), outer_(running_.load(std::memory_order_relaxed)) {
            running_.store(selector + 1, std::memory_order_relaxed);
        }
        ~RunningCall() { running_.store(outer_, std::memory_order_relaxed); }
        RunningCall(const RunningCall&) = delete;
        RunningCall& operator=(const RunningCall&) = delete;

      private:
        std::atomic<uint64_t>& running_;
        const uint64_t outer_;
    };
    /// What the client waits for, and what it does not take.
    void examine(protocol::driver::Examined& to) const;

    /// 1 + the CPU of the client that this thread had to do with last; 0: not known.
    static uint32_t client_cpu();

    std::shared_ptr<LaneSender::Owner> keep() override { return shared_from_this(); }
    void fail(const Error& error) override;

  private:
    class HandOver;
    class LaterCall;
    /// What a thread that serves keeps from one call to the next.
    struct Serving {
        std::optional<Executor::Claimed> claim;  ///< the queue of the calls
        DataCache cache;
    };
    void handle(Frame& frame, Serving& serving);
    void call(Frame& frame, Serving& serving);
    /// The queue that calls run on now; nullptr if there is none. Another one is not claimed.
    const std::shared_ptr<Executor>& queue(Serving& serving);
    void map_memory(Frame& frame, Serving& serving);
    void answered(Message message);
    void wait_while_asleep();
    /// Where what the client has not asked for goes.
    LaneSender& unasked() { return has_events_.load() ? events_ : replies_; }

    IOUserClient* const client_;  // retained
    const std::unique_ptr<Channel> channel_;
    const std::string client_name_;
    LaneSender replies_;
    LaneSender events_;
    /// The client has made an asynchronous call, so it receives events at any time.
    std::atomic<bool> has_events_{false};
    std::atomic<uint64_t> running_{0};  // 1 + the selector
    // Of the thread that serves:
    Arenas arenas_;
    std::shared_ptr<Executor> queue_;
    std::optional<uint32_t> queue_changes_;  // as of queue_

    std::atomic<bool> asleep_{false};
    std::mutex state_mutex_;
    std::condition_variable state_changed_;
    std::map<uint64_t, std::optional<Message>> requests_;  // by serial: what was answered
    uint64_t next_serial_ = 1;
    bool closed_ = false;

    std::mutex failures_mutex_;
    uint64_t failures_ = 0;  // one-way calls since the last line about them
    std::chrono::steady_clock::time_point failures_told_{};
};

/// CopyClientMemoryForType as the answer to a client.
Message client_memory(IOUserClient* client, uint64_t type, uint64_t serial);

}  // namespace opendext::runtime
