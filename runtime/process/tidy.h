// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace opendext::runtime {

/// Gives memory that this process has touched and does not use back to the system: stacks of
/// threads that have ended or watch nothing, free pages of the heap, and what the main thread's
/// stack was once deeper. For a process that has nothing to do; costs some microseconds. On the
/// main thread only.
void tidy_memory();

/// Enters the code of all libraries into the page tables of this process, as far as it is in
/// memory: a fork leaves them out, and each 16 pages of it cost a fault when they are first used.
/// For a process that waits for what it will be, and the prepared one, without which the pages
/// would be this process's own.
void map_code();

}  // namespace opendext::runtime
