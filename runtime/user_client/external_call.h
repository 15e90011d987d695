// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <DriverKit/IOUserClient.h>

#include <memory>
#include <vector>

#include "rpc/fd.h"
#include "rpc/protocol/user_client.h"
#include "rpc/result.h"

namespace opendext::runtime {

class ClientConnection;

/// The answer to a call. `completion` is to be kept until the answer is sent: the word that nobody
/// holds the call's completion any more must not overtake it.
struct ExternalResult {
    protocol::user_client::CallResult answer;
    std::shared_ptr<void> completion;
};

/// Runs one call of a client program: makes the arguments, calls ExternalMethod on the calling
/// thread, gives the answer. Errc::malformed for what the client library never sends: the
/// connection should then be closed.
Result<ExternalResult> run_external_call(const std::shared_ptr<ClientConnection>& connection,
                                         IOUserClient* client,
                                         const protocol::user_client::Call& request,
                                         std::vector<UniqueFd> fds);

}  // namespace opendext::runtime
