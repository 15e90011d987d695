// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <dispatch/dispatch.h>

/// How the main thread's run loop serves the main queue.
namespace opendext::cf {

/// Whether anybody has asked for the main queue: then a run of the main loop does not end for want
/// of sources.
[[nodiscard]] bool main_queue_in_use();
[[nodiscard]] bool main_queue_has_work();
/// Runs what is submitted now; whether there was something.
bool drain_main_queue();

}  // namespace opendext::cf
