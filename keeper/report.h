// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

/// What a fresh driver process and the keeper say to each other over the report socket: the second
/// descriptor of Spawn between keeper and prepared process. It lives from the fork to the closing
/// of the sandbox's second step.
namespace opendext::keeper::report {

enum class Kind : uint32_t {
    listener = 1,
    failed = 2,
    close_second_step = 3,
};

/// process -> keeper, before any code of the dext is loaded. fds: [0] the seccomp listener: the
/// calls that the filter does not allow wait there for the keeper's word.
struct Listener {
    static constexpr auto kKind = Kind::listener;
    void fields(auto&) {}
};

/// process -> keeper: the sandbox could not be closed; the process ends without having loaded
/// anything.
struct Failed {
    static constexpr auto kKind = Kind::failed;
    std::string reason;
    void fields(auto& io) { io(reason); }
};

/// process -> keeper: the dext is loaded, no path is opened any more. The last word; the keeper
/// sees to it before it answers any call that comes after it, so nobody waits for an answer.
struct CloseSecondStep {
    static constexpr auto kKind = Kind::close_second_step;
    void fields(auto&) {}
};

}  // namespace opendext::keeper::report
