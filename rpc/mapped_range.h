// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "rpc/result.h"

namespace opendext {

/// A range of a memory file, as it is to be mapped.
struct MemorySpan {
    int fd = -1;
    uint64_t offset = 0;
    uint64_t length = 0;
    bool writable = false;
    /// Pages of this process that show the range already, writable; or nullptr. They are shown a
    /// second time where the file itself may not be mapped for writing any more.
    const std::byte* shown = nullptr;
};

/// Pages of this process that show one or more ranges of memory files one behind the other, with
/// pages without access before and behind them. Unmapped in the destructor, guard pages included.
class MappedRange {
  public:
    struct Options {
        uint64_t alignment = 0;  ///< of the first byte's page: 0 or a power of two
        size_t guard = 0;        ///< bytes without access on each side; rounded up to pages
        /// Not 0: the address of the first byte; Errc::exists where something lies there.
        uint64_t fixed_address = 0;
    };

    MappedRange() = default;
    MappedRange(MappedRange&& other) noexcept;
    MappedRange& operator=(MappedRange&& other) noexcept;
    MappedRange(const MappedRange&) = delete;
    MappedRange& operator=(const MappedRange&) = delete;
    ~MappedRange();

    /// Every span but the last has to end, and every one but the first to start, at a page
    /// boundary (Errc::unsupported if not: no address space can show that without a gap).
    /// Errc::invalid for an impossible request. The caller has checked that the files are sealed
    /// and that the ranges lie within them.
    static Result<MappedRange> map(std::span<const MemorySpan> spans, const Options& options);

    /// The first byte of the first span.
    [[nodiscard]] std::byte* data() const { return data_; }

  private:
    void* reserved_ = nullptr;
    size_t reserved_size_ = 0;
    std::byte* data_ = nullptr;
};

}  // namespace opendext
