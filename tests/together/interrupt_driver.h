// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

/// The driver's side of the interrupt test, apart from the daemon's headers, which have results of
/// the same names. Each call blocks for opendextd and gives a kern_return_t.

/// A source for interrupt `index` of the driver's provider, enabled, with the driver's Interrupted
/// as handler.
int32_t attach_source(uint32_t index);
int32_t interrupt_type(uint32_t index, uint64_t* type);
void cancel_source();
/// Serves the control socket until it ends.
int run_driver(int control_fd, uint64_t token);
