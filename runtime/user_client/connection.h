// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <DriverKit/IOUserClient.h>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "rpc/channel.h"
#include "rpc/protocol/user_client.h"

namespace opendext::runtime {

/// One client program on one user client: receives its calls, runs them on the queue of
/// ExternalMethod, answers.
class ClientConnection : public std::enable_shared_from_this<ClientConnection> {
  public:
    ClientConnection(IOUserClient* client, std::unique_ptr<Channel> channel,
                     std::string client_name);
    ~ClientConnection();

    /// Receives until the channel is closed; on a thread of its own.
    void serve();
    void close(const std::string& reason);
    /// Sends a request to the client and waits for its answer, kRequestDeadline at the most. Not
    /// answered if no thread of the client receives: it does in every call, and always once it has
    /// made an asynchronous one.
    Result<Message> request(Message message);
    /// While the system sleeps what the client sends waits.
    void set_asleep(bool asleep);
    /// Sends an answer or a completion; never waits for the client: what does not fit the ring is
    /// kept and sent by a thread of its own, in order. A client that lets too much pile up loses
    /// the connection. Lost when the channel is closed.
    void send(Message message);

    /// What may pile up for a client that does not read.
    static constexpr size_t kMaxOutboxBytes = 8 * 1024 * 1024;
    /// A client that does not answer a request must not hold up the driver.
    static constexpr std::chrono::seconds kRequestDeadline{20};

  private:
    struct Waiter {
        std::optional<Message> answer;
    };

    void handle(Message message);
    void answered(Message message);
    void wait_while_asleep();
    void send_outbox();
    void failed(const Error& error);
    void call(const protocol::user_client::Call& request, uint64_t serial,
              std::vector<UniqueFd> fds);
    void map_memory(const protocol::user_client::MapMemory& request, uint64_t serial);

    IOUserClient* const client_;  // retained
    const std::unique_ptr<Channel> channel_;
    const std::string client_name_;

    std::mutex state_mutex_;
    std::condition_variable state_changed_;
    std::map<uint64_t, Waiter> waiters_;  // by the serial of the request
    uint64_t next_serial_ = 1;
    bool asleep_ = false;
    bool closed_ = false;

    std::mutex outbox_mutex_;
    std::deque<Message> outbox_;
    size_t outbox_bytes_ = 0;
    bool sender_runs_ = false;  // send_outbox() empties the outbox
};

}  // namespace opendext::runtime
