// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "runtime/dispatch/timer_service.h"

namespace opendext::runtime {

/// The clock of an option word of a timer or sleep (kIOTimerClock…; docs/facts/semantics.md section
/// 11). Ticks are nanoseconds here. 0 = absolute time. nullopt for a word that names no clock.
std::optional<TimerClock> clock_of(uint64_t options);

/// A deadline of `clock` as time of the uptime clock, as things stand now.
uint64_t on_uptime_clock(TimerClock clock, uint64_t deadline);

}  // namespace opendext::runtime
