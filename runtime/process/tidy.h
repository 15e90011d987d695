// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace opendext::runtime {

/// Gives memory that this process has touched and does not use back to the system: stacks of
/// threads that have ended or watch nothing, free pages of the heap, and what the main thread's
/// stack was once deeper. For a process that has nothing to do; costs some microseconds. On the
/// main thread only.
void tidy_memory();

}  // namespace opendext::runtime
