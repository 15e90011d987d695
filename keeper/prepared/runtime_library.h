// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include "rpc/driver_start.h"
#include "rpc/result.h"

namespace opendext::prepared {

/// Loads everything that a driver process needs besides its dext, for good and visible to all: the
/// runtime, the driver halves of the families (every lib/*DriverKit.so.* of the installation), and
/// the system libraries that a dext or a running C++ program asks for late. `runtime` overrides the
/// path of the runtime (tests). Returns the entry point of the runtime.
Result<opendext_driver_main_t> load_libraries(const std::filesystem::path& runtime);

}  // namespace opendext::prepared
