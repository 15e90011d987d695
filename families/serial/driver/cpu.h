// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

/// Waking a thread on another CPU that idles costs 30 us and more, most of it on the side that
/// wakes; on the own CPU it costs 2 us. So threads that pass small pieces to a program, or get them
/// from it, stay on that program's CPU (docs/design/serial.md).
namespace opendext::serial {

/// The calling thread runs on `cpu` (1 + its number) only from now on; 0, or a CPU that it may not
/// use: wherever it could at first. A system call only where that changes something.
void follow_cpu(uint32_t cpu);

}  // namespace opendext::serial
