// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "daemon/crashes/recent.h"

namespace opendext::daemon {

/// "Call of IOService::RegisterService on entry 0x12", "Start", "Create".
[[nodiscard]] std::string message_text(const Recent::Traffic& message);

}  // namespace opendext::daemon
