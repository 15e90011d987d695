// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "apps/serial-over-tcp/agent/agent.h"

namespace opendext::serial_tcp::cli {

/// Asks the agent of the realm; starts one if `start` and there is none. Errc::not_found: there is
/// none.
template <typename Request>
Result<Answer> ask_agent(const Realm& realm, const Request& request, bool start);

/// Program `opendext-serial --realm DIR agent`: the agent itself. Descriptor 3 tells its starter.
int agent_main(const Realm& realm);
/// Program `opendext-serial --realm DIR guard`: starts the agent, and again if it was killed.
int guard_main(const Realm& realm);
/// Program `opendext-serial --realm DIR at-start`: the keeper starts it with the realm, if ports
/// are saved there.
int at_start_main(const Realm& realm);

// --- implementation

Result<Message> exchange(const Realm& realm, const Message& request, bool start);

template <typename Request>
Result<Answer> ask_agent(const Realm& realm, const Request& request, bool start) {
    return decode<Answer>(OD_TRY(exchange(realm, encode(request), start)));
}

}  // namespace opendext::serial_tcp::cli
