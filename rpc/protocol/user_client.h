// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "rpc/protocol/common.h"

/// What a client program and a driver say to each other over a user client's channel
/// (rpc/channel.h), without opendextd. Requests (call, map_memory) carry a serial; the reply has
/// the same.
namespace opendext::protocol::user_client {

enum class Kind : uint32_t {
    call = 1,
    call_result = 2,
    async = 3,
    map_memory = 4,
    mapped = 5,
    released = 6,
    copy_memory = 7,
    memory_copied = 8,
    // The hot ones, fixed structs: rpc/protocol/user_client_frames.h.
    invoke = 16,
    outcome = 17,
    completion = 18,
    completion_released = 19,
    slot_freed = 20,
    // As a message.
    arena = 21,
};

inline constexpr size_t kMaxScalars = 16;
inline constexpr size_t kMaxAsyncArguments = 16;
inline constexpr size_t kMaxAsyncReference = 8;
/// Structures up to this size travel in the message, larger ones as memory
/// (kIOConnectMethodVarOutputSize's limit).
inline constexpr size_t kMaxInbandStructure = 4096;

/// IOConnectCall…Method. fds, in this order, each present if its flag says so: structure-input
/// memory, structure-output memory.
struct Call {
    static constexpr auto kKind = Kind::call;
    uint64_t selector = 0;
    std::vector<uint64_t> scalars;
    bool has_structure = false;          ///< false: no structure input at all
    std::vector<uint8_t> structure;      ///< input, in band
    uint64_t input_memory_length = 0;    ///< > 0: input above the in-band limit is fds[0]
    uint32_t scalar_output_count = 0;    ///< room of the caller
    uint64_t structure_output_size = 0;  ///< room of the caller in band; 0 = none
    uint64_t output_memory_length = 0;   ///< > 0: output above the limit goes to the next fd
    std::vector<uint64_t>
        async_reference;  ///< empty: synchronous call; else opaque to the driver, returned in Async
    void fields(auto& io) {
        io(selector, scalars, has_structure, structure, input_memory_length, scalar_output_count,
           structure_output_size, output_memory_length, async_reference);
    }
};

struct CallResult {
    static constexpr auto kKind = Kind::call_result;
    int32_t io_return = 0;
    std::vector<uint64_t> scalars;
    std::vector<uint8_t> structure;
    uint64_t output_memory_used = 0;
    std::string reason;  ///< for people, where the runtime refused
    void fields(auto& io) { io(io_return, scalars, structure, output_memory_used, reason); }
};

/// driver -> client: one AsyncCompletion.
struct Async {
    static constexpr auto kKind = Kind::async;
    std::vector<uint64_t> async_reference;
    int32_t status = 0;
    std::vector<uint64_t> arguments;
    void fields(auto& io) { io(async_reference, status, arguments); }
};

/// driver -> client: the OSAction of a successful asynchronous call is gone; no Async comes for it
/// any more.
struct Released {
    static constexpr auto kKind = Kind::released;
    std::vector<uint64_t> async_reference;
    void fields(auto& io) { io(async_reference); }
};

/// IOConnectMapMemory. fds of the answer: [0] the memory, and what `more` names; the last one is an
/// eventfd if `data_queue`.
struct MapMemory {
    static constexpr auto kKind = Kind::map_memory;
    uint64_t type = 0;
    uint64_t options = 0;
    void fields(auto& io) { io(type, options); }
};

struct Mapped {
    static constexpr auto kKind = Kind::mapped;
    int32_t io_return = 0;
    uint64_t options = 0;  ///< bit 0: read-only for the client
    uint64_t offset = 0;   ///< within the memory
    uint64_t length = 0;
    std::string reason;
    std::vector<MemoryPart> more;  ///< joined memory: what lies behind the first range
    /// It is the memory of an IODataQueueDispatchSource (rpc/data_queue_ring.h): writing to the
    /// eventfd says that its bell was rung.
    bool data_queue = false;
    void fields(auto& io) { io(io_return, options, offset, length, reason, more, data_queue); }
};

/// client -> driver, before the first call that names it: memory for large structures
/// (rpc/arena.h). fds[0] is a sealed memfd of `size` bytes.
struct Arena {
    static constexpr auto kKind = Kind::arena;
    uint32_t number = 0;  ///< counts from 0
    uint64_t size = 0;
    void fields(auto& io) { io(number, size); }
};

inline constexpr size_t kMaxSegments = 32;

struct Segment {
    uint64_t address = 0;  ///< in the client program
    uint64_t length = 0;
    void fields(auto& io) { io(address, length); }
};

/// driver -> client: memory of the program (CreateMemoryDescriptorFromClient). Answered by
/// MemoryCopied of the same serial; the driver numbers these requests.
struct CopyMemory {
    static constexpr auto kKind = Kind::copy_memory;
    std::vector<Segment> segments;
    bool share = false;  ///< false: the bytes as they are now
    void fields(auto& io) { io(segments, share); }
};

struct MemoryCopied {
    static constexpr auto kKind = Kind::memory_copied;
    int32_t io_return = 0;
    std::vector<MemoryPart> parts;  ///< sealed memory in `fds`: the segments one behind the other
    std::string reason;
    void fields(auto& io) { io(io_return, parts, reason); }
};

}  // namespace opendext::protocol::user_client
