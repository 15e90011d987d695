// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "rpc/channel.h"

namespace opendext {

/// Both sides of a channel in one process.
struct Ends {
    UniqueFd memory;  // a third descriptor, for tests that attack the memory
    std::unique_ptr<Channel> client;
    std::unique_ptr<Channel> driver;
};

inline Ends make_ends() {
    Ends ends;
    ends.memory = std::move(Channel::create_memory()).value();
    auto sockets = std::move(Socket::pair()).value();
    ends.client = std::move(Channel::attach(std::move(ends.memory.duplicate()).value(),
                                            std::move(sockets.first), Channel::Side::client))
                      .value();
    ends.driver = std::move(Channel::attach(std::move(ends.memory.duplicate()).value(),
                                            std::move(sockets.second), Channel::Side::driver))
                      .value();
    return ends;
}

}  // namespace opendext
