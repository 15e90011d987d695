// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "rpc/result.h"

namespace opendext::bundle {

/// Success for a regular file that is an ELF shared object of this machine's architecture. Follows
/// no symbolic link in the last component: a bundle's executable lies in the bundle.
[[nodiscard]] Status check_shared_object(const std::filesystem::path& path);

/// The libraries that a shared object names (DT_NEEDED), in its order. At most 64; names longer
/// than 255 bytes are an error, as is everything that check_shared_object refuses.
[[nodiscard]] Result<std::vector<std::string>> needed_libraries(const std::filesystem::path& path);

/// The function of a shared object that has the byte at `offset` of the file, as C++ writes it;
/// empty if no symbol tells. For messages.
[[nodiscard]] std::string function_at(const std::filesystem::path& path, uint64_t offset);

}  // namespace opendext::bundle
