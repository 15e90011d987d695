// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "iokit/client/daemon.h"

/// What the client part of a family asks of its other half in opendextd
/// (rpc/protocol/client.h, FamilyRequest).
namespace opendext::client {

struct FamilyReply {
    Dictionary result;
    std::vector<UniqueFd> fds;
};

/// About the entry of this id; a refusal is an Error of Errc::kern with the family's reason, for
/// fail() of iokit/client/reason.h. Any thread.
Result<FamilyReply> request_of_family(uint64_t entry, std::string what, Dictionary arguments = {},
                                      std::vector<UniqueFd> fds = {},
                                      std::chrono::milliseconds timeout = Daemon::kTimeout);
/// About no entry, but a kernel-side class.
Result<FamilyReply> request_of_class(std::string class_name, std::string what,
                                     Dictionary arguments = {}, std::vector<UniqueFd> fds = {},
                                     std::chrono::milliseconds timeout = Daemon::kTimeout);

}  // namespace opendext::client
