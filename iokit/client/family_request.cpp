// SPDX-License-Identifier: Apache-2.0
#include "iokit/client/family_request.h"

namespace opendext::client {
namespace {

Result<FamilyReply> exchange(wire::FamilyRequest request, std::vector<UniqueFd> fds,
                             std::chrono::milliseconds timeout) {
    FamilyReply reply;
    auto answer = OD_TRY(Daemon::instance().request<wire::FamilyAnswer>(
        std::move(request), timeout, &reply.fds, std::move(fds)));
    reply.result = std::move(answer.result);
    return reply;
}

}  // namespace

Result<FamilyReply> request_of_family(uint64_t entry, std::string what, Dictionary arguments,
                                      std::vector<UniqueFd> fds,
                                      std::chrono::milliseconds timeout) {
    return exchange({entry, {}, std::move(what), std::move(arguments)}, std::move(fds), timeout);
}

Result<FamilyReply> request_of_class(std::string class_name, std::string what, Dictionary arguments,
                                     std::vector<UniqueFd> fds, std::chrono::milliseconds timeout) {
    return exchange({0, std::move(class_name), std::move(what), std::move(arguments)},
                    std::move(fds), timeout);
}

}  // namespace opendext::client
