// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "rpc/fd.h"
#include "rpc/protocol/examine.h"
#include "rpc/result.h"
#include "rpc/socket.h"

class IOUserClient;
class OSObject;

namespace opendext::runtime {

class ClientConnection;

/// The channels to client programs, one for each open of a user client. Any thread.
class Connections {
  public:
    Connections();
    ~Connections();

    /// Maps the channel and starts to serve it on a thread of its own. Retains the user client
    /// until the end.
    Status attach(IOUserClient* client, const protocol::driver::AttachClient& request,
                  UniqueFd memory, Socket side_socket);
    /// Ends the channel; calls that run go on, their answers are dropped. Nothing happens for an
    /// unknown number.
    void close(uint64_t connection, const std::string& reason);
    /// Ends the channels of a user client that the registry does not have any more. Whoever opened
    /// it may not have come to close it: opendextd itself, which died meanwhile.
    void close_of(const OSObject* client);
    void close_all(const std::string& reason);
    /// The system goes to sleep, or is awake again: calls of clients wait meanwhile.
    void set_asleep(bool asleep);
    /// Adds what clients wait for and what they do not take.
    void examine(protocol::driver::Examined& to);

  private:
    std::mutex mutex_;
    bool asleep_ = false;
    std::map<uint64_t, std::shared_ptr<ClientConnection>> connections_;
};

}  // namespace opendext::runtime
