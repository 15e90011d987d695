// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <DriverKit/IOUserClient.h>

#include <atomic>
#include <memory>
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
    /// Lost when the channel is closed.
    void send(const Message& message);

  private:
    void handle(Message message);
    void call(const protocol::user_client::Call& request, uint64_t serial,
              std::vector<UniqueFd> fds);
    void map_memory(const protocol::user_client::MapMemory& request, uint64_t serial);

    IOUserClient* const client_;  // retained
    const std::unique_ptr<Channel> channel_;
    const std::string client_name_;
};

}  // namespace opendext::runtime
