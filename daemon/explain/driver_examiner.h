// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string_view>

#include "daemon/lifecycle/processes.h"
#include "daemon/supervision/clock.h"
#include "rpc/protocol/examine.h"

namespace opendext::daemon {

/// What driver processes said of themselves, by their number; absent: those that could not be asked
/// (not up, being debugged); without a value: one that did not answer.
using DriverAnswers = std::map<uint64_t, std::optional<protocol::driver::Examined>>;

/// What the request is called among those that a process has not answered.
inline constexpr std::string_view kExamineName = "what waits in it";
/// For a thread that only reads a message and answers it, on a machine with much to do.
inline constexpr std::chrono::milliseconds kExaminePatience{2000};

/// Asks every process what waits in it. `done` is called once, at the latest after kExaminePatience
/// and a little; at once if there is none to ask.
void examine_drivers(Clock& clock, const Processes& processes,
                     std::function<void(DriverAnswers)> done);

}  // namespace opendext::daemon
