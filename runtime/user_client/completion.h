// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <DriverKit/IOUserClient.h>

#include <atomic>
#include <cstdint>
#include <memory>

#include "runtime/dispatch/action_ivars.h"

namespace opendext::runtime {

class ClientConnection;

/// Receives AsyncCompletion of one asynchronous call and sends it to the client: again and again,
/// long after the call, from any thread.
class Completion : public ActionReceiver {
  public:
    /// `word` names it for the client.
    Completion(std::weak_ptr<ClientConnection> connection, uint64_t word)
        : connection_(std::move(connection)), word_(word) {}
    /// The last holder let go: the client can forget what its word stands for.
    ~Completion() override;

    /// The action that the driver gets. The caller owns the reference.
    static OSAction* make_action(std::shared_ptr<Completion> completion);

    kern_return_t receive(OSAction* action, const IORPC& rpc) override;
    /// The call failed: no completion is sent any more.
    void forget() { failed_.store(true, std::memory_order_relaxed); }

  private:
    void complete(IOReturn status, const uint64_t* arguments, uint32_t count);

    const std::weak_ptr<ClientConnection> connection_;
    const uint64_t word_;
    std::atomic<bool> failed_{false};
};

}  // namespace opendext::runtime
