// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "rpc/fields.h"

/// Parts that more than one protocol uses. Design and order of events: docs/design/protocols.md.
namespace opendext::protocol {

/// How an operation ended: the answer to requests that have nothing else to say, and the head of
/// those that have. `io_return` is a kern_return_t (0 = success) for what DriverKit or IOKit
/// callers see; `reason` is for people.
struct Outcome {
    int32_t io_return = 0;
    std::string reason;
    void fields(auto& io) { io(io_return, reason); }
};

/// An object as it travels with a call. See docs/design/protocols.md, "References".
enum class RefKind : uint8_t {
    null = 0,
    object = 1,  ///< a registry object: `id` = registry entry id, `class_name` = nearest class that
                 ///< can be remote
    value = 2,   ///< a serialisable container by value: `value`
    memory = 3,  ///< a memory descriptor: `fd_index`, `offset`, `length`, `options`; `more` if it
                 ///< joins several ranges
    action = 4,  ///< an OSAction: `id` = its number at the owner, `class_name` = action type,
                 ///< `offset` = message id
    descriptor = 5,  ///< a bare file descriptor for a family half: `fd_index`
};

/// A range of a memory file that travels with the message.
struct MemoryPart {
    uint32_t fd_index = 0;  ///< index into Message::fds; parts of one file share it
    uint64_t offset = 0;
    uint64_t length = 0;
    void fields(auto& io) { io(fd_index, offset, length); }
};

struct Ref {
    RefKind kind = RefKind::null;
    uint64_t id = 0;
    std::string class_name;
    Value value;
    uint32_t fd_index = 0;  ///< index into Message::fds
    uint64_t offset = 0;
    uint64_t length = 0;
    uint64_t options = 0;
    std::vector<MemoryPart> more;  ///< of a memory descriptor: what follows the first range
    void fields(auto& io) {
        io(kind, id, class_name, value, fd_index, offset, length, options, more);
    }
};

/// A method call on an object, as generated code makes it: the message without its process-local
/// head.
struct Invocation {
    uint64_t object = 0;      ///< registry entry id of the receiver
    uint64_t msgid = 0;       ///< generated X_m_ID
    uint64_t flags = 0;       ///< IORPC flags: one-way, …
    uint32_t reply_size = 0;  ///< the caller's room for plain reply bytes
    std::vector<Ref> refs;  ///< object arguments in declaration order, the receiver not among them
    std::vector<uint8_t> plain;  ///< the plain arguments, laid out as the generated struct
    void fields(auto& io) { io(object, msgid, flags, reply_size, refs, plain); }
};

/// The answer to an Invocation.
struct InvocationResult {
    int32_t io_return = 0;
    std::vector<Ref> refs;
    std::vector<uint8_t> plain;
    void fields(auto& io) { io(io_return, refs, plain); }
};

}  // namespace opendext::protocol
