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
#include "rpc/mapped_range.h"
#include "rpc/protocol/common.h"
#include "rpc/result.h"

namespace opendext::runtime {

/// A sealed memory file that one or more descriptors show parts of.
struct MemoryBacking {
    UniqueFd fd;
    size_t size = 0;

    /// A range of it that this process shows at `bytes` as long as the backing lives: what was made
    /// here, and what came from elsewhere as one buffer. Empty where nothing is shown.
    std::byte* bytes = nullptr;
    uint64_t shown_offset = 0;
    uint64_t shown_length = 0;
    bool shown_writable = false;
    /// It is shown for who asks for a mapping too: large structures of calls, where a mapping of
    /// its own for each would cost more than the call.
    bool lent = false;
    MappedRange mapping;  // of the range, unless somebody else keeps it mapped

    /// Where that range of the file is shown; nullptr if it is not.
    [[nodiscard]] std::byte* at(uint64_t offset, uint64_t length) const {
        const bool within = bytes != nullptr && offset >= shown_offset &&
                            offset - shown_offset <= shown_length &&
                            length <= shown_length - (offset - shown_offset);
        return within ? bytes + (offset - shown_offset) : nullptr;
    }
};

/// A range of one backing.
struct MemoryPiece {
    std::shared_ptr<MemoryBacking> backing;
    uint64_t offset = 0;
    uint64_t length = 0;
    /// False: made by another process for devices to read, so this one may not write it.
    bool writable = true;
};
using MemoryPieces = std::vector<MemoryPiece>;

}  // namespace opendext::runtime

struct IOMemoryDescriptor_IVars {
    std::mutex mutex;
    opendext::runtime::MemoryPieces pieces;  // what is valid: lengths add up to `length`
    uint64_t length = 0;
    uint64_t options = 0;                         // direction bits
    std::vector<opendext::MappedRange> mappings;  // of Map
    /// Memory of an IODataQueueDispatchSource: what a client program that maps it rings to say that
    /// there is something to do. Set before the memory is given away, and never changed.
    std::shared_ptr<const opendext::UniqueFd> data_queue_bell;
};

struct IOBufferMemoryDescriptor_IVars {
    uint64_t capacity = 0;
    std::byte* address = nullptr;  // in its backing
};

struct IOMemoryMap_IVars {
    IOMemoryDescriptor* descriptor = nullptr;  // retained
    std::byte* address = nullptr;
    opendext::MappedRange mapping;  // empty where the backing shows the memory anyway
    uint64_t offset = 0;
    uint64_t length = 0;
    uint64_t options = 0;
};

namespace opendext::runtime {

/// The ranges that a descriptor shows now, in order; none is empty.
[[nodiscard]] MemoryPieces pieces_of(IOMemoryDescriptor* memory);
/// The one range that a descriptor shows; Errc::invalid where it has several.
Result<MemoryPiece> single_piece(IOMemoryDescriptor* memory);
[[nodiscard]] uint64_t memory_options(IOMemoryDescriptor* memory);

[[nodiscard]] uint64_t total_length(const MemoryPieces& pieces);
/// The part of `pieces` that starts `offset` bytes in and has `length` bytes; it lies within them.
[[nodiscard]] MemoryPieces cut(const MemoryPieces& pieces, uint64_t offset, uint64_t length);
/// Bytes that were copied: fewer than asked for where the pieces end.
size_t read_bytes(const MemoryPieces& pieces, uint64_t offset, void* to, size_t length);
size_t write_bytes(const MemoryPieces& pieces, uint64_t offset, const void* from, size_t length);

/// Maps pieces one behind the other. `read_only`: whatever the pieces allow.
Result<MappedRange> map_pieces(const MemoryPieces& pieces, bool read_only,
                               const MappedRange::Options& options);

/// A descriptor of memory that another process sent: checked, with its own length as capacity. The
/// caller owns the reference.
Result<IOBufferMemoryDescriptor*> make_foreign_memory(UniqueFd fd, uint64_t offset, uint64_t length,
                                                      uint64_t options);
/// The same for a part of memory that this process shows and keeps: nothing is mapped.
Result<IOBufferMemoryDescriptor*> make_shown_memory(std::shared_ptr<MemoryBacking> backing,
                                                    uint64_t offset, uint64_t length,
                                                    uint64_t options);
/// A new descriptor over pieces of memory.
IOMemoryDescriptor* make_descriptor(MemoryPieces pieces, uint64_t options);

/// Memory as it travels with a message: its descriptors are added to `fds`, each file once. What
/// leaves the process is sealed for good; memory that leaves for `read_only` use so that nobody can
/// map it for writing or write it from then on: only mappings that are there already stay writable,
/// and with them this process (docs/design/read-only-memory.md). Errc::not_permitted where that
/// comes too late.
enum class Leaves : uint8_t { as_it_is, writable, read_only };
Result<std::vector<protocol::MemoryPart>> to_parts(IOMemoryDescriptor* memory,
                                                   std::vector<UniqueFd>& fds,
                                                   Leaves how = Leaves::as_it_is);
/// The other way: takes the descriptors out of `fds`. The caller owns the reference.
Result<IOMemoryDescriptor*> from_parts(const protocol::MemoryPart& first,
                                       const std::vector<protocol::MemoryPart>& more,
                                       uint64_t options, std::vector<UniqueFd>& fds);

}  // namespace opendext::runtime
