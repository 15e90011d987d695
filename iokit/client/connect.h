// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <opendext/client.h>

#include "iokit/client/connection.h"

/// What the C functions of connections have in common.
namespace opendext::client {

/// The open connection that a handle stands for; nullptr with `code` and its reason if it is none.
/// It stays until this thread asks for another one, also if the handle is closed meanwhile.
Connection* find_connection(io_connect_t connect, kern_return_t& code);

/// Counts without what they count are refused.
kern_return_t check_pointers(const opendext_call& call);

inline CallArguments arguments_of(const opendext_call& call) {
    // Read by itself (an atomic load is not joined with its neighbour): the program has just
    // stored it so, and a load of two words at once would wait until the rings' lines are there.
    const size_t size = __atomic_load_n(&call.inputStructCnt, __ATOMIC_RELAXED);
    return {call.selector,
            {call.input, call.inputCount},
            {static_cast<const std::byte*>(call.inputStruct), size}};
}

inline Output output_of(const opendext_call& call) {
    return {call.output, call.outputCount, static_cast<std::byte*>(call.outputStruct),
            call.outputStructCnt};
}

}  // namespace opendext::client
