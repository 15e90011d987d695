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
    opendext_driver_main_t entry = nullptr;  ///< of the runtime
    std::vector<Family> families;            ///< those that need calls
};

/// Loads everything that a driver process needs besides its dext, for good and visible to all: the
/// runtime, the driver halves of the families (every lib/*DriverKit.so.* of the installation), and
/// the system libraries that a dext or a running C++ program asks for late. `runtime` overrides the
/// path of the runtime (tests).
Result<Libraries> load_libraries(const std::filesystem::path& runtime);

}  // namespace opendext::prepared
