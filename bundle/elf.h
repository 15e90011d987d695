// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "bundle/elf_object.h"
#include "rpc/result.h"

namespace opendext::bundle {

/// The executable of a bundle: a regular file (no symbolic link: it lies in the bundle), and a
/// shared object of this machine that can be loaded. The error names the file, what is wrong with
/// it, and what to do.
[[nodiscard]] Result<ElfObject> read_shared_object(const std::filesystem::path& path);

/// The function of a shared object that has the byte at `offset` of the file, as C++ writes it;
/// empty if no symbol tells. For messages.
[[nodiscard]] std::string function_at(const std::filesystem::path& path, uint64_t offset);

}  // namespace opendext::bundle
