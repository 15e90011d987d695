// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <DriverKit/IOUserClient.h>
#include <DriverKit/OSData.h>

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "rpc/channel.h"
#include "rpc/protocol/user_client_frames.h"
#include "runtime/containers/data_cache.h"
#include "runtime/user_client/completion.h"
#include "runtime/user_client/slots.h"

namespace opendext::runtime {

/// One call of a client program: taken out of its frame, run, and answered.
class ExternalCall {
  public:
    explicit ExternalCall(uint64_t serial) : serial_(serial) {}
    ~ExternalCall();
    ExternalCall(ExternalCall&& other) noexcept;
    ExternalCall& operator=(ExternalCall&&) = delete;
    ExternalCall(const ExternalCall&) = delete;
    ExternalCall& operator=(const ExternalCall&) = delete;

    /// Copies and checks everything; the frame is not needed after. Errc::malformed for what the
    /// client library never sends: the connection should then be closed.
    Status take(Frame& frame, ClientConnection& connection, const Arenas& arenas);
    /// Calls ExternalMethod on this thread and sends the answer. `cache`: this thread's, if it has
    /// one.
    void run(ClientConnection& connection, IOUserClient* client, DataCache* cache);
    [[nodiscard]] bool is_asynchronous() const { return completion_ != nullptr; }
    [[nodiscard]] uint64_t selector() const { return call_.selector; }
    /// Sends an answer without a run.
    void refuse(ClientConnection& connection, kern_return_t result, std::string_view reason);

  private:
    void take_results(IOUserClientMethodArguments& arguments);
    void fail(std::string reason);
    void release_input();
    void answer(ClientConnection& connection);
    void answer_in_memory(ClientConnection& connection);

    const uint64_t serial_;
    protocol::user_client::CallFrame call_;
    std::array<uint64_t, protocol::user_client::kMaxScalars> scalars_in_;
    std::array<uint64_t, protocol::user_client::kMaxScalars> scalars_out_;

    // Released at the end, before the answer.
    OSData* input_ = nullptr;
    CallMemory input_memory_;
    CallMemory output_memory_;
    OSAction* action_ = nullptr;
    /// Held until the answer is sent: the word that nobody holds the call's completion any more
    /// must not overtake it.
    std::shared_ptr<Completion> completion_;

    protocol::user_client::OutcomeFrame outcome_;
    OSData* output_ = nullptr;  // outcome_.structure lies in it
    std::string reason_;        // and outcome_.reason in this
};

}  // namespace opendext::runtime
