// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "rpc/driver_start.h"
#include "rpc/result.h"
#include "rpc/sandbox_calls.h"

namespace opendext::prepared {

/// A family's library, by the name that executables ask for, and the system calls that it needs.
struct Family {
    std::string library;
    SandboxCalls calls;
};
struct Libraries {
    opendext_driver_main_t entry = nullptr;       ///< of the runtime
    std::vector<Family> families;                 ///< those that need calls
    opendext_driver_prepare_t prepare = nullptr;  ///< of the runtime, if it has one
};

/// The runtime, the families' libraries and those of the system as LD_PRELOAD takes them, for the
/// start of a prepared process. What is there from a program's start shares one list of scopes, and
/// what the loader keeps of it lies together: loading a dext then changes few pages. "" where a
/// path has a character that separates.
std::string preloaded_libraries();

/// Loads everything that a driver process needs besides its dext, for good and visible to all: the
/// runtime, the driver halves of the families (every lib/*DriverKit.so.* of the installation), and
/// the system libraries that a dext or a running C++ program asks for late. `runtime` overrides the
/// path of the runtime (tests).
Result<Libraries> load_libraries(const std::filesystem::path& runtime);

}  // namespace opendext::prepared
