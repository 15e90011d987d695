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
    opendext::MappedRange mapping;
};

struct IOMemoryMap_IVars {
    IOMemoryDescriptor* descriptor = nullptr;  // retained
    opendext::MappedRange mapping;
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
/// A new descriptor over pieces of memory.
IOMemoryDescriptor* make_descriptor(MemoryPieces pieces, uint64_t options);

/// Memory as it travels with a message: its descriptors are added to `fds`, each file once.
Result<std::vector<protocol::MemoryPart>> to_parts(IOMemoryDescriptor* memory,
                                                   std::vector<UniqueFd>& fds);
/// The other way: takes the descriptors out of `fds`. The caller owns the reference.
Result<IOMemoryDescriptor*> from_parts(const protocol::MemoryPart& first,
                                       const std::vector<protocol::MemoryPart>& more,
                                       uint64_t options, std::vector<UniqueFd>& fds);

}  // namespace opendext::runtime
