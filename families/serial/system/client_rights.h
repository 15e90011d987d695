// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "daemon/family.h"

namespace opendext::serial {

/// Whether a program may write to a device, and so may do to its port what it asks for: by the
/// device's owner, group and mode, or as root or the realm's owner.
[[nodiscard]] bool may_write(const std::string& path, const daemon::ClientProgram& program);

}  // namespace opendext::serial
