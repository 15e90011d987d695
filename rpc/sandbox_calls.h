// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

/// System calls that a driver process may make, as a list. The runtime's part is in
/// keeper/prepared/rules.cpp; a family's driver half brings its own by exporting one object, which
/// the prepared process finds when it loads the library. It goes to the processes whose executable
/// names that library, and to no others.
///
///     extern "C" [[gnu::visibility("default")]] const opendext::SandboxCalls
///         opendext_sandbox_calls = {sizeof(opendext::SandboxCalls), "serial", kCalls,
///                                   std::size(kCalls)};
///
/// What stands in a list must act on the process itself or on descriptors that it was given: no
/// call that names a path, makes a socket or a process, or reaches another process.
namespace opendext {

/// A condition on one argument: (argument & mask) == value. Mask 0: no condition.
struct CallCondition {
    uint32_t argument = 0;
    uint64_t mask = 0;
    uint64_t value = 0;
};

/// ioctl commands, prctl options and the like are 32 bits wide; the kernel ignores the upper half.
constexpr CallCondition argument_is(uint32_t argument, uint32_t value) {
    return {argument, 0xffffffff, value};
}
constexpr CallCondition argument_without(uint32_t argument, uint64_t bits) {
    return {argument, bits, 0};
}

/// A call that is allowed when both conditions hold. Names that this architecture does not have are
/// passed over.
struct CallRule {
    const char* call = nullptr;
    CallCondition when = {};
    CallCondition also = {};
};

struct SandboxCalls {
    uint32_t size = sizeof(SandboxCalls);  ///< of the struct as its maker knows it
    const char* family = nullptr;          ///< "serial"; for those who read the list
    const CallRule* rules = nullptr;
    size_t count = 0;
};

inline constexpr const char* kSandboxCallsSymbol = "opendext_sandbox_calls";

}  // namespace opendext
