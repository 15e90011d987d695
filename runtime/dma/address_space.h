// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <mutex>

#include "runtime/memory/memory_ivars.h"

namespace opendext::runtime {

/// The bus addresses of a driver process: which memory stands at which address, and for which
/// device. docs/design/dma.md. Any thread.
class IoAddressSpace {
  public:
    static IoAddressSpace& shared();

    /// Gives one piece of memory addresses below 2^`bits`; the offset within the page is that in
    /// its file. Errc::no_space if none are left. `device`: registry entry id. `direction`: what
    /// the device may do with it.
    Result<uint64_t> add(uint64_t device, MemoryPiece piece, uint64_t bits, uint64_t direction);
    /// Takes back what `add` gave.
    void remove(uint64_t address);

    struct Found {
        MemoryPiece piece;  ///< from the address asked for to the end of the range
        uint64_t direction = 0;
    };
    /// Errc::not_found where nothing of this device is prepared.
    [[nodiscard]] Result<Found> find(uint64_t device, uint64_t address);
    [[nodiscard]] size_t size();

  private:
    struct Range {
        uint64_t device = 0;
        MemoryPiece piece;
        uint64_t direction = 0;
        uint64_t first_page = 0;  ///< of the pages that the range takes
        uint64_t end = 0;         ///< behind the last of them
    };
    /// The lowest free place of `size` bytes in [from, to), or 0. Called with the lock held.
    [[nodiscard]] uint64_t place(uint64_t size, uint64_t from, uint64_t to) const;

    std::mutex mutex_;
    std::map<uint64_t, Range> ranges_;  ///< by the address of the first byte
};

}  // namespace opendext::runtime
