// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <DriverKit/IOBufferMemoryDescriptor.h>
#include <DriverKit/IOMemoryDescriptor.h>
#include <DriverKit/IOMemoryMap.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "rpc/fd.h"
#include "rpc/result.h"

namespace opendext::runtime {

/// A sealed memory file that one or more descriptors show parts of.
struct MemoryBacking {
    UniqueFd fd;
    size_t size = 0;
};

/// A range of one backing.
struct MemoryPiece {
    std::shared_ptr<MemoryBacking> backing;
    uint64_t offset = 0;
    uint64_t length = 0;
};

/// Pages of this process that show memory, unmapped in the destructor, guard pages included.
class MappedRange {
  public:
    MappedRange() = default;
    MappedRange(MappedRange&& other) noexcept;
    MappedRange& operator=(MappedRange&& other) noexcept;
    ~MappedRange();

    /// Maps the pieces one behind the other. Every piece but the last has to end, and every piece
    /// but the first to start, at a page boundary. `alignment` is 0 or a power of two; `guard`
    /// bytes without access lie on both sides.
    static Result<MappedRange> map(const std::vector<MemoryPiece>& pieces, bool writable,
                                   uint64_t alignment, size_t guard);
    /// Of the first byte of the first piece.
    [[nodiscard]] std::byte* data() const { return data_; }

  private:
    void* reserved_ = nullptr;
    size_t reserved_size_ = 0;
    std::byte* data_ = nullptr;
};

}  // namespace opendext::runtime

struct IOMemoryDescriptor_IVars {
    std::mutex mutex;
    std::vector<opendext::runtime::MemoryPiece>
        pieces;  // what is valid: lengths add up to `length`
    uint64_t length = 0;
    uint64_t options = 0;                                  // direction bits
    bool foreign = false;                                  // made by another process
    std::vector<opendext::runtime::MappedRange> mappings;  // of Map
};

struct IOBufferMemoryDescriptor_IVars {
    uint64_t capacity = 0;
    opendext::runtime::MappedRange mapping;
};

struct IOMemoryMap_IVars {
    IOMemoryDescriptor* descriptor = nullptr;  // retained
    opendext::runtime::MappedRange mapping;
    uint64_t offset = 0;
    uint64_t length = 0;
};

namespace opendext::runtime {

/// The one range that a descriptor shows; Errc::invalid where it has several.
Result<MemoryPiece> single_piece(IOMemoryDescriptor* memory);
uint64_t memory_options(IOMemoryDescriptor* memory);

/// A descriptor of memory that another process sent: checked, with its own length as capacity. The
/// caller owns the reference.
Result<IOBufferMemoryDescriptor*> make_foreign_memory(UniqueFd fd, uint64_t offset, uint64_t length,
                                                      uint64_t options);
/// A new descriptor over pieces of memory.
IOMemoryDescriptor* make_descriptor(std::vector<MemoryPiece> pieces, uint64_t options);

}  // namespace opendext::runtime
