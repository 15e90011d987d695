// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include "rpc/result.h"

namespace opendext::bundle {

/// Success for a regular file that is an ELF shared object of this machine's architecture. Follows
/// no symbolic link in the last component: a bundle's executable lies in the bundle.
[[nodiscard]] Status check_shared_object(const std::filesystem::path& path);

}  // namespace opendext::bundle
