// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <DriverKit/IOUserClient.h>

#include <deque>
#include <memory>
#include <mutex>
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
    void close(const std::string& reason) { channel_->close(reason); }
    /// Sends an answer or a completion; never waits for the client: what does not fit the ring is
    /// kept and sent by a thread of its own, in order. A client that lets too much pile up loses
    /// the connection. Lost when the channel is closed.
    void send(Message message);

    /// What may pile up for a client that does not read.
    static constexpr size_t kMaxOutboxBytes = 8 * 1024 * 1024;

  private:
    void handle(Message message);
    void send_outbox();
    void failed(const Error& error);
    void call(const protocol::user_client::Call& request, uint64_t serial,
              std::vector<UniqueFd> fds);
    void map_memory(const protocol::user_client::MapMemory& request, uint64_t serial);

    IOUserClient* const client_;  // retained
    const std::unique_ptr<Channel> channel_;
    const std::string client_name_;

    std::mutex outbox_mutex_;
    std::deque<Message> outbox_;
    size_t outbox_bytes_ = 0;
    bool sender_runs_ = false;  // send_outbox() empties the outbox
};

}  // namespace opendext::runtime
