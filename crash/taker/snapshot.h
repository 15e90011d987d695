// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <chrono>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "crash/stacks.h"
#include "rpc/fd.h"
#include "rpc/machine_registers.h"
#include "rpc/result.h"

namespace opendext::crash {

using Time = std::chrono::steady_clock::time_point;

/// A piece of a process's memory, copied.
struct Piece {
    uint64_t begin = 0;
    std::vector<uint8_t> bytes;
};

struct StoppedThread {
    pid_t id = 0;     ///< here
    pid_t inner = 0;  ///< as the process itself sees it
    std::string name;
    std::string doing;
    bool stopped = false;  ///< the rest is there
    std::string why_not;
    machine::Registers registers{};
};

/// Mapped bytes of a file that code runs from.
struct MappedFile {
    std::string path;
    uint64_t begin = 0;
    uint64_t end = 0;
    uint64_t code_begin = 0;   ///< the first executable mapping …
    uint64_t code_offset = 0;  ///< … and where in the file it is
    UniqueFd file;             ///< not open: `why_not`
    std::string why_not;
};

/// What is needed of a process, copied while all its threads stood still. From then on the process
/// is not needed any more.
struct Snapshot {
    std::vector<StoppedThread> threads;
    std::vector<MappedFile> files;
    std::vector<Piece> memory;
    Usage usage;
    std::vector<std::string> notes;

    /// `size` bytes at `address`, or nothing.
    [[nodiscard]] std::span<const uint8_t> read(uint64_t address, size_t size) const;
};

/// Stops the process, copies, and lets it go on as it was. `fault`: its registers are of interest
/// too. Errc::not_found: no such process; Errc::not_ready: somebody traces it.
/// `parent`: see StoppedProcess::stop.
Result<Snapshot> take_snapshot(pid_t pid, pid_t parent, const std::optional<Fault>& fault,
                               Time deadline);

}  // namespace opendext::crash
