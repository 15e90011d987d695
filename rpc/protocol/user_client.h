// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "rpc/protocol/common.h"

/// What a client program and a driver say to each other over a user client's channel
/// (rpc/channel.h), without opendextd. Requests (invoke, map_memory) carry a serial; the reply has
/// the same.
namespace opendext::protocol::user_client {

enum class Kind : uint32_t {
    map_memory = 4,
    mapped = 5,
    copy_memory = 7,
    memory_copied = 8,
    // The hot ones, fixed structs: rpc/protocol/user_client_frames.h.
    invoke = 16,
    outcome = 17,
    completion = 18,
    completion_released = 19,
    slot_freed = 20,
    // As messages.
    arena = 21,
    /// client -> driver, once, without a body: fds[0] is a socket whose other end the client polls
    /// for events (Channel::set_bell).
    events_bell = 22,
};

/// Said by the driver with the end of the connection: its user client ended. opendextd says why.
inline constexpr std::string_view kUserClientEnded = "the driver ended the user client";

inline constexpr size_t kMaxScalars = 16;
inline constexpr size_t kMaxAsyncArguments = 16;
/// Structures up to this size travel in the message, larger ones as memory
/// (kIOConnectMethodVarOutputSize's limit).
inline constexpr size_t kMaxInbandStructure = 4096;

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
