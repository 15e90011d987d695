// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rpc/fields.h"
#include "rpc/protocol/driver.h"
#include "rpc/value.h"

namespace opendext::crash {

/// Why a driver process dies, as the handler in it told: what only the process itself can know.
using Fault = protocol::driver::Crashed;

/// One function on a stack. The strings come from a file that is not trusted: they are bounded and
/// printable, and may be empty.
struct Frame {
    uint64_t address = 0;    ///< of the instruction, in the process
    std::string function;    ///< demangled
    uint64_t offset = 0;     ///< of the instruction in the function
    std::string file;        ///< of the source
    uint32_t line = 0;       ///< 0: not known
    std::string module;      ///< path of the executable or library
    uint64_t in_module = 0;  ///< address in the file: what addr2line wants
    bool inlined = false;    ///< the next frame is the one that it was compiled into
    void fields(auto& io) { io(address, function, offset, file, line, module, in_module, inlined); }
};

struct Register {
    std::string name;
    uint64_t value = 0;
    void fields(auto& io) { io(name, value); }
};

struct Thread {
    int32_t id = 0;
    std::string name;
    bool faulting = false;
    std::string doing;  ///< "running", "in futex", "in poll", … at the moment when it was stopped
    std::vector<Register> registers;  ///< where they could be read
    std::vector<Frame> frames;        ///< innermost first
    std::string end;  ///< why there are no more frames; empty if the stack ends there
    void fields(auto& io) { io(id, name, faulting, doing, registers, frames, end); }
};

/// What the process used of what it may have; 0: not known, or no limit.
struct Usage {
    uint64_t address_space = 0;  ///< bytes
    uint64_t address_space_limit = 0;
    uint64_t resident = 0;  ///< bytes
    uint32_t descriptors = 0;
    uint32_t descriptors_limit = 0;
    uint32_t threads = 0;
    void fields(auto& io) {
        io(address_space, address_space_limit, resident, descriptors, descriptors_limit, threads);
    }
};

struct Module {
    std::string path;
    std::string build_id;  ///< hexadecimal digits; empty if the file has none
    uint64_t begin = 0;
    uint64_t end = 0;
    void fields(auto& io) { io(path, build_id, begin, end); }
};

/// What opendext-stacks found out about a process. Bounded: see crash/limits.h.
struct Stacks {
    std::vector<Thread> threads;  ///< the faulting one first
    std::vector<Module> modules;
    Usage usage;
    std::vector<std::string> notes;  ///< what is missing, and why
    void fields(auto& io) { io(threads, modules, usage, notes); }

    /// Makes it fit crash/limits.h, and every string safe for a terminal: whoever sent it is not
    /// trusted.
    void clean();
    /// One line for each thread that is in a file below `folder` (the bundle), or for each thread
    /// if none is: what it does, and where.
    [[nodiscard]] std::vector<std::string> summary(const std::string& folder) const;
    /// For people: one paragraph a thread, one line a frame.
    [[nodiscard]] std::string to_text() const;
    /// {threads: [...], modules: [...], usage: {...}, notes: [...]};
    /// docs/schemas/opendext-crash.json.
    [[nodiscard]] Dictionary to_dictionary() const;
};

/// What opendext-stacks writes, as one encoded body (rpc/codec.h).
struct Answer {
    std::string error;  ///< empty: there are stacks
    Stacks stacks;
    void fields(auto& io) { io(error, stacks); }
};

/// Bytes to and from the fields of T, without a message around them.
template <typename T>
[[nodiscard]] std::vector<uint8_t> to_bytes(T content) {
    Writer writer;
    FieldWriter io(writer);
    content.fields(io);
    return writer.take();
}
template <typename T>
[[nodiscard]] Result<T> from_bytes(std::span<const uint8_t> bytes, std::string_view what) {
    Reader reader(bytes);
    FieldReader io(reader);
    T content;
    content.fields(io);
    OD_TRY(reader.finish(what));
    return content;
}

}  // namespace opendext::crash
