// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <filesystem>
#include <string_view>

#include "rpc/realm.h"

namespace opendext {

/// Libraries of the system that a driver process has before its sandbox closes. glibc loads
/// libgcc_s only when a thread is cancelled or a stack is unwound; a dext names the others as
/// needed.
inline constexpr std::array kSystemLibraries{
    "libgcc_s.so.1",   "libstdc++.so.6", "libm.so.6",  "libBlocksRuntime.so.0",
    "libpthread.so.0", "libdl.so.2",     "librt.so.1",
};

/// Whether a driver process has the library of that name, which a dext names as needed: those of
/// the system, the runtime and the families, and what a compiler adds for its sanitizers.
[[nodiscard]] inline bool is_driver_library(std::string_view name) {
    std::error_code none;
    return std::ranges::find(kSystemLibraries, name) != kSystemLibraries.end() ||
           name == "libc.so.6" || name.starts_with("ld-linux") ||
           name.starts_with("libclang_rt.") ||
           std::filesystem::exists(installation_prefix() / "lib" / name, none);
}

}  // namespace opendext
